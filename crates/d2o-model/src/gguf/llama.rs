//! Llama in GGUF: its metadata as `config.json`, its tensors in Hugging Face's names and layout.

use serde_json::{Value as Json, json};

use super::reader::{GgufFile, Value};
use crate::error::ModelError;
use crate::names;

/// The vocabulary that a GGUF file carries.
#[derive(Clone, Debug, PartialEq)]
pub struct Vocabulary {
    /// Kind of tokenizer: `gpt2` is byte-level BPE, `llama` SentencePiece.
    pub model: String,
    /// Name of the pre-tokenizer, such as `smollm`.
    pub pre: String,
    /// Token texts, by id.
    pub tokens: Vec<String>,
    /// Token types, by id: 1 normal, 2 unknown, 3 control, 4 user-defined, 6 byte.
    pub token_types: Vec<i32>,
    /// Merges, two token texts with a space between them.
    pub merges: Vec<String>,
    /// Beginning of sequence.
    pub bos: Option<u32>,
    /// End of sequence.
    pub eos: Option<u32>,
    /// Unknown token.
    pub unk: Option<u32>,
    /// Padding.
    pub pad: Option<u32>,
    /// Whether encoding puts `bos` first.
    pub add_bos: bool,
    /// The chat template.
    pub chat_template: Option<String>,
}

/// A tensor of the file: its Hugging Face name and how many heads its rows were permuted for.
struct Place {
    name: String,
    heads: Option<usize>,
}

impl GgufFile {
    /// The metadata as a Hugging Face `config.json`.
    ///
    /// # Errors
    /// [`ModelError::Unsupported`] for another architecture or rope scaling, [`ModelError::Corrupt`] for a missing key.
    pub fn config_json(&self) -> Result<Json, ModelError> {
        let architecture = self.text("general.architecture")?;
        if architecture != "llama" {
            return Err(self.unsupported("general.architecture", architecture));
        }
        if let Some(kind) = self.metadata("llama.rope.scaling.type").and_then(Value::as_text).filter(|&kind| kind != "none") {
            return Err(self.unsupported("llama.rope.scaling.type", kind));
        }
        let heads = self.integer("llama.attention.head_count")?;
        let hidden = self.integer("llama.embedding_length")?;
        let optional = |key: &str| self.metadata(key).and_then(Value::as_integer);
        let vocabulary = self.metadata("tokenizer.ggml.tokens").and_then(Value::as_list).map_or(0, <[Value]>::len);
        let embedding = self.shape("token_embd.weight").map(|shape| shape[0]);
        let tied = self.shape("output.weight").is_none();
        Ok(json!({
            "architectures": ["LlamaForCausalLM"],
            "model_type": "llama",
            "hidden_act": "silu",
            "vocab_size": embedding.unwrap_or(vocabulary),
            "hidden_size": hidden,
            "intermediate_size": self.integer("llama.feed_forward_length")?,
            "num_hidden_layers": self.integer("llama.block_count")?,
            "num_attention_heads": heads,
            "num_key_value_heads": optional("llama.attention.head_count_kv").unwrap_or(heads),
            "head_dim": optional("llama.rope.dimension_count").unwrap_or(hidden / heads.max(1)),
            "rope_theta": self.metadata("llama.rope.freq_base").and_then(Value::as_float).unwrap_or(10_000.0),
            "rms_norm_eps": shortest(self.float("llama.attention.layer_norm_rms_epsilon")?),
            "max_position_embeddings": self.integer("llama.context_length")?,
            "tie_word_embeddings": tied,
            "attention_bias": false,
            "mlp_bias": false,
            "bos_token_id": optional("tokenizer.ggml.bos_token_id"),
            "eos_token_id": optional("tokenizer.ggml.eos_token_id"),
            "pad_token_id": optional("tokenizer.ggml.padding_token_id"),
        }))
    }

    /// All tensors in Hugging Face's names and layout, one at a time.
    ///
    /// # Errors
    /// [`ModelError::UnexpectedTensor`] for a name that a Llama has no place for.
    pub fn hf_tensors(&self) -> Result<impl Iterator<Item = Result<(String, Vec<usize>, Vec<f32>), ModelError>>, ModelError> {
        let heads = usize::try_from(self.integer("llama.attention.head_count")?).unwrap_or(0);
        let kv_heads = self.metadata("llama.attention.head_count_kv").and_then(Value::as_integer);
        let kv_heads = kv_heads.and_then(|heads| usize::try_from(heads).ok()).unwrap_or(heads);
        let mut places = Vec::new();
        for name in self.tensor_names() {
            let place = place(name, heads, kv_heads).ok_or_else(|| ModelError::UnexpectedTensor {
                path: self.path().to_path_buf(),
                name: name.to_owned(),
            })?;
            places.push((name.to_owned(), place));
        }
        Ok(places.into_iter().map(|(name, place)| {
            let (shape, values) = self.tensor_f32(&name)?;
            let values = match place.heads {
                Some(heads) => self.unpermuted(&name, &shape, values, heads)?,
                None => values,
            };
            Ok((place.name, shape, values))
        }))
    }

