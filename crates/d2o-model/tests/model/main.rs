//! The decoder against a scalar model written from the definition, against itself in other layouts,
//! and against files that are wrong.

mod adapters;
mod broken;
mod cached;
mod export;
mod forward;
mod gradients;
mod lora;
mod placements;
mod scalar;
mod tiny;
mod tracking;
mod training;
mod transformers;
