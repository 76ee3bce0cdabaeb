//! A file's metadata as `config.json`, its tensors in Hugging Face's names and layout.

use d2o_gguf::{GgufError, GgufFile, Value};
use serde_json::{Value as Json, json};

use super::architecture::{self, Architecture, Rows};
use super::rope;
use super::rows::by_halves;
use crate::error::ModelError;

/// Metadata that change what is computed, after the architecture's prefix, and the number with which each changes
/// nothing.
const NEUTRAL: [(&str, f64); 8] = [
    ("expert_count", 0.0),
    ("attention.sliding_window", 0.0),
    ("attention.clamp_kqv", 0.0),
    ("attention.max_alibi_bias", 0.0),
    ("logit_scale", 1.0),
    ("residual_scale", 1.0),
    ("embedding_scale", 1.0),
    ("rope.scale_linear", 1.0),
];

/// A tensor with its Hugging Face name.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedTensor {
    /// Its name in Hugging Face's files.
    pub name: String,
    /// In Hugging Face's layout, `[out, in]`.
    pub shape: Vec<usize>,
    /// The values, row by row.
    pub values: Vec<f32>,
}

/// The metadata of a file as a Hugging Face `config.json`.
///
/// # Errors
/// [`ModelError::Unsupported`] for an architecture that is not read, scaled rotary embedding or any other option
/// that is not computed here; [`GgufError::Metadata`] for an absent or unusable value.
pub fn config_json(file: &GgufFile) -> Result<Json, ModelError> {
    ModelFile::of(file)?.config_json()
}

/// All tensors of a file in Hugging Face's names and layout (`[out, in]`), decoded one at a time.
///
/// # Errors
/// [`ModelError::UnexpectedTensor`] for a name that the architecture has no place for; from the iterator,
/// [`GgufError::Metadata`] for queries or keys that do not divide into heads.
pub fn hf_tensors(file: &GgufFile) -> Result<impl Iterator<Item = Result<NamedTensor, ModelError>>, ModelError> {
    let model = ModelFile::of(file)?;
    let [heads, kv_heads] = model.heads()?;
    let mut places = Vec::new();
    for name in file.tensor_names() {
        // Not a weight: the configuration says what it stands for.
        if name == rope::FACTORS {
            continue;
        }
        let place = model.architecture.to_hf(name).ok_or_else(|| unexpected(file, name))?;
        places.push((name, place));
    }
    Ok(places.into_iter().map(move |(name, place)| {
        let values = file.tensor_f32(name)?;
        let shape = file.shape(name).unwrap_or_default().to_vec();
        let heads = match place.rows {
            Rows::Same => return Ok(NamedTensor { name: place.name, shape, values }),
            Rows::Queries => heads,
            Rows::Keys => kv_heads,
        };
        match by_halves(&shape, &values, heads) {
            Some(values) => Ok(NamedTensor { name: place.name, shape, values }),
            None => {
                let expected = format!("heads of even width, but `{name}` of shape {shape:?} is for {heads} heads");
                Err(file.wrong_metadata(&model.key("attention.head_count"), expected).into())
            }
        }
    }))
}

fn unexpected(file: &GgufFile, name: &str) -> ModelError {
    ModelError::UnexpectedTensor { path: file.path().to_path_buf(), name: name.to_owned(), reason: None }
}

/// A file with the architecture that its metadata are read by.
#[derive(Clone, Copy)]
struct ModelFile<'a> {
    file: &'a GgufFile,
    architecture: &'static Architecture,
}

impl<'a> ModelFile<'a> {
    fn of(file: &'a GgufFile) -> Result<Self, ModelError> {
        let name = file.required("general.architecture", "text", Value::as_text)?;
        let architecture = Architecture::named(name).ok_or_else(|| ModelError::Architecture {
            path: file.path().to_path_buf(),
            option: "general.architecture".to_owned(),
            value: name.to_owned(),
            supported: architecture::ALL.map(|known| known.name).join(", "),
            advice: None,
        })?;
        Ok(Self { file, architecture })
    }

