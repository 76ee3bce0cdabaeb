//! Writing a model with its vocabulary as a GGUF file that llama.cpp loads.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::architecture::{Architecture, Rows};
use super::encoding::Encoding;
use super::quantize::encode;
use super::rows::by_neighbours;
use super::vocabulary::Vocabulary;
use super::writer::{Entry, Metadata, write_data, write_head};
use crate::config::ModelConfig;
use crate::decoder::CausalLm;
use crate::error::ModelError;
use crate::save::file;
use crate::save::tensors::{HfTensor, hf_tensors};

/// Type of the matrices of a GGUF file; vectors are always 32-bit floats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GgufDtype {
    /// 32-bit floats.
    F32,
    /// IEEE half precision, rounded to nearest.
    F16,
    /// bfloat16, rounded to nearest.
    Bf16,
    /// 8-bit integers in blocks of 32 with a scale; rows that are not whole blocks stay in F16.
    Q8_0,
}

impl GgufDtype {
    fn encoding(self) -> Encoding {
        match self {
            Self::F32 => Encoding::F32,
            Self::F16 => Encoding::F16,
            Self::Bf16 => Encoding::Bf16,
            Self::Q8_0 => Encoding::Q8_0,
        }
    }

    /// `general.file_type`, by llama.cpp's numbers.
    fn file_type(self) -> u32 {
        match self {
            Self::F32 => 0,
            Self::F16 => 1,
            Self::Q8_0 => 7,
            Self::Bf16 => 32,
        }
    }

    /// The type of one tensor of this shape.
    fn of(self, shape: &[usize]) -> Encoding {
        let wanted = self.encoding();
        match shape {
            [_] => Encoding::F32,
            _ if wanted.len(shape).is_none() => Encoding::F16,
            _ => wanted,
        }
    }
}

/// Writes `model`, adapters folded in, and `vocabulary` to the file `path`; `name` is what other tools show.
///
/// The file is written aside, synced and then renamed, one tensor at a time.
///
/// # Errors
/// [`ModelError::GgufExport`] for an architecture that is not written, or a vocabulary larger than the embedding;
/// [`ModelError::Range`] for a weight beyond what `dtype` holds; [`ModelError::Io`].
pub fn save_gguf(
    model: &CausalLm,
    path: &Path,
    dtype: GgufDtype,
    vocabulary: &Vocabulary,
    name: &str,
) -> Result<(), ModelError> {
    let config = model.config();
    let refuse = |reason: String| ModelError::GgufExport { path: path.to_path_buf(), reason };
    let architecture = exported(config).map_err(refuse)?;
    let mut metadata = Metadata::default();
    metadata.text("general.architecture", architecture.name);
    metadata.text("general.type", "model");
    metadata.text("general.name", name);
    metadata.u32("general.file_type", dtype.file_type());
    metadata.u32("general.quantization_version", 2);
    describe(config, architecture, &mut metadata).map_err(refuse)?;
    vocabulary.describe(&mut metadata, config.vocab_size).map_err(refuse)?;
    let merged = model.merge_adapters();
    let plan = hf_tensors(&merged)
        .into_iter()
        .map(|tensor| Planned::new(tensor, architecture, config, dtype))
        .collect::<Result<Vec<_>, _>>()
        .map_err(refuse)?;
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        file::create_dir(parent)?;
    }
    file::write_aside(path, |aside| write(path, aside, &metadata, plan))
}

fn write(path: &Path, aside: &Path, metadata: &Metadata, plan: Vec<Planned>) -> Result<(), ModelError> {
    let at = |source| file::at(path, source);
    let mut out = BufWriter::new(File::create(aside).map_err(at)?);
    let (entries, tensors): (Vec<Entry>, Vec<_>) = plan.into_iter().map(|tensor| (tensor.entry, tensor.source)).unzip();
    write_head(&mut out, metadata, &entries).map_err(at)?;
    for (entry, (tensor, heads)) in entries.iter().zip(tensors) {
        let values = tensor.values();
        let values = match heads {
            Some(heads) => by_neighbours(&tensor.shape, &values, heads).expect("a loaded model's heads are even"),
            None => values,
        };
        let bytes = encode(entry.encoding, &values).map_err(|value| ModelError::Range {
            path: path.to_path_buf(),
            name: tensor.name.clone(),
            value,
            dtype: entry.encoding.name(),
        })?;
        write_data(&mut out, &bytes).map_err(at)?;
    }
    out.flush().map_err(at)
}

/// A tensor with its place in the file.
struct Planned {
    entry: Entry,
    /// The tensor, and the heads by which its rows are put in the file's order.
    source: (HfTensor, Option<usize>),
}

impl Planned {
    fn new(
        tensor: HfTensor,
        architecture: &Architecture,
        config: &ModelConfig,
        dtype: GgufDtype,
    ) -> Result<Self, String> {
        let no_place = || format!("`{}` has no name in the architecture {}", tensor.name, architecture.name);
        let place = architecture.to_gguf(&tensor.name).ok_or_else(no_place)?;
        let heads = match place.rows {
            Rows::Same => None,
            Rows::Queries => Some(config.heads),
            Rows::Keys => Some(config.kv_heads),
        };
        let encoding = dtype.of(&tensor.shape);
        let len = encoding.len(&tensor.shape).expect("a type that takes rows of any length");
        let entry = Entry { name: place.name, shape: tensor.shape.clone(), encoding, len };
        Ok(Self { entry, source: (tensor, heads) })
    }
}

/// The architecture of the file, or why there is none.
fn exported(config: &ModelConfig) -> Result<&'static Architecture, String> {
    let raw = config.raw();
    let class = raw.pointer("/architectures/0").and_then(Json::as_str);
    let kind = raw.get("model_type").and_then(Json::as_str);
    let found =
        class.and_then(Architecture::of_class).or_else(|| Architecture::named(kind.filter(|_| class.is_none())?));
    found.ok_or_else(|| format!("{} has no form there yet", class.or(kind).unwrap_or("an unnamed architecture")))
}

/// What decides how the tensors are computed with.
fn describe(config: &ModelConfig, architecture: &Architecture, metadata: &mut Metadata) -> Result<(), String> {
    let numbers = [
        ("vocab_size", config.vocab_size),
        ("context_length", config.max_position_embeddings),
        ("embedding_length", config.hidden_size),
        ("block_count", config.layers),
        ("feed_forward_length", config.intermediate_size),
        ("attention.head_count", config.heads),
        ("attention.head_count_kv", config.kv_heads),
        ("attention.key_length", config.head_dim),
        ("attention.value_length", config.head_dim),
        ("rope.dimension_count", config.head_dim),
    ];
    for (key, number) in numbers {
        let number = u32::try_from(number).map_err(|_| format!("{key} {number} is beyond 32 bits"))?;
        metadata.u32(&architecture.key(key), number);
    }
    metadata.f32(&architecture.key("rope.freq_base"), config.rope_theta as f32);
    metadata.f32(&architecture.key("attention.layer_norm_rms_epsilon"), config.rms_norm_eps as f32);
    Ok(())
}
