//! What can be wrong with an objective before a run starts.

/// A configuration that describes no usable loss.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ObjectiveError {
    /// A hyperparameter is NaN or infinite.
    #[error("field `{field}` of objective `{objective}` is {value}, which is not a finite number")]
    NotFinite {
        /// Name of the objective, as in a run file.
        objective: &'static str,
        /// Name of the field, as in a run file.
        field: &'static str,
        /// The value that was given.
        value: f64,
    },
    /// A hyperparameter is finite and outside the values for which the loss means something.
    #[error("field `{field}` of objective `{objective}` is {value}, expected {expected}")]
    OutOfRange {
        /// Name of the objective, as in a run file.
        objective: &'static str,
        /// Name of the field, as in a run file.
        field: &'static str,
        /// The value that was given.
        value: f64,
        /// The accepted values, in words.
        expected: &'static str,
    },
    /// Every coefficient is zero: the loss is a constant and nothing would be learned.
    #[error("objective `{objective}` has no effect: {reason}")]
    NoEffect {
        /// Name of the objective, as in a run file.
        objective: &'static str,
        /// Which coefficients are zero.
        reason: &'static str,
    },
}

impl ObjectiveError {
    /// A remedy in one sentence, for a `hint:` line under the message.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::NotFinite { field, .. } => {
                format!("write `{field}` as a plain decimal number, for example 0.1")
            }
            Self::OutOfRange { field, expected, .. } => {
                format!("set `{field}` to {expected}, or leave it out to take the default")
            }
            Self::NoEffect { .. } => "give at least one of the coefficients a value above zero".into(),
        };
        Some(hint)
    }
}
