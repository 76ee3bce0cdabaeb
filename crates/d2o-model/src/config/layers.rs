//! Which layers see how far, and which rotate queries and keys.

use std::path::Path;

use super::family::Family;
use super::json::Fields;
use super::parts::LayerSpec;
use crate::error::ModelError;

/// From which layer on Qwen slides, where its configuration does not say.
const MAX_WINDOW_LAYERS: usize = 28;
/// Every so-manieth layer of Gemma 3 sees all.
const GEMMA3_PATTERN: usize = 6;
/// Every so-manieth layer of SmolLM 3 rotates nothing.
const SMOLLM3_INTERVAL: usize = 4;
/// Most layers of a model; the deepest that are published have some 130. What a damaged file says would fill memory.
const MOST: usize = 10_000;

impl Fields {
    /// One specification for each layer, with `window` as the width where it slides.
    pub(super) fn layer_specs(
        &self,
        path: &Path,
        family: Family,
        window: Option<usize>,
    ) -> Result<Vec<LayerSpec>, ModelError> {
        if self.num_hidden_layers > MOST {
            let found = format!("{}, more than {MOST}", self.num_hidden_layers);
            return Err(ModelError::unsupported(path, "num_hidden_layers", &found));
        }
        let rotated = self.rotary_layers(path, family)?;
        let slides = self.sliding_layers(path, family, window, &rotated)?;
        if slides.contains(&true) && window.is_none() {
            return Err(ModelError::unsupported(path, "sliding_window", "absent where layers slide"));
        }
        let spec = |(slides, rotated): (bool, bool)| LayerSpec {
            window: window.filter(|_| slides),
            rope: rotated.then_some(usize::from(slides && family == Family::Gemma3)),
        };
        Ok(slides.into_iter().zip(rotated).map(spec).collect())
    }

    fn rotary_layers(&self, path: &Path, family: Family) -> Result<Vec<bool>, ModelError> {
        let count = self.num_hidden_layers;
        let every = |rotated| Ok(vec![rotated; count]);
        match (family, &self.no_rope_layers) {
            (Family::Gpt2, _) => every(false),
            (Family::SmolLm3, Some(list)) if list.len() < count || list.iter().any(|&flag| flag > 1) => {
                Err(ModelError::unsupported(path, "no_rope_layers", &format!("{list:?} for {count} layers")))
            }
            // The list says 1 where a layer does rotate.
            (Family::SmolLm3, Some(list)) => Ok(list[..count].iter().map(|&flag| flag == 1).collect()),
            (Family::SmolLm3, None) => match self.no_rope_layer_interval.unwrap_or(SMOLLM3_INTERVAL) {
                0 => Err(ModelError::unsupported(path, "no_rope_layer_interval", "0")),
                interval => Ok((1..=count).map(|number| !number.is_multiple_of(interval)).collect()),
            },
            _ => every(true),
        }
    }

    /// By `layer_types` where the family follows them, by its own rule otherwise.
    fn sliding_layers(
        &self,
        path: &Path,
        family: Family,
        window: Option<usize>,
        rotated: &[bool],
    ) -> Result<Vec<bool>, ModelError> {
        let pattern = self.sliding_window_pattern.unwrap_or(GEMMA3_PATTERN);
        if pattern == 0 {
            return Err(ModelError::unsupported(path, "sliding_window_pattern", "0"));
        }
        let slides = |index: usize| match family {
            Family::Llama | Family::Gpt2 => false,
            Family::Mistral | Family::Phi3 => window.is_some(),
            Family::Qwen2 | Family::Qwen3 => {
                window.is_some() && index >= self.max_window_layers.unwrap_or(MAX_WINDOW_LAYERS)
            }
            Family::SmolLm3 => window.is_some() && !rotated[index],
            Family::Gemma2 => index.is_multiple_of(2),
            Family::Gemma3 => !(index + 1).is_multiple_of(pattern),
        };
        let by_rule: Vec<bool> = (0..self.num_hidden_layers).map(slides).collect();
        let Some(kinds) = &self.layer_types else { return Ok(by_rule) };
        let refuse = |value: &str| Err(ModelError::unsupported(path, "layer_types", value));
        let known = ["full_attention", "sliding_attention"];
        if let Some(kind) = kinds.iter().find(|kind| !known.contains(&kind.as_str())) {
            return refuse(kind);
        }
        let listed: Vec<bool> = kinds.iter().map(|kind| kind == "sliding_attention").collect();
        // Transformers ignores the list in these, so it must say what happens anyway.
        let ignored = matches!(family, Family::Llama | Family::Gpt2 | Family::Mistral | Family::Phi3);
        match listed.iter().zip(&by_rule).position(|(listed, by_rule)| ignored && listed != by_rule) {
            Some(index) => refuse(&kinds[index]),
            None if listed.len() != by_rule.len() => {
                refuse(&format!("a list of {} for {} layers", listed.len(), by_rule.len()))
            }
            None => Ok(listed),
        }
    }
}
