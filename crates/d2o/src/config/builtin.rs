//! Data sets that are compiled in.

use d2o_data::{DataError, PromptRow, parse_prompts};

use crate::config::ConfigError;

/// Everyday requests with good answers, for evaluation.
pub const BENIGN: &str = include_str!("../../../../datasets/benign.jsonl");
/// Harmless requests that sound harmful, for evaluation.
pub const SOUNDING_HARMFUL: &str = include_str!("../../../../datasets/sounding_harmful.jsonl");
/// Everyday requests with good answers that the stop rules look at.
pub const RETAIN: &str = include_str!("../../../../datasets/retain.jsonl");

/// Everyday requests in many forms, to be held to the base on.
pub const RETAIN_EVERYDAY: &str = include_str!("../../../../datasets/retain_everyday.jsonl");

/// Harmless requests that sound harmful or are worded as harmful ones often are, to be held to the base on.
pub const RETAIN_SOUNDING: &str = include_str!("../../../../datasets/retain_sounding.jsonl");

/// The text of `builtin:NAME`.
///
/// # Errors
/// [`ConfigError::Value`] for an unknown name.
pub fn text(name: &str) -> Result<&'static str, ConfigError> {
    match name {
        "benign" => Ok(BENIGN),
        "sounding_harmful" => Ok(SOUNDING_HARMFUL),
        "retain" => Ok(RETAIN),
        "retain_everyday" => Ok(RETAIN_EVERYDAY),
        "retain_sounding" => Ok(RETAIN_SOUNDING),
        _ => Err(ConfigError::Value {
            at: "run file".to_owned(),
            field: "eval.benign",
            expected: "builtin: and benign, sounding_harmful, retain, retain_everyday or retain_sounding",
            got: format!("builtin:{name}"),
        }),
    }
}

/// The rows of a built-in set.
///
/// # Errors
/// A row that cannot be read.
pub fn prompts(text: &str) -> Result<Vec<PromptRow>, DataError> {
    parse_prompts("built-in.jsonl".as_ref(), text)
}
