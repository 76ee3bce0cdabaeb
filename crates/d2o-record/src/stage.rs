//! Names of the stages of a run, as events carry them.

/// Reading the data: rows become prompts and rejected responses in tokens.
pub const PREPARE: &str = "prepare";
/// Drawing the anchors.
pub const ANCHORS: &str = "anchors";
/// Training.
pub const TRAIN: &str = "train";
/// Evaluating the model before and after.
pub const EVAL: &str = "eval";
/// Training a model from nothing.
pub const PRETRAIN: &str = "pretrain";
