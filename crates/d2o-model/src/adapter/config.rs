//! `adapter_config.json`: how PEFT applies the factors, and what is refused of it.

use std::path::Path;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::expressions::PerMap;
use super::files::CONFIG;
use super::targets::Targets;
use crate::error::ModelError;
use crate::weights::safetensors_dir::read;

/// Options that say nothing about what is computed from saved factors, or that are read elsewhere.
const SILENT: [&str; 18] = [
    "alpha_pattern",
    "auto_mapping",
    "base_model_name_or_path",
    "bias",
    "eva_config",
    "fan_in_fan_out",
    "inference_mode",
    "init_lora_weights",
    "lora_alpha",
    "lora_dropout",
    "megatron_core",
    "peft_type",
    "peft_version",
    "r",
    "rank_pattern",
    "revision",
    "task_type",
    "use_rslora",
];

/// Ways of starting an adapter that leave the base as it is; others move a part of it into the adapter.
const PLAIN_STARTS: [&str; 3] = ["gaussian", "orthogonal", "eva"];

/// How factors are applied: `y = x W + (x A) B · scale`.
pub(super) struct AdapterConfig {
    /// The base's name.
    pub(super) base: Option<String>,
    /// Which maps it says that it adapts.
    pub(super) targets: Targets,
    rank: usize,
    /// Other ranks of some maps.
    ranks: PerMap<usize>,
    alpha: f64,
    /// Other alphas of some maps.
    alphas: PerMap<f64>,
    /// Scale by `alpha / √rank` (rank-stabilised LoRA, arXiv 2312.03732) instead of `alpha / rank`.
    stabilised: bool,
}

#[derive(Deserialize)]
struct Fields {
    base_model_name_or_path: Option<String>,
    peft_type: String,
    r: usize,
    lora_alpha: f64,
    bias: Option<String>,
    init_lora_weights: Option<Value>,
    use_rslora: Option<bool>,
    #[serde(flatten)]
    targets: Targets,
    #[serde(flatten)]
    others: Map<String, Value>,
}

impl AdapterConfig {
    /// # Errors
    /// [`ModelError::Config`], or [`ModelError::Unsupported`] for another kind of adapter and for every option
    /// that is set and not computed here, known or not.
    pub(super) fn from_file(path: &Path) -> Result<Self, ModelError> {
        let bytes = read(path)?;
        let fields: Fields = serde_json::from_slice(&bytes).map_err(|error| ModelError::json(path, &error))?;
        fields.refuse_unsupported(path)?;
        fields.targets.check(path)?;
        let rank = |value: &Value| value.as_u64().and_then(|rank| usize::try_from(rank).ok()).filter(|&rank| rank > 0);
        let ranks = fields.per_map(path, "rank_pattern", rank)?;
        let alphas = fields.per_map(path, "alpha_pattern", Value::as_f64)?;
        Ok(Self {
            base: fields.base_model_name_or_path.filter(|base| !base.is_empty()),
            targets: fields.targets,
            rank: fields.r,
            ranks,
            alpha: fields.lora_alpha,
            alphas,
            stabilised: fields.use_rslora == Some(true),
        })
    }

    /// The rank of the first factor `[rank, in]` of `module`, which the configuration must name as well.
    ///
    /// # Errors
    /// [`ModelError::Adapter`].
    pub(super) fn rank_of(&self, path: &Path, module: &str, name: &str, shape: &[usize]) -> Result<usize, ModelError> {
        let (option, expected) = match self.ranks.of(module) {
            Some(rank) => ("rank_pattern", rank),
            None => ("r", self.rank),
        };
        match shape {
            &[rank, _] if rank == expected => Ok(rank),
            found => {
                let reason = format!("tensor `{name}` has shape {found:?}, and `{option}` in {CONFIG} is {expected}");
                Err(ModelError::Adapter { path: path.to_path_buf(), reason })
            }
        }
    }

    /// The `alpha` with which `alpha / rank` is the scale that the configuration asks for at `module`.
    pub(super) fn alpha_of(&self, module: &str, rank: usize) -> f64 {
        let alpha = self.alphas.of(module).unwrap_or(self.alpha);
        if self.stabilised { alpha * (rank as f64).sqrt() } else { alpha }
    }
}

impl Fields {
    /// The option `name`, a table of expressions for maps, with values as `read` takes them.
    fn per_map<T: Copy>(
        &self,
        path: &Path,
        name: &str,
        read: impl Fn(&Value) -> Option<T>,
    ) -> Result<PerMap<T>, ModelError> {
        let entries = match self.others.get(name) {
            Some(Value::Object(entries)) => entries.iter().collect(),
            None | Some(Value::Null) => Vec::new(),
            Some(other) => return Err(refused(path, name, &other.to_string())),
        };
        let mut values = Vec::new();
        for (map, value) in entries {
            let value = read(value).ok_or_else(|| refused(path, name, &format!("{value} for `{map}`")))?;
            values.push((map.as_str(), value));
        }
        PerMap::new(values).map_err(|map| refused(path, name, &format!("a table with `{map}`, which is no expression")))
    }

    fn refuse_unsupported(&self, path: &Path) -> Result<(), ModelError> {
        let refuse = |option: &str, value: &str| Err(refused(path, option, value));
        if self.peft_type != "LORA" {
            return refuse("peft_type", &self.peft_type);
        }
        if self.r == 0 {
            return refuse("r", "0");
        }
        if !self.lora_alpha.is_finite() {
            return refuse("lora_alpha", &self.lora_alpha.to_string());
        }
        if let Some(bias) = self.bias.as_deref().filter(|&bias| bias != "none") {
            return refuse("bias", bias);
        }
        if let Some(start) = self.init_lora_weights.as_ref().and_then(Value::as_str)
            && !PLAIN_STARTS.contains(&start)
        {
            return refuse("init_lora_weights", start);
        }
        let set = |(name, value): &(&String, &Value)| !SILENT.contains(&name.as_str()) && !is_neutral(name, value);
        match self.others.iter().find(set) {
            Some((name, value)) => refuse(name, &value.to_string()),
            None => Ok(()),
        }
    }
}

pub(super) fn refused(path: &Path, option: &str, value: &str) -> ModelError {
    ModelError::AdapterOption { path: path.to_path_buf(), option: option.to_owned(), value: value.to_owned() }
}

/// Whether an option is off: absent, false, or an empty list or table.
fn is_neutral(name: &str, value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(entries) => entries.is_empty(),
        // PEFT writes the group size of its quantised variant always.
        _ => name == "qalora_group_size",
    }
}
