//! Figures of a model before and after training, from its answers alone.
//!
//! Everything here is a function of texts and numbers: no model, no device, no clock, and the same
//! input gives the same bits. [`judge`] says how harmful an answer sounds and how far that can be
//! trusted, [`refusal`] whether it declines, [`text`] whether it still is a text, [`bootstrap`]
//! how sure a mean is, [`overlap`] keeps training prompts out of the evaluation, and [`metrics`]
//! is what gets written.

pub mod bootstrap;
mod error;
pub mod judge;
pub mod metrics;
pub mod overlap;
pub mod refusal;
mod table;
pub mod text;

pub use error::EvaluateError;
pub use judge::{Example, Judge, JudgeConfig, JudgeKind};
pub use metrics::{AnswerPair, Estimate, Evaluation, JudgeReport};
