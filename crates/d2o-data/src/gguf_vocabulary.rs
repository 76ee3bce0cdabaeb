//! A tokenizer from the vocabulary that a GGUF file carries.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};

use crate::error::DataError;
use crate::tokenizer::TextTokenizer;

/// The vocabulary of a GGUF file (`tokenizer.ggml.*`).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GgufVocabulary {
    /// Kind of tokenizer; `gpt2`, byte-level BPE, is built here.
    pub model: String,
    /// Name of the pre-tokenizer, such as `smollm`.
    pub pre: String,
    /// Token texts, by id.
    pub tokens: Vec<String>,
    /// Token types, by id; 3 is control, 4 user-defined.
    pub token_types: Vec<i32>,
    /// Merges: two token texts with a space between them.
    pub merges: Vec<String>,
    /// Beginning of sequence.
    pub bos: Option<u32>,
    /// End of sequence.
    pub eos: Option<u32>,
    /// Unknown token.
    pub unk: Option<u32>,
}

const CONTROL: i32 = 3;
const USER_DEFINED: i32 = 4;

/// How Llama 3 splits text before merging.
const LLAMA3: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
/// How Qwen 2 does: the same with single digits.
const QWEN2: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

impl TextTokenizer {
    /// Builds the tokenizer of a GGUF vocabulary; `path` is named in errors.
    ///
    /// # Errors
    /// [`DataError::Tokenizer`] naming a kind or pre-tokenizer that is not known.
    pub fn from_gguf(path: &Path, vocabulary: &GgufVocabulary) -> Result<Self, DataError> {
        let wrong = |reason: String| DataError::Tokenizer { path: path.to_path_buf(), reason };
        if vocabulary.model != "gpt2" {
            return Err(wrong(format!("tokenizer model `{}` is not supported; `gpt2` (byte-level BPE) is", vocabulary.model)));
        }
        let (normalizer, pre_tokenizer) = splitting(&vocabulary.pre)
            .ok_or_else(|| wrong(format!("pre-tokenizer `{}` is not known; smollm, gpt-2, llama-bpe and qwen2 are", vocabulary.pre)))?;
        let vocab: BTreeMap<&str, usize> = vocabulary.tokens.iter().enumerate().map(|(id, token)| (token.as_str(), id)).collect();
        let merges: Vec<[&str; 2]> = vocabulary
            .merges
            .iter()
            .map(|merge| merge.split_once(' ').map(|(a, b)| [a, b]).ok_or_else(|| wrong(format!("merge `{merge}` has no space"))))
            .collect::<Result<_, _>>()?;
        let unknown = vocabulary.unk.and_then(|id| vocabulary.tokens.get(id as usize));
        let json = json!({
            "version": "1.0",
            "truncation": null,
            "padding": null,
            "added_tokens": added(vocabulary),
            "normalizer": normalizer,
            "pre_tokenizer": pre_tokenizer,
            "post_processor": null,
            "decoder": byte_level(true),
            "model": {
                "type": "BPE",
                "dropout": null,
                "unk_token": unknown,
                "continuing_subword_prefix": null,
                "end_of_word_suffix": null,
                "fuse_unk": false,
                "byte_fallback": false,
                "ignore_merges": vocabulary.pre == "llama-bpe",
                "vocab": vocab,
                "merges": merges,
            },
        });
        let bytes = serde_json::to_vec(&json).map_err(|error| wrong(error.to_string()))?;
        Ok(Self::from_bytes(&bytes)?.with_ends(vocabulary.eos, vocabulary.bos))
    }
}

fn added(vocabulary: &GgufVocabulary) -> Vec<Value> {
    let kinds = vocabulary.token_types.iter().zip(&vocabulary.tokens).enumerate();
    kinds
        .filter(|(_, (kind, _))| **kind == CONTROL || **kind == USER_DEFINED)
        .map(|(id, (kind, token))| {
            json!({
                "id": id, "content": token, "special": *kind == CONTROL,
                "single_word": false, "lstrip": false, "rstrip": false, "normalized": false,
            })
        })
        .collect()
}

/// Normalizer and pre-tokenizer by llama.cpp's name.
fn splitting(pre: &str) -> Option<(Value, Value)> {
    let split = |pattern: &str| {
        json!({"type": "Sequence", "pretokenizers": [
            {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": false},
            byte_level(false),
        ]})
    };
    Some(match pre {
        "gpt-2" | "default" => (Value::Null, byte_level(true)),
        "smollm" => {
            let digits = json!({"type": "Digits", "individual_digits": true});
            (Value::Null, json!({"type": "Sequence", "pretokenizers": [digits, byte_level(true)]}))
        }
        "llama-bpe" => (Value::Null, split(LLAMA3)),
        "qwen2" => (json!({"type": "NFC"}), split(QWEN2)),
        _ => return None,
    })
}

fn byte_level(use_regex: bool) -> Value {
    json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": use_regex})
}
