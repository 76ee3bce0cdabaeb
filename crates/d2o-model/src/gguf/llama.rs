//! Llama in GGUF: its metadata as `config.json`, its tensors in Hugging Face's names and layout.

use serde_json::{Value as Json, json};

use super::reader::GgufFile;
use super::value::Value;
use crate::error::ModelError;
use crate::names;

/// Factors that stretch the rotary frequencies, stored as a tensor.
const ROPE_FREQS: &str = "rope_freqs.weight";

/// Metadata that change what is computed, and the number with which each changes nothing.
const NEUTRAL: [(&str, f64); 9] = [
    ("llama.expert_count", 0.0),
    ("llama.attention.sliding_window", 0.0),
    ("llama.attention.clamp_kqv", 0.0),
    ("llama.attention.max_alibi_bias", 0.0),
    ("llama.logit_scale", 1.0),
    ("llama.residual_scale", 1.0),
    ("llama.embedding_scale", 1.0),
    ("llama.rope.scaling.factor", 1.0),
    ("llama.rope.scale_linear", 1.0),
];

/// The name and the place of a tensor in Hugging Face's layout.
struct Place {
    name: String,
    /// Heads for which llama.cpp permuted the rows.
    permuted_heads: Option<usize>,
}

impl GgufFile {
    /// The metadata as a Hugging Face `config.json`.
    ///
    /// # Errors
    /// [`ModelError::Unsupported`] for another architecture, scaled rotary embedding or any other option
    /// that a plain Llama does not have; [`ModelError::GgufMetadata`] for an absent or unusable value.
    pub fn config_json(&self) -> Result<Json, ModelError> {
        self.refuse_unsupported()?;
        let hidden = self.size("llama.embedding_length")?;
        let [heads, kv_heads] = self.heads()?;
        let [vocabulary, _] = *self.shape("token_embd.weight").unwrap_or_default() else {
            return Err(ModelError::MissingTensor {
                path: self.path().to_path_buf(),
                name: "token_embd.weight".to_owned(),
            });
        };
        let id = |kind: &str| self.optional_size(&format!("tokenizer.ggml.{kind}_token_id"));
        let theta = self.optional("llama.rope.freq_base", "a float", Value::as_float)?;
        let eps = self.required("llama.attention.layer_norm_rms_epsilon", "a float", Value::as_float)?;
        Ok(json!({
            "architectures": ["LlamaForCausalLM"],
            "model_type": "llama",
            "hidden_act": "silu",
            "vocab_size": vocabulary,
            "hidden_size": hidden,
            "intermediate_size": self.size("llama.feed_forward_length")?,
            "num_hidden_layers": self.size("llama.block_count")?,
            "num_attention_heads": heads,
            "num_key_value_heads": kv_heads,
            "head_dim": self.head_dim(hidden, heads)?,
            "rope_theta": shortest(theta.unwrap_or(10_000.0)),
            "rms_norm_eps": shortest(eps),
            "max_position_embeddings": self.size("llama.context_length")?,
            "tie_word_embeddings": self.shape("output.weight").is_none(),
            "attention_bias": false,
            "mlp_bias": false,
            "bos_token_id": id("bos")?,
            "eos_token_id": id("eos")?,
            "pad_token_id": id("padding")?,
        }))
    }

    /// All tensors in Hugging Face's names and layout (`[out, in]`), decoded one at a time.
    ///
    /// # Errors
    /// [`ModelError::UnexpectedTensor`] for a name that a Llama has no place for, and
    /// [`ModelError::Unsupported`] for rotary factors other than 1; from the iterator,
    /// [`ModelError::GgufMetadata`] for queries or keys that do not divide into heads.
    #[expect(clippy::type_complexity, reason = "name, shape and values have one use")]
    pub fn hf_tensors(
        &self,
    ) -> Result<impl Iterator<Item = Result<(String, Vec<usize>, Vec<f32>), ModelError>>, ModelError> {
        let heads = self.heads()?;
        let mut places = Vec::new();
        for name in self.tensor_names() {
            if name == ROPE_FREQS {
                self.refuse_rope_factors()?;
                continue;
            }
            let place = place(name, heads).ok_or_else(|| ModelError::UnexpectedTensor {
                path: self.path().to_path_buf(),
                name: name.to_owned(),
            })?;
            places.push((name, place));
        }
        Ok(places.into_iter().map(|(name, Place { name: hf_name, permuted_heads })| {
            let (shape, values) = self.tensor_f32(name)?;
            let Some(heads) = permuted_heads else { return Ok((hf_name, shape, values)) };
            match unpermuted(&shape, &values, heads) {
                Some(values) => Ok((hf_name, shape, values)),
                None => {
                    let expected = format!("heads of even width, but `{name}` of shape {shape:?} is for {heads} heads");
                    Err(self.wrong_metadata("llama.attention.head_count", expected))
                }
            }
        }))
    }

