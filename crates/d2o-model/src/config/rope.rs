//! Rotary position embedding: its base, its width, and how its frequencies are stretched.

use std::f64::consts::TAU;
use std::path::Path;

use serde_json::{Map, Value};

use crate::error::ModelError;

/// Rotary position embedding (arXiv 2104.09864).
#[derive(Clone, Debug, PartialEq)]
pub struct Rope {
    /// Base of the frequencies.
    pub theta: f64,
    /// How many of a head's dimensions are rotated, from the first on; even.
    pub dim: usize,
    /// How the frequencies are stretched.
    pub scaling: RopeScaling,
}

/// How rotary frequencies are stretched to longer contexts.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum RopeScaling {
    /// Not at all.
    None,
    /// All are divided by `factor` (arXiv 2306.15595).
    Linear {
        /// Divisor.
        factor: f64,
    },
    /// Llama 3.1's: long waves are divided by `factor`, short ones stay, those between are blended.
    Llama3 {
        /// Divisor of the long waves.
        factor: f64,
        /// Waves longer than `original / low` are long.
        low: f64,
        /// Waves shorter than `original / high` are short.
        high: f64,
        /// Context length before stretching, tokens.
        original: f64,
    },
    /// LongRoPE (arXiv 2402.13753), for sequences of at most `original` tokens: longer ones use other factors, which
    /// are not computed.
    LongRope {
        /// Divisor of each frequency.
        short_factors: Vec<f64>,
        /// Factor on cosines and sines.
        amplitude: f64,
        /// The longest sequence, tokens.
        original: usize,
    },
}

impl Rope {
    /// Radians that each pair of dimensions rotates by from one position to the next, `dim / 2` of them.
    pub fn frequencies(&self) -> Vec<f64> {
        let plain = (0..self.dim / 2).map(|i| self.theta.powf(-2.0 * i as f64 / self.dim as f64));
        match &self.scaling {
            RopeScaling::None => plain.collect(),
            RopeScaling::Linear { factor } => plain.map(|frequency| frequency / factor).collect(),
            &RopeScaling::Llama3 { factor, low, high, original } => plain
                .map(|frequency| {
                    // How many waves the original context holds, from `low` to `high` as 0 to 1.
                    let waves = original * frequency / TAU;
                    let kept = ((waves - low) / (high - low)).clamp(0.0, 1.0);
                    (1.0 - kept) * frequency / factor + kept * frequency
                })
                .collect(),
            RopeScaling::LongRope { short_factors, .. } => {
                plain.zip(short_factors).map(|(frequency, factor)| frequency / factor).collect()
            }
        }
    }

    /// Factor on cosines and sines.
    pub fn amplitude(&self) -> f64 {
        match self.scaling {
            RopeScaling::LongRope { amplitude, .. } => amplitude,
            _ => 1.0,
        }
    }

    /// The longest sequence that is computed, if there is a limit.
    pub fn limit(&self) -> Option<usize> {
        match self.scaling {
            RopeScaling::LongRope { original, .. } => Some(original),
            _ => None,
        }
    }
}

/// One object of rotary parameters, as the file has it.
pub(super) struct RopeFields<'a> {
    pub(super) path: &'a Path,
    /// The field it stands in.
    pub(super) field: &'a str,
    pub(super) values: Option<&'a Map<String, Value>>,
    /// The base, where the object names none.
    pub(super) theta: f64,
    /// The part of a head that is rotated, where the object names none; absent if all must be.
    pub(super) part: Option<f64>,
    /// Context lengths, stretched and original, as they stand outside the object.
    pub(super) max_positions: usize,
    pub(super) original: Option<usize>,
}

