//! Writing a model with its vocabulary as a GGUF file that llama.cpp loads.

use std::io::BufWriter;
use std::path::Path;

use d2o_gguf::{GgmlType, GgufWriter, Metadata, TensorInfo, Vocabulary};
use d2o_record::storage::File;
use serde::{Deserialize, Serialize};

use super::architecture::{Architecture, Rows};
use super::rope;
use super::rows::by_neighbours;
use crate::config::{Family, LayerSpec, ModelConfig, RopeScaling};
use crate::decoder::CausalLm;
use crate::error::ModelError;
use crate::weights::save::file;
use crate::weights::save::tensors::{HfTensor, hf_tensors};

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
    fn ggml_type(self) -> GgmlType {
        match self {
            Self::F32 => GgmlType::F32,
            Self::F16 => GgmlType::F16,
            Self::Bf16 => GgmlType::Bf16,
            Self::Q8_0 => GgmlType::Q8_0,
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
    fn of(self, shape: &[usize]) -> GgmlType {
        let wanted = self.ggml_type();
        match shape {
            [_] => GgmlType::F32,
            _ if wanted.byte_len(shape).is_none() => GgmlType::F16,
            _ => wanted,
        }
    }
}

/// Writes `model`, adapters folded in, and `vocabulary` to the file `path`; `name` is what other tools show.
///
/// The file is written aside, synced and then renamed, one tensor at a time.
///
/// # Errors
/// [`ModelError::GgufExport`] for an architecture or an option of it that is not written, or a vocabulary larger than
/// the embedding; [`GgufError::Range`](d2o_gguf::GgufError::Range) for a weight beyond what `dtype` holds;
/// [`ModelError::Io`].
pub fn save_gguf(
    model: &CausalLm,
    path: &Path,
    dtype: GgufDtype,
    vocabulary: &Vocabulary,
    name: &str,
) -> Result<(), ModelError> {
    let config = model.config();
    let refuse = |reason: String| ModelError::GgufExport { path: path.to_path_buf(), reason };
    let architecture = architecture(config).map_err(refuse)?;
    let mut metadata = Metadata::default();
    metadata.text("general.architecture", architecture.name);
    metadata.text("general.type", "model");
    metadata.text("general.name", name);
    metadata.u32("general.file_type", dtype.file_type());
    metadata.u32("general.quantization_version", 2);
    describe(config, architecture, &mut metadata).map_err(refuse)?;
    metadata.vocabulary(&padded(vocabulary, config.vocab_size).map_err(refuse)?);
    let merged = model.merge_adapters();
    let plan = hf_tensors(&merged).into_iter().map(|tensor| Planned::new(tensor, architecture, config, dtype));
    let mut plan = plan.collect::<Result<Vec<_>, _>>().map_err(refuse)?;
    plan.extend(config.ropes().iter().filter_map(rope::factors).map(Planned::factors));
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        file::create_dir(parent)?;
    }
    file::write_aside(path, |out| write(path, out, &metadata, plan))
}

fn write(path: &Path, out: &mut File, metadata: &Metadata, plan: Vec<Planned>) -> Result<(), ModelError> {
    let out = BufWriter::new(out);
    let (infos, sources): (Vec<TensorInfo>, Vec<Source>) =
        plan.into_iter().map(|tensor| (tensor.info, tensor.source)).unzip();
    let mut writer = GgufWriter::new(out, path, metadata, infos)?;
    for source in sources {
        writer.write_tensor(&source.values())?;
    }
    writer.finish()?;
    Ok(())
}

/// The vocabulary with a token for each row of the embedding, or why there is none.
fn padded(vocabulary: &Vocabulary, rows: usize) -> Result<Vocabulary, String> {
    let tokens = vocabulary.tokens.len();
    let too_many = || format!("the tokenizer has {tokens} tokens, the model's embedding {rows} rows");
    vocabulary.padded(rows).ok_or_else(too_many)
}

/// A tensor with its place in the file.
struct Planned {
    info: TensorInfo,
    source: Source,
}

/// Where a tensor's values come from.
#[expect(clippy::large_enum_variant, reason = "there is one for each tensor")]
enum Source {
    /// The model, its rows put in the file's order by this many heads.
    Model(HfTensor, Option<usize>),
    Computed(Vec<f32>),
}

impl Source {
    fn values(&self) -> Vec<f32> {
        match self {
            Self::Model(tensor, None) => tensor.values(),
            Self::Model(tensor, Some(heads)) => {
                by_neighbours(&tensor.shape, &tensor.values(), *heads).expect("a loaded model's heads are even")
            }
            Self::Computed(values) => values.clone(),
        }
    }
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
        let info = TensorInfo { name: place.name, shape: tensor.shape.clone(), ggml_type: dtype.of(&tensor.shape) };
        Ok(Self { info, source: Source::Model(tensor, heads) })
    }

    /// Divisors of the rotary frequencies.
    fn factors(factors: Vec<f32>) -> Self {
        let (name, shape) = (rope::FACTORS.to_owned(), vec![factors.len()]);
        Self { info: TensorInfo { name, shape, ggml_type: GgmlType::F32 }, source: Source::Computed(factors) }
    }
}

/// The architecture of the file, or why there is none.
fn architecture(config: &ModelConfig) -> Result<&'static Architecture, String> {
    let family = config.family;
    let found = Architecture::of_family(family).ok_or_else(|| format!("{family:?} is not written in that form"))?;
    if config.layers.iter().any(|layer| layer.window.is_some()) {
        return Err(format!("the architecture {} there has no sliding window", found.name));
    }
    // llama.cpp rotates in every layer but each fourth one of SmolLM3.
    let rotates = |index: usize| family != Family::SmolLm3 || !(index + 1).is_multiple_of(4);
    let differs = |(index, layer): (usize, &LayerSpec)| layer.rope.is_some() != rotates(index);
    match config.layers.iter().enumerate().position(differs) {
        Some(index) => Err(format!("the architecture {} there turns other layers than layer {index}", found.name)),
        None => Ok(found),
    }
}

/// What decides how the tensors are computed with.
fn describe(config: &ModelConfig, architecture: &Architecture, metadata: &mut Metadata) -> Result<(), String> {
    let numbers = [
        ("vocab_size", config.vocab_size),
        ("context_length", config.max_position_embeddings),
        ("embedding_length", config.hidden_size),
        ("block_count", config.layers.len()),
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
    for rope in config.ropes() {
        metadata.f32(&architecture.key("rope.freq_base"), rope.theta as f32);
        match rope.scaling {
            RopeScaling::None | RopeScaling::Llama3 { .. } => {}
            RopeScaling::Linear { factor } => {
                metadata.text(&architecture.key("rope.scaling.type"), "linear");
                metadata.f32(&architecture.key("rope.scaling.factor"), factor as f32);
            }
            RopeScaling::LongRope { .. } => return Err("rotary scaling longrope is not written".to_owned()),
        }
    }
    metadata.f32(&architecture.key("attention.layer_norm_rms_epsilon"), config.norm.epsilon as f32);
    Ok(())
}
