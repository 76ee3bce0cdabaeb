//! How tokens are chosen.

use crate::SamplerError;
use serde::{Deserialize, Serialize};

/// How tokens are chosen from logits, and when to stop.
///
/// The filters apply in this order: repetition penalty, temperature, top-k, top-p, min-p.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SamplerConfig {
    /// Divides the logits. 1 is the model's own distribution; 0 takes the likeliest token always
    /// (of equals the lowest id), and then `top_k`, `top_p` and `min_p` have no effect.
    pub temperature: f64,
    /// Keeps the smallest set of likeliest tokens whose probability reaches this. 1 keeps all.
    pub top_p: f64,
    /// Keeps this many likeliest tokens, and those equal to the last of them. 0 keeps all.
    pub top_k: usize,
    /// Keeps tokens at least this fraction as likely as the likeliest. 0 keeps all.
    pub min_p: f64,
    /// Positive logits of tokens already present, in the prompt too, are divided by this, negative
    /// ones multiplied. 1 changes nothing.
    pub repetition_penalty: f64,
    /// Most tokens to draw per request, at least 1. A stop token counts.
    pub max_new_tokens: usize,
    /// Drawing one of these ends a draft. Empty means that only `max_new_tokens` does.
    pub stop_tokens: Vec<u32>,
}

impl Default for SamplerConfig {
    fn default() -> Self {
        Self {
            temperature: 1.0,
            top_p: 1.0,
            top_k: 0,
            min_p: 0.0,
            repetition_penalty: 1.0,
            max_new_tokens: 128,
            stop_tokens: Vec::new(),
        }
    }
}

impl SamplerConfig {
    /// Checks that every setting lies in its range.
    ///
    /// # Errors
    /// [`SamplerError::Setting`] with the first field that does not.
    pub fn validate(&self) -> Result<(), SamplerError> {
        self.check()
    }

    /// True when no randomness is involved: `temperature` is 0.
    pub fn is_greedy(&self) -> bool {
        self.temperature == 0.0
    }

    pub(crate) fn check<E>(&self) -> Result<(), SamplerError<E>> {
        let finite = |x: f64| x.is_finite();
        let settings: [(&'static str, f64, bool, &'static str); 4] = [
            (
                "temperature",
                self.temperature,
                finite(self.temperature) && self.temperature >= 0.0,
                "a finite number, 0 or more",
            ),
            ("top_p", self.top_p, self.top_p > 0.0 && self.top_p <= 1.0, "a number above 0 and at most 1"),
            ("min_p", self.min_p, (0.0..=1.0).contains(&self.min_p), "a number from 0 to 1"),
            (
                "repetition_penalty",
                self.repetition_penalty,
                finite(self.repetition_penalty) && self.repetition_penalty > 0.0,
                "a finite number above 0",
            ),
        ];
        for (field, value, valid, expected) in settings {
            ensure(field, value, valid, expected)?;
        }
        ensure("max_new_tokens", self.max_new_tokens, self.max_new_tokens > 0, "1 or more")
    }
}

/// Turns a failed condition on `field` into the error that names it.
pub(crate) fn ensure<E>(
    field: &'static str,
    value: impl ToString,
    valid: bool,
    expected: &'static str,
) -> Result<(), SamplerError<E>> {
    if valid {
        return Ok(());
    }
    Err(SamplerError::Setting { field, value: value.to_string(), expected })
}