    fn size(&self, key: &str) -> Result<usize, ModelError> {
        self.required(key, "an integer that is not negative", Value::as_size)
    }

    fn optional_size(&self, key: &str) -> Result<Option<usize>, ModelError> {
        self.optional(key, "an integer that is not negative", Value::as_size)
    }

    /// Heads, and heads of keys and values.
    fn heads(&self) -> Result<[usize; 2], ModelError> {
        let key = "llama.attention.head_count";
        let positive = |value: &Value| value.as_size().filter(|&heads| heads > 0);
        let heads = self.required(key, "a positive integer", positive)?;
        let kv_heads = self.optional(&format!("{key}_kv"), "a positive integer", positive)?;
        Ok([heads, kv_heads.unwrap_or(heads)])
    }

    /// Width of a head; keys, values and the rotation must all have it.
    fn head_dim(&self, hidden: usize, heads: usize) -> Result<usize, ModelError> {
        let head_dim = self.optional_size("llama.attention.key_length")?.unwrap_or(hidden / heads);
        for key in ["llama.attention.value_length", "llama.rope.dimension_count"] {
            if let Some(other) = self.optional_size(key)?.filter(|&width| width != head_dim) {
                let value = format!("{other} in heads of width {head_dim}");
                return Err(ModelError::unsupported(self.path(), key, &value));
            }
        }
        Ok(head_dim)
    }

    fn refuse_unsupported(&self) -> Result<(), ModelError> {
        let refuse = |key: &str, value: &str| Err(ModelError::unsupported(self.path(), key, value));
        let architecture = self.required("general.architecture", "text", Value::as_text)?;
        if architecture != "llama" {
            return refuse("general.architecture", architecture);
        }
        let scaling = "llama.rope.scaling.type";
        let kind = self.optional(scaling, "text", Value::as_text)?;
        if let Some(kind) = kind.filter(|&kind| kind != "none" && kind != "linear") {
            return refuse(scaling, kind);
        }
        let number = |value: &Value| value.as_float().or(value.as_integer().map(|value| value as f64));
        for (key, neutral) in NEUTRAL {
            if let Some(value) = self.optional(key, "a number", number)?.filter(|&value| value != neutral) {
                return refuse(key, &value.to_string());
            }
        }
        Ok(())
    }

    fn refuse_rope_factors(&self) -> Result<(), ModelError> {
        let (_, factors) = self.tensor_f32(ROPE_FREQS)?;
        match factors.into_iter().find(|&factor| factor != 1.0) {
            None => Ok(()),
            Some(factor) => {
                Err(ModelError::unsupported(self.path(), ROPE_FREQS, &format!("a rotary scaling by {factor}")))
            }
        }
    }
}

/// An `f32` that was widened, in its shortest decimal form: 1e-5, not 9.999999747378752e-6.
fn shortest(value: f64) -> f64 {
    let narrow = value as f32;
    if f64::from(narrow) != value {
        return value;
    }
    narrow.to_string().parse().unwrap_or(value)
}

/// Rows of `q` and `k` as Hugging Face has them.
///
/// llama.cpp rotates neighbouring pairs of a head's rows, Hugging Face row `i` with row `i + head_dim/2`. So
/// row `2 i + side` of a head, in the file, is row `side · head_dim/2 + i` here.
fn unpermuted(shape: &[usize], values: &[f32], heads: usize) -> Option<Vec<f32>> {
    let &[rows, width] = shape else { return None };
    if !rows.is_multiple_of(heads.checked_mul(2)?) {
        return None;
    }
    let half = rows / heads / 2;
    let mut result = Vec::with_capacity(values.len());
    for head in 0..heads {
        for side in 0..2 {
            for index in 0..half {
                let row = 2 * (head * half + index) + side;
                result.extend_from_slice(&values[row * width..][..width]);
            }
        }
    }
    Some(result)
}

fn place(name: &str, [heads, kv_heads]: [usize; 2]) -> Option<Place> {
    let whole = match name {
        "token_embd.weight" => Some(names::EMBEDDING),
        "output_norm.weight" => Some(names::FINAL_NORM),
        "output.weight" => Some(names::HEAD),
        _ => None,
    };
    if let Some(name) = whole {
        return Some(Place { name: name.to_owned(), permuted_heads: None });
    }
    let (number, rest) = name.strip_prefix("blk.")?.split_once('.')?;
    // Only one spelling of each number, so that no two tensors get the same name.
    let layer = number.parse::<usize>().ok().filter(|layer| layer.to_string() == number)?;
    let (module, permuted_heads) = match rest.strip_suffix(".weight")? {
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
    Some(Place { name: names::in_layer(layer, &format!("{module}.weight")), permuted_heads })
}
