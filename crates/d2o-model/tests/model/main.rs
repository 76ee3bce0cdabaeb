//! The decoder against transformers and against a scalar model written from the definition, against itself
//! in other layouts, and against files that are wrong.

mod broken;
mod cached;
mod export;
mod families;
mod forward;
mod golden;
mod gradients;
mod lora;
mod parity;
mod placements;
mod sampling;
mod scalar;
mod tiny;
mod tracking;
mod training;
mod transformers;
