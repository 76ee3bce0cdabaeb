//! Architecture, as `config.json` describes it, with every difference between families resolved.

mod check;
mod family;
mod generation;
mod json;
mod layers;
mod model_config;
mod parts;
mod resolve;
mod rope;
mod ropes;

pub use family::Family;
pub(crate) use generation::generation_end_tokens;
pub use model_config::ModelConfig;
pub use parts::{
    Activation, AttentionBias, AttentionInputs, AttentionSpec, FeedForwardInputs, FeedForwardSpec, LayerSpec, NormKind,
    NormSpec, Positions,
};
pub use rope::{Rope, RopeScaling};