impl RopeFields<'_> {
    /// The embedding for heads of `head_dim`.
    pub(super) fn resolve(&self, head_dim: usize) -> Result<Rope, ModelError> {
        let kind = self.kind()?;
        let named = self.number("partial_rotary_factor")?;
        let part = named.or(self.part).unwrap_or(1.0);
        let dim = (head_dim as f64 * part) as usize;
        let usable =
            part > 0.0 && part <= 1.0 && (part == 1.0 || (self.part.is_some() && dim > 0 && dim.is_multiple_of(2)));
        if !usable {
            return Err(self.refused("partial_rotary_factor", &part.to_string()));
        }
        let theta = self.number("rope_theta")?.unwrap_or(self.theta);
        Ok(Rope { theta, dim, scaling: self.scaling(kind, dim)? })
    }

    fn scaling(&self, kind: &str, dim: usize) -> Result<RopeScaling, ModelError> {
        let known: &[&str] = match kind {
            "default" => &[],
            "linear" => &["factor"],
            "llama3" => &["factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings"],
            // `su` is what the first Phi-3 files say.
            "longrope" | "su" => {
                &["factor", "short_factor", "long_factor", "attention_factor", "original_max_position_embeddings"]
            }
            other => return Err(ModelError::unsupported(self.path, self.field, other)),
        };
        self.refuse_unknown(known)?;
        match kind {
            "default" => Ok(RopeScaling::None),
            "linear" => Ok(RopeScaling::Linear { factor: self.positive("factor")? }),
            "llama3" => self.llama3(),
            _ => self.longrope(dim),
        }
    }

    fn llama3(&self) -> Result<RopeScaling, ModelError> {
        let [low, high] = [self.positive("low_freq_factor")?, self.positive("high_freq_factor")?];
        if high <= low {
            return Err(self.refused("high_freq_factor", &format!("{high}, not above {low}")));
        }
        let original = self.positive("original_max_position_embeddings")?;
        Ok(RopeScaling::Llama3 { factor: self.positive("factor")?, low, high, original })
    }

    fn longrope(&self, dim: usize) -> Result<RopeScaling, ModelError> {
        let original = match self.original {
            Some(original) => original,
            None => self.positive("original_max_position_embeddings")? as usize,
        };
        let list = self.value("short_factor").and_then(Value::as_array);
        let short_factors: Vec<f64> = list.into_iter().flatten().filter_map(Value::as_f64).collect();
        let usable = short_factors.iter().all(|factor| factor.is_finite() && *factor > 0.0);
        if short_factors.len() != dim / 2 || !usable || original < 2 {
            let value = format!("{short_factors:?} for {} frequencies", dim / 2);
            return Err(self.refused("short_factor", &value));
        }
        let factor = self.number("factor")?.unwrap_or(self.max_positions as f64 / original as f64);
        let by_rule = if factor <= 1.0 { 1.0 } else { (1.0 + factor.ln() / (original as f64).ln()).sqrt() };
        let amplitude = self.number("attention_factor")?.unwrap_or(by_rule);
        Ok(RopeScaling::LongRope { short_factors, amplitude, original })
    }

    fn kind(&self) -> Result<&str, ModelError> {
        match self.value("rope_type").or_else(|| self.value("type")) {
            None => Ok("default"),
            Some(kind) => {
                kind.as_str().ok_or_else(|| ModelError::unsupported(self.path, self.field, &kind.to_string()))
            }
        }
    }

    fn refuse_unknown(&self, known: &[&str]) -> Result<(), ModelError> {
        let common = ["rope_type", "type", "rope_theta", "partial_rotary_factor"];
        let mut keys = self.values.into_iter().flatten().filter(|(_, value)| !value.is_null());
        match keys.find(|(key, _)| !known.contains(&key.as_str()) && !common.contains(&key.as_str())) {
            Some((key, value)) => Err(self.refused(key, &value.to_string())),
            None => Ok(()),
        }
    }

    fn value(&self, key: &str) -> Option<&Value> {
        self.values?.get(key).filter(|value| !value.is_null())
    }

    fn number(&self, key: &str) -> Result<Option<f64>, ModelError> {
        let number = |value: &Value| value.as_f64().ok_or_else(|| self.refused(key, &value.to_string()));
        self.value(key).map(number).transpose()
    }

    fn positive(&self, key: &str) -> Result<f64, ModelError> {
        match self.number(key)? {
            Some(number) if number.is_finite() && number > 0.0 => Ok(number),
            Some(number) => Err(self.refused(key, &number.to_string())),
            None => Err(self.refused(key, "absent")),
        }
    }

    fn refused(&self, key: &str, value: &str) -> ModelError {
        ModelError::unsupported(self.path, &format!("{}.{key}", self.field), value)
    }
}
