#![doc = include_str!("../README.md")]

pub mod anchors;
mod answers;
mod cached;
mod error;
mod model;
mod origins;
mod weights;

pub use answers::{Answer, Decoding, answer, answer_begun, continuations, ending, row_seed};
pub use cached::CachedLm;
pub use error::GenerateError;
pub use model::LanguageModel;
pub use origins::Origins;
pub use weights::SamplingWeights;
