//! Families of decoders, by the names that transformers gives their classes.

use std::path::Path;

use super::json::Fields;
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

impl Fields {
    /// The family, by the first of `architectures`, or by `model_type` where there is none.
    pub(super) fn family(&self, path: &Path) -> Result<Family, ModelError> {
        let named = self.architectures.as_ref().and_then(|list| list.first());
        let found = KNOWN.iter().find(|(class, kind, _)| match (named, &self.model_type) {
            (Some(name), _) => name == class,
            (None, Some(name)) => name == kind,
            (None, None) => false,
        });
        let refuse = |option: &str, value: &str| {
            Err(ModelError::Architecture {
                path: path.to_path_buf(),
                option: option.to_owned(),
                value: value.to_owned(),
                supported: KNOWN.map(|(class, _, _)| class).join(", "),
            })
        };
        match (found, named, &self.model_type) {
            (Some(&(_, _, family)), _, _) => Ok(family),
            (None, Some(name), _) => refuse("architectures", name),
            (None, None, Some(name)) => refuse("model_type", name),
            (None, None, None) => refuse("architectures", "absent"),
        }
    }
}
