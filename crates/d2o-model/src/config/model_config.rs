//! The architecture as data, and reading it from `config.json`.

use std::path::Path;

use serde_json::Value;

use super::family::{Family, Identity};
use super::json::Fields;
use super::parts::{AttentionSpec, FeedForwardSpec, LayerSpec, NormSpec, Positions};
use super::rope::Rope;
use crate::error::ModelError;

/// Architecture of a decoder: what the families differ in stands here as data.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelConfig {
    /// Where the weights' names come from.
    pub family: Family,
    /// Rows of the embedding.
    pub vocab_size: usize,
    /// Width of the hidden states.
    pub hidden_size: usize,
    /// Width inside the feed-forward block.
    pub intermediate_size: usize,
    /// The decoder layers, first to last.
    pub layers: Vec<LayerSpec>,
    /// Query heads.
    pub heads: usize,
    /// Key and value heads; divides `heads`.
    pub kv_heads: usize,
    /// Width of one head.
    pub head_dim: usize,
    /// Attention, the same in all layers but for [`LayerSpec`].
    pub attention: AttentionSpec,
    /// The block behind attention.
    pub feed_forward: FeedForwardSpec,
    /// Normalisation.
    pub norm: NormSpec,
    /// How a token learns where it stands.
    pub positions: Positions,
    /// Factor on the embeddings that enter the first layer.
    pub embedding_scale: Option<f64>,
    /// Logits are squashed to ±cap by `cap · tanh(logit / cap)`.
    pub logit_cap: Option<f64>,
    /// Whether the head is the embedding's transpose.
    pub tie_word_embeddings: bool,
    /// Context length, tokens. Of a model with `longrope` the length up to which the short factors hold, which is
    /// as far as it is computed here.
    pub max_position_embeddings: usize,
    /// Standard deviation of random weights; see [`CausalLm::init`](crate::CausalLm::init).
    pub initializer_range: f64,
    pub(super) bos: Option<u32>,
    pub(super) eos: Vec<u32>,
    pub(super) raw: Value,
}

impl ModelConfig {
    /// Reads `config.json` of a Hugging Face directory.
    ///
    /// # Errors
    /// [`ModelError::Io`] for a file that cannot be read, [`ModelError::Config`] for a missing field
    /// or one of a wrong type, [`ModelError::Unsupported`] for an architecture or option that is not
    /// computed here.
    pub fn from_file(path: &Path) -> Result<Self, ModelError> {
        let text =
            std::fs::read_to_string(path).map_err(|source| ModelError::Io { path: path.to_path_buf(), source })?;
        Self::from_text(path, &text)
    }

    /// The same from a parsed value; `path` is named in errors.
    ///
    /// # Errors
    /// As [`from_file`](Self::from_file); lines count in the value's pretty-printed form.
    pub fn from_json(path: &Path, value: Value) -> Result<Self, ModelError> {
        Self::from_text(path, &format!("{value:#}"))
    }

    fn from_text(path: &Path, text: &str) -> Result<Self, ModelError> {
        let wrong = |error: serde_json::Error| ModelError::json(path, &error);
        let raw: Value = serde_json::from_str(text).map_err(wrong)?;
        // The family first: other classes name their sizes otherwise, and what is wrong then is the class.
        let identity: Identity = serde_json::from_str(text).map_err(wrong)?;
        let family = identity.family(path)?;
        let fields: Fields = serde_json::from_str(text).map_err(wrong)?;
        fields.refuse_unsupported(path, family)?;
        let config = fields.resolve(path, family, raw)?;
        config.refuse_impossible(path)?;
        Ok(config)
    }

    /// Beginning-of-sequence token id, if the configuration names one.
    pub fn bos_token_id(&self) -> Option<u32> {
        self.bos
    }

    /// End-of-sequence token ids that the configuration names.
    pub fn eos_token_ids(&self) -> &[u32] {
        &self.eos
    }

    /// The same model with a head of its own, in what is exported as well.
    pub(crate) fn untied(mut self) -> Self {
        self.tie_word_embeddings = false;
        if let Value::Object(fields) = &mut self.raw {
            fields.insert("tie_word_embeddings".to_owned(), Value::Bool(false));
        }
        self
    }

    /// The configuration for export: as it was read, but for a head that the file turned out to have.
    pub fn raw(&self) -> &Value {
        &self.raw
    }

    /// The rotary embeddings that layers refer to; none where positions are learned.
    pub fn ropes(&self) -> &[Rope] {
        match &self.positions {
            Positions::Rotary(ropes) => ropes,
            Positions::Learned => &[],
        }
    }
}