    fn config_json(self) -> Result<Json, ModelError> {
        let Self { file, architecture } = self;
        self.refuse_unsupported()?;
        let hidden = self.size("embedding_length")?;
        let [heads, kv_heads] = self.heads()?;
        let [vocabulary, _] = *file.shape("token_embd.weight").unwrap_or_default() else {
            return Err(ModelError::MissingTensor {
                path: file.path().to_path_buf(),
                name: "token_embd.weight".to_owned(),
            });
        };
        let id = |kind: &str| self.optional_size(&format!("tokenizer.ggml.{kind}_token_id"));
        let mut ends: Vec<usize> = Vec::new();
        for end in [id("eos")?, id("eot")?, id("eom")?].into_iter().flatten() {
            if !ends.contains(&end) {
                ends.push(end);
            }
        }
        let theta = file.optional(&self.key("rope.freq_base"), "a float", Value::as_float)?;
        let theta = shortest(theta.unwrap_or(10_000.0));
        let head_dim = self.head_dim(hidden, heads)?;
        let eps = file.required(&self.key("attention.layer_norm_rms_epsilon"), "a float", Value::as_float)?;
        Ok(json!({
            "architectures": [architecture.class],
            "model_type": architecture.model_type,
            "hidden_act": "silu",
            "vocab_size": vocabulary,
            "hidden_size": hidden,
            "intermediate_size": self.size("feed_forward_length")?,
            "num_hidden_layers": self.size("block_count")?,
            "num_attention_heads": heads,
            "num_key_value_heads": kv_heads,
            "head_dim": head_dim,
            "rope_theta": theta,
            "rope_scaling": self.rope_scaling(theta, head_dim)?,
            "rms_norm_eps": shortest(eps),
            "max_position_embeddings": self.size("context_length")?,
            "tie_word_embeddings": file.shape("output.weight").is_none(),
            "attention_bias": false,
            "mlp_bias": false,
            "bos_token_id": id("bos")?,
            "eos_token_id": match ends.as_slice() {
                [] => Json::Null,
                [only] => json!(only),
                several => json!(several),
            },
            "pad_token_id": id("padding")?,
        }))
    }

    fn key(&self, rest: &str) -> String {
        self.architecture.key(rest)
    }

    fn size(&self, key: &str) -> Result<usize, GgufError> {
        self.file.required(&self.key(key), "an integer that is not negative", Value::as_size)
    }

    fn optional_size(&self, key: &str) -> Result<Option<usize>, GgufError> {
        self.file.optional(key, "an integer that is not negative", Value::as_size)
    }

    /// Heads, and heads of keys and values.
    fn heads(&self) -> Result<[usize; 2], GgufError> {
        let key = self.key("attention.head_count");
        let positive = |value: &Value| value.as_size().filter(|&heads| heads > 0);
        let heads = self.file.required(&key, "a positive integer", positive)?;
        let kv_heads = self.file.optional(&format!("{key}_kv"), "a positive integer", positive)?;
        Ok([heads, kv_heads.unwrap_or(heads)])
    }

    /// Width of a head; keys, values and the rotation must all have it.
    fn head_dim(&self, hidden: usize, heads: usize) -> Result<usize, ModelError> {
        let head_dim = self.optional_size(&self.key("attention.key_length"))?.unwrap_or(hidden / heads);
        for key in ["attention.value_length", "rope.dimension_count"] {
            let key = self.key(key);
            if let Some(other) = self.optional_size(&key)?.filter(|&width| width != head_dim) {
                let value = format!("{other} in heads of width {head_dim}");
                return Err(ModelError::unsupported(self.file.path(), &key, &value));
            }
        }
        Ok(head_dim)
    }

    fn refuse_unsupported(&self) -> Result<(), ModelError> {
        let number = |value: &Value| value.as_float().or(value.as_integer().map(|value| value as f64));
        for (key, neutral) in NEUTRAL {
            let key = self.key(key);
            if let Some(value) = self.file.optional(&key, "a number", number)?.filter(|&value| value != neutral) {
                return Err(ModelError::unsupported(self.file.path(), &key, &value.to_string()));
            }
        }
        Ok(())
    }

    /// What stretches the rotary frequencies, as `config.json` says it.
    fn rope_scaling(&self, theta: f64, head_dim: usize) -> Result<Json, ModelError> {
        let file = self.file;
        let key = |rest: &str| self.key(&format!("rope.scaling.{rest}"));
        let factor = file.optional(&key("factor"), "a float", Value::as_float)?.unwrap_or(1.0);
        match file.optional(&key("type"), "text", Value::as_text)?.unwrap_or("linear") {
            "none" => {}
            "linear" if factor == 1.0 => {}
            "linear" => return Ok(json!({"rope_type": "linear", "factor": shortest(factor)})),
            other => return Err(ModelError::unsupported(file.path(), &key("type"), other)),
        }
        if file.shape(rope::FACTORS).is_none() {
            return Ok(Json::Null);
        }
        rope::scaling(&file.tensor_f32(rope::FACTORS)?, theta, head_dim).map_err(|factor| {
            ModelError::unsupported(file.path(), rope::FACTORS, &format!("a rotary scaling by {factor}"))
        })
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
