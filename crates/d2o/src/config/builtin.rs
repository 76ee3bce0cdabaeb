//! Data sets that are compiled in.

use d2o_data::{DataError, PromptRow, parse_prompts};
pub use d2o_datasets::RETAIN;

use crate::config::ConfigError;

/// `eval.harmful` of a run that is measured in Hearth.
pub const HEARTH: &str = "builtin:hearth";

/// The text of `builtin:NAME`.
///
/// # Errors
/// [`ConfigError::Value`] for an unknown name.
pub fn text(name: &str) -> Result<&'static str, ConfigError> {
    d2o_datasets::prompt_set(name).ok_or_else(|| ConfigError::Value {
        at: "run file".to_owned(),
        field: "eval.benign",
        expected: "builtin: and benign, sounding_harmful, retain, retain_everyday or retain_sounding",
        got: format!("builtin:{name}"),
    })
}

/// The rows of a built-in set.
///
/// # Errors
/// A row that cannot be read.
pub fn prompts(text: &str) -> Result<Vec<PromptRow>, DataError> {
    parse_prompts("built-in.jsonl".as_ref(), text)
}
