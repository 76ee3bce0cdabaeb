//! The rotary embeddings of a model: where its file says them, and what it leaves unsaid.

use std::path::Path;

use serde_json::{Map, Value};

use super::family::Family;
use super::json::Fields;
use super::rope::{Rope, RopeFields};
use crate::error::ModelError;

/// Phi-3's context length before stretching, where its file does not say.
const PHI3_CONTEXT: usize = 4096;
/// Base of the rotary embedding in Gemma 3's layers that slide, where its file does not say.
const GEMMA3_LOCAL_BASE: f64 = 1e4;

impl Fields {
    /// The rotary embeddings that layers refer to; Gemma 3 has a second one for the layers that slide.
    ///
    /// Newer files say all in `rope_parameters`, older ones the base beside `rope_scaling`, which comes first
    /// where both are there, as in transformers.
    pub(super) fn ropes(&self, path: &Path, family: Family, head_dim: usize) -> Result<Vec<Rope>, ModelError> {
        let parameters = object(path, "rope_parameters", self.rope_parameters.as_ref())?;
        let scaling = object(path, "rope_scaling", self.rope_scaling.as_ref())?;
        let base = self.rope_theta.unwrap_or(match family {
            Family::SmolLm3 => 2e6,
            Family::Gemma3 => 1e6,
            _ => 1e4,
        });
        let ropes = match (family, scaling, parameters) {
            (Family::Gpt2, None, None) => Vec::new(),
            (Family::Gpt2, ..) => return Err(ModelError::unsupported(path, "rope_parameters", "given")),
            (Family::Gemma3, ..) => self.gemma3(path, base, scaling, parameters)?,
            (_, Some(scaling), _) => {
                let nested = parameters.and_then(|all| all.get("rope_theta")).and_then(Value::as_f64);
                vec![self.rope(path, family, "rope_scaling", Some(scaling), nested.unwrap_or(base))]
            }
            (_, None, _) => vec![self.rope(path, family, "rope_parameters", parameters, base)],
        };
        ropes.iter().map(|fields| fields.resolve(head_dim)).collect()
    }

    fn rope<'a>(
        &self,
        path: &'a Path,
        family: Family,
        field: &'a str,
        values: Option<&'a Map<String, Value>>,
        theta: f64,
    ) -> RopeFields<'a> {
        let phi3 = family == Family::Phi3;
        RopeFields {
            path,
            field,
            values,
            theta,
            part: phi3.then(|| self.partial_rotary_factor.unwrap_or(1.0)),
            max_positions: self.max_position_embeddings,
            original: self.original_max_position_embeddings.or(phi3.then_some(PHI3_CONTEXT)),
        }
    }

    /// The one of the layers that see all, and the one of those that slide; older files stretch the first only.
    fn gemma3<'a>(
        &self,
        path: &'a Path,
        base: f64,
        scaling: Option<&'a Map<String, Value>>,
        parameters: Option<&'a Map<String, Value>>,
    ) -> Result<Vec<RopeFields<'a>>, ModelError> {
        let kinds = ["full_attention", "sliding_attention"];
        let mut keys = parameters.into_iter().flatten().map(|(key, _)| key.as_str());
        if let Some(key) = keys.find(|key| !kinds.contains(key)) {
            return Err(ModelError::unsupported(path, &format!("rope_parameters.{key}"), "not of a kind of layers"));
        }
        let of = |kind| parameters.and_then(|all| all.get(kind)).and_then(Value::as_object);
        let full = match scaling {
            Some(scaling) => self.rope(path, Family::Gemma3, "rope_scaling", Some(scaling), base),
            None => self.rope(path, Family::Gemma3, "rope_parameters.full_attention", of(kinds[0]), base),
        };
        let local = self.rope_local_base_freq.unwrap_or(GEMMA3_LOCAL_BASE);
        let sliding = self.rope(path, Family::Gemma3, "rope_parameters.sliding_attention", of(kinds[1]), local);
        Ok(vec![full, sliding])
    }
}

/// The object in `field`, if one is there and says anything.
fn object<'a>(
    path: &Path,
    field: &str,
    value: Option<&'a Value>,
) -> Result<Option<&'a Map<String, Value>>, ModelError> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Object(values)) => Ok(Some(values).filter(|values| !values.is_empty())),
        Some(other) => Err(ModelError::unsupported(path, field, &other.to_string())),
    }
}
