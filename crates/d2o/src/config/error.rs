//! What can be wrong with a run file.

use std::path::PathBuf;

use thiserror::Error;

use super::{places, presets};

/// An error in the configuration.
#[non_exhaustive]
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// Neither a preset nor a file.
    #[error("{name}: neither a preset nor a file")]
    NoSuchConfig {
        /// What was asked for.
        name: String,
    },
    /// Not TOML, or a value of another type.
    #[error("{at}: {reason}")]
    Syntax {
        /// File and line.
        at: String,
        /// What is wrong.
        reason: String,
    },
    /// A key that nothing reads.
    #[error("{at}: unknown key `{key}`")]
    UnknownKey {
        /// File and line, or `--set`.
        at: String,
        /// The key, with its section.
        key: String,
        /// The known key that looks most like it.
        nearest: Option<String>,
    },
    /// `--set` without `=`.
    #[error("--set {assignment}: expected key.path=value")]
    Assignment {
        /// What was given.
        assignment: String,
    },
    /// A value out of range.
    #[error("{at}: field `{field}`: expected {expected}, got {got}")]
    Value {
        /// The file or preset.
        at: String,
        /// The field, with its section.
        field: &'static str,
        /// What was expected.
        expected: &'static str,
        /// What was given.
        got: String,
    },
    /// The objective's knobs are out of range.
    #[error("{at}: [objective]: {reason}")]
    Objective {
        /// The file or preset.
        at: String,
        /// What the objective said.
        reason: String,
    },
    /// The habit cannot be looked for.
    #[error("{at}: {reason}")]
    Habit {
        /// The file or preset.
        at: String,
        /// Field, what was expected and what was given.
        reason: String,
    },
    /// The configuration cannot be written.
    #[error("run.toml cannot be written: {reason}")]
    Write {
        /// Why.
        reason: String,
    },
}

impl ConfigError {
    pub(super) fn syntax(name: &str, text: &str, error: &toml::de::Error) -> Self {
        let at = match error.span() {
            Some(span) => format!("{name}:{}", places::line(text, span.start)),
            None => name.to_owned(),
        };
        Self::Syntax { at, reason: one_line(error.message()) }
    }

    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoSuchConfig { .. } => {
                let names: Vec<&str> = presets::ALL.iter().map(|(name, _)| *name).collect();
                Some(format!("presets are {}; `d2o presets` says what they do", names.join(", ")))
            }
            Self::UnknownKey { nearest: Some(nearest), .. } => Some(format!("did you mean `{nearest}`?")),
            Self::Assignment { .. } => Some("for example --set train.learning_rate=2e-5".to_owned()),
            Self::Value { field, .. } => Some(format!("set it with --set {field}=… or in the run file")),
            Self::Habit { .. } => Some(
                "for example --habit 'pattern:https?://', --habit length:max_words=80 or --habit 'command:python3 judge.py'"
                    .to_owned(),
            ),
            Self::Objective { .. } => Some("each kind of objective has its own fields, with defaults".to_owned()),
            _ => None,
        }
    }
}

/// The parser's messages may span lines; ours do not.
pub(super) fn one_line(message: &str) -> String {
    message.split('\n').map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(", ")
}
