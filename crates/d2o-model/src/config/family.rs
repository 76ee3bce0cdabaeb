//! Families of decoders, by the names that transformers gives their classes.

use std::path::Path;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::error::ModelError;

/// A family of decoders: its names of the weights, and what its `config.json` leaves unsaid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Family {
    /// Llama 1, 2 and 3, SmolLM 1 and 2.
    Llama,
    /// Mistral, with or without sliding window.
    Mistral,
    /// Qwen 2 and 2.5.
    Qwen2,
    /// Qwen 3, dense.
    Qwen3,
    /// Phi-3, Phi-3.5 and Phi-4, dense.
    Phi3,
    /// Gemma 2.
    Gemma2,
    /// Gemma 3, text only.
    Gemma3,
    /// SmolLM 3.
    SmolLm3,
    /// GPT-2.
    Gpt2,
}

/// Class, model type and family.
const KNOWN: [(&str, &str, Family); 9] = [
    ("LlamaForCausalLM", "llama", Family::Llama),
    ("MistralForCausalLM", "mistral", Family::Mistral),
    ("Qwen2ForCausalLM", "qwen2", Family::Qwen2),
    ("Qwen3ForCausalLM", "qwen3", Family::Qwen3),
    ("Phi3ForCausalLM", "phi3", Family::Phi3),
    ("Gemma2ForCausalLM", "gemma2", Family::Gemma2),
    ("Gemma3ForCausalLM", "gemma3_text", Family::Gemma3),
    ("SmolLM3ForCausalLM", "smollm3", Family::SmolLm3),
    ("GPT2LMHeadModel", "gpt2", Family::Gpt2),
];

/// Fields in which larger models keep the configuration of their text part.
const TEXT_PARTS: [&str; 3] = ["text_config", "llm_config", "language_config"];

/// What says which class of models a file is for.
#[derive(Deserialize)]
pub(super) struct Identity {
    architectures: Option<Vec<String>>,
    model_type: Option<String>,
    /// Code of the model's own, which transformers would run.
    auto_map: Option<Value>,
    #[serde(flatten)]
    others: Map<String, Value>,
}

impl Identity {
    /// The family, by the first of `architectures`, or by `model_type` where there is none.
    ///
    /// # Errors
    /// [`ModelError::Architecture`] for a class that is not computed, two that contradict each other, or none;
    /// [`ModelError::Unsupported`] for a known class whose sizes stand in a part of the file.
    pub(super) fn family(&self, path: &Path) -> Result<Family, ModelError> {
        let named = self.architectures.as_ref().and_then(|list| list.first());
        let (class, kind, family) = match (named, &self.model_type) {
            (Some(name), _) => {
                known(|(class, ..)| class == name).ok_or_else(|| self.refused(path, "architectures", name))?
            }
            (None, Some(name)) => {
                known(|(_, kind, _)| kind == name).ok_or_else(|| self.refused(path, "model_type", name))?
            }
            (None, None) => return Err(self.refused(path, "architectures", "absent")),
        };
        // Transformers goes by `model_type`, others by the class: where they differ, so do the models.
        if let Some(other) = self.model_type.as_ref().filter(|other| *other != kind) {
            return Err(self.refused(path, "model_type", &format!("{other} where `architectures` is {class}")));
        }
        match self.text_part() {
            Some((field, _)) => Err(ModelError::unsupported(path, field, "given: the text part of a larger model")),
            None => Ok(family),
        }
    }

    fn text_part(&self) -> Option<(&'static str, &Map<String, Value>)> {
        TEXT_PARTS
            .into_iter()
            .find_map(|field| Some((field, self.others.get(field)?.as_object().filter(|part| !part.is_empty())?)))
    }

    fn refused(&self, path: &Path, option: &str, value: &str) -> ModelError {
        ModelError::Architecture {
            path: path.to_path_buf(),
            option: option.to_owned(),
            value: value.to_owned(),
            supported: KNOWN.map(|(class, ..)| class).join(", "),
            advice: self.advice(),
        }
    }

    /// What this file in particular suggests.
    fn advice(&self) -> Option<String> {
        if let Some((field, part)) = self.text_part() {
            let kind = part.get("model_type").and_then(Value::as_str).unwrap_or_default();
            return Some(match known(|(_, name, _)| *name == kind) {
                Some((class, ..)) => format!(
                    "its text part (`{field}`) alone is read where it is saved by itself, as {class}, with a config.json \
                     of its own"
                ),
                None => format!("its text part (`{field}`) is of none of the classes that are read"),
            });
        }
        let own_code = self.auto_map.as_ref().is_some_and(|map| !map.is_null());
        own_code.then(|| "code that comes with a model (`auto_map`) is not run".to_owned())
    }
}

fn known(is: impl Fn(&(&str, &str, Family)) -> bool) -> Option<(&'static str, &'static str, Family)> {
    KNOWN.into_iter().find(|entry| is(entry))
}