    /// The vocabulary and the chat template.
    ///
    /// # Errors
    /// [`ModelError::Corrupt`] if the file has none.
    pub fn vocabulary(&self) -> Result<Vocabulary, ModelError> {
        let texts = |key: &str| -> Option<Vec<String>> {
            let list = self.metadata(key)?.as_list()?;
            list.iter().map(|value| value.as_text().map(str::to_owned)).collect()
        };
        let id = |key: &str| {
            let id = self.metadata(&format!("tokenizer.ggml.{key}_token_id")).and_then(Value::as_integer);
            id.and_then(|id| u32::try_from(id).ok())
        };
        let tokens = texts("tokenizer.ggml.tokens").ok_or_else(|| self.missing("tokenizer.ggml.tokens"))?;
        let types = self.metadata("tokenizer.ggml.token_type").and_then(Value::as_list).unwrap_or_default();
        let token_types = types.iter().map(|kind| kind.as_integer().unwrap_or(1) as i32).collect();
        Ok(Vocabulary {
            model: self.text("tokenizer.ggml.model")?.to_owned(),
            pre: self.metadata("tokenizer.ggml.pre").and_then(Value::as_text).unwrap_or("default").to_owned(),
            tokens,
            token_types,
            merges: texts("tokenizer.ggml.merges").unwrap_or_default(),
            bos: id("bos"),
            eos: id("eos"),
            unk: id("unknown"),
            pad: id("padding"),
            add_bos: matches!(self.metadata("tokenizer.ggml.add_bos_token"), Some(Value::Bool(true))),
            chat_template: self.metadata("tokenizer.chat_template").and_then(Value::as_text).map(str::to_owned),
        })
    }

    /// llama.cpp interleaves the two halves of each head's rows in `q` and `k`; this puts them back.
    fn unpermuted(&self, name: &str, shape: &[usize], values: Vec<f32>, heads: usize) -> Result<Vec<f32>, ModelError> {
        let wrong = || ModelError::Corrupt {
            path: self.path().to_path_buf(),
            reason: format!("tensor `{name}` of shape {shape:?} does not divide into {heads} heads"),
        };
        let &[rows, width] = shape else { return Err(wrong()) };
        if heads == 0 || !rows.is_multiple_of(2 * heads) {
            return Err(wrong());
        }
        let half = rows / heads / 2;
        let mut result = Vec::with_capacity(values.len());
        for head in 0..heads {
            for side in 0..2 {
                for index in 0..half {
                    let row = head * 2 * half + 2 * index + side;
                    result.extend_from_slice(&values[row * width..(row + 1) * width]);
                }
            }
        }
        Ok(result)
    }

    fn text(&self, key: &str) -> Result<&str, ModelError> {
        self.metadata(key).and_then(Value::as_text).ok_or_else(|| self.missing(key))
    }

    fn integer(&self, key: &str) -> Result<i64, ModelError> {
        self.metadata(key).and_then(Value::as_integer).ok_or_else(|| self.missing(key))
    }

    fn float(&self, key: &str) -> Result<f64, ModelError> {
        self.metadata(key).and_then(Value::as_float).ok_or_else(|| self.missing(key))
    }

    fn missing(&self, key: &str) -> ModelError {
        ModelError::Corrupt { path: self.path().to_path_buf(), reason: format!("metadata `{key}` is missing") }
    }

    fn unsupported(&self, option: &str, value: &str) -> ModelError {
        ModelError::Unsupported {
            path: self.path().to_path_buf(),
            option: option.to_owned(),
            value: value.to_owned(),
        }
    }
}

/// An epsilon stored as f32 in its shortest decimal form: 1e-5, not 9.99999974737875e-06.
fn shortest(value: f64) -> f64 {
    format!("{}", value as f32).parse().unwrap_or(value)
}

fn place(name: &str, heads: usize, kv_heads: usize) -> Option<Place> {
    let plain = |name: &str| Some(Place { name: name.to_owned(), heads: None });
    match name {
        "token_embd.weight" => return plain(names::EMBEDDING),
        "output_norm.weight" => return plain(names::FINAL_NORM),
        "output.weight" => return plain(names::HEAD),
        _ => {}
    }
    let (layer, rest) = name.strip_prefix("blk.")?.split_once('.')?;
    let layer: usize = layer.parse().ok()?;
    let (module, heads) = match rest.strip_suffix(".weight")? {
        "attn_q" => ("self_attn.q_proj", Some(heads)),
        "attn_k" => ("self_attn.k_proj", Some(kv_heads)),
        "attn_v" => ("self_attn.v_proj", None),
        "attn_output" => ("self_attn.o_proj", None),
        "attn_norm" => ("input_layernorm", None),
        "ffn_norm" => ("post_attention_layernorm", None),
        "ffn_gate" => ("mlp.gate_proj", None),
        "ffn_up" => ("mlp.up_proj", None),
        "ffn_down" => ("mlp.down_proj", None),
        _ => return None,
    };
    Some(Place { name: names::in_layer(layer, &format!("{module}.weight")), heads })
}
