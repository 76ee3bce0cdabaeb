#![doc = include_str!("../README.md")]

mod anchors;
mod config;
mod distribution;
mod error;
mod generate;
mod next_logits;
mod uniforms;

pub use anchors::{
    AnchorConfig, AnchorDraft, AnchorDraws, AnchorSlot, DraftCheck, DraftVerdict, DropCounts, Fallback, anchor_seed,
    draw_anchors,
};
pub use config::SamplerConfig;
pub use distribution::{Distribution, DrawnToken};
pub use error::SamplerError;
pub use generate::{Draft, Finish, Request, generate};
pub use next_logits::{NextLogits, Row};
pub use uniforms::Uniforms;
