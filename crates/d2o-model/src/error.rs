//! What can be wrong with a model on disk.

use std::path::{Path, PathBuf};

use d2o_gguf::GgufError;
use thiserror::Error;

use crate::weights::names::HEAD;

/// An error of this crate.
#[non_exhaustive]
#[derive(Debug, Error)]
pub enum ModelError {
    /// A file cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The directory holds no weights that can be read.
    #[error("{}: expected {expected}", path.display())]
    NoWeights {
        /// The directory or file.
        path: PathBuf,
        /// What was looked for.
        expected: String,
        /// What the user can do about it.
        remedy: String,
    },
    /// The directory holds no adapter that can be read.
    #[error("{}: expected {expected}", path.display())]
    NoAdapter {
        /// The directory or file.
        path: PathBuf,
        /// What was looked for.
        expected: String,
    },
    /// A configuration is not the JSON that was expected.
    #[error("{}:{line}: {reason}", path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// What is wrong.
        reason: String,
    },
    /// An option that is not computed here.
    #[error("{}: `{option}` is {value}, which is not supported", path.display())]
    Unsupported {
        /// The configuration.
        path: PathBuf,
        /// The option.
        option: String,
        /// Its value.
        value: String,
    },
    /// A class of models that is not computed here.
    #[error("{}: `{option}` is {value}, which is not supported", path.display())]
    Architecture {
        /// The configuration.
        path: PathBuf,
        /// The option that names the class.
        option: String,
        /// The class.
        value: String,
        /// The classes that are computed.
        supported: String,
        /// What this model in particular suggests.
        advice: Option<String>,
    },
    /// A GGUF file cannot be read or written.
    #[error(transparent)]
    Gguf(#[from] GgufError),
    /// A weight file's bytes are not what its header says.
    #[error("{}: {reason}", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        reason: String,
    },
    /// A tensor is absent.
    #[error("{}: tensor `{name}` is missing", path.display())]
    MissingTensor {
        /// The model.
        path: PathBuf,
        /// The tensor, by its Hugging Face name.
        name: String,
    },
    /// A tensor that the architecture has no place for.
    #[error("{}: tensor `{name}` does not belong to this architecture{}", path.display(), because(reason))]
    UnexpectedTensor {
        /// The model.
        path: PathBuf,
        /// The tensor.
        name: String,
        /// Why not, where that can be told.
        reason: Option<String>,
    },
    /// A tensor that is not what a model can have there.
    #[error("{}: tensor `{name}` {problem}", path.display())]
    Tensor {
        /// The file, or the model.
        path: PathBuf,
        /// The tensor.
        name: String,
        /// What is wrong with it.
        problem: String,
        /// What the user can do about it.
        remedy: &'static str,
    },
    /// A tensor of another shape.
    #[error("{}: tensor `{name}` has shape {found:?} where {expected:?} was expected", path.display())]
    Shape {
        /// The model.
        path: PathBuf,
        /// The tensor.
        name: String,
        /// By the configuration.
        expected: Vec<usize>,
        /// In the file.
        found: Vec<usize>,
    },
    /// A tensor of a type that is not read.
    #[error("{}: tensor `{name}` is stored as {dtype}; F32, F16 and BF16 are read", path.display())]
    Dtype {
        /// The model.
        path: PathBuf,
        /// The tensor.
        name: String,
        /// Its type.
        dtype: String,
    },
    /// A weight that the type of an export cannot hold.
    #[error("{}: tensor `{name}` holds {value:e}, which is beyond {dtype}", path.display())]
    Range {
        /// The file that was to be written.
        path: PathBuf,
        /// The tensor.
        name: String,
        /// The weight.
        value: f32,
        /// The type.
        dtype: &'static str,
    },
    /// Adapters that belong to another model.
    #[error("{}: {reason}{}", path.display(), of_base(named))]
    OtherBase {
        /// The adapters' file.
        path: PathBuf,
        /// What does not fit.
        reason: String,
        /// The base that the adapters name.
        named: Option<String>,
    },
    /// An adapter whose two files do not belong together.
    #[error("{}: {reason}", path.display())]
    Adapter {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        reason: String,
    },
    /// An option of an adapter that is not computed here.
    #[error("{}: `{option}` is {value}, which is not supported", path.display())]
    AdapterOption {
        /// The configuration.
        path: PathBuf,
        /// The option.
        option: String,
        /// Its value.
        value: String,
    },
    /// A model that GGUF has no form for, as far as it is written here.
    #[error("{}: cannot be written as GGUF: {reason}", path.display())]
    GgufExport {
        /// The file that was to be written.
        path: PathBuf,
        /// What has no form.
        reason: String,
    },
    /// What is to be trained does not fit the model.
    #[error("train.parameters: {reason}")]
    Trainable {
        /// What does not fit.
        reason: String,
    },
    /// Stored trained tensors do not fit the model that is to go on training.
    #[error("trained tensors: {reason}")]
    State {
        /// Which tensor, and what is wrong with it.
        reason: String,
    },
}

impl ModelError {
    pub(crate) fn unsupported(path: &Path, option: &str, value: &str) -> Self {
        Self::Unsupported { path: path.to_path_buf(), option: option.to_owned(), value: value.to_owned() }
    }

    /// `serde_json` ends its messages with the place, which this error carries as a number.
    pub(crate) fn json(path: &Path, error: &serde_json::Error) -> Self {
        let text = error.to_string();
        let reason = text.rsplit_once(" at line ").map_or(text.as_str(), |(reason, _)| reason);
        Self::Config { path: path.to_path_buf(), line: error.line(), reason: reason.to_owned() }
    }

    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        let text = match self {
            Self::Io { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
                "check that the path exists and that you may use it"
            }
            Self::Io { source, .. } => return d2o_record::remedy(source).map(str::to_owned),
            Self::NoWeights { remedy, .. } => remedy,
            Self::NoAdapter { path, .. } if path.extension().is_some_and(|end| end == "bin") => {
                "PEFT writes it: load the adapter there and save it with save_pretrained(DIR), which writes safetensors"
            }
            Self::NoAdapter { .. } => "give a PEFT directory with adapter_config.json and adapter_model.safetensors",
            Self::Config { path, .. } => {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                return Some(format!("take {name} from where the weights came from"));
            }
            Self::Gguf(error) => return error.hint(),
            Self::Corrupt { .. } => "the file is truncated, damaged or was saved wrongly; fetch, copy or save it again",
            Self::MissingTensor { name, .. } if name == HEAD => {
                "config.json says that the head is a matrix of its own; if it is the embedding, set \
                 \"tie_word_embeddings\": true there"
            }
            Self::Tensor { remedy, .. } => remedy,
            Self::MissingTensor { path, .. } | Self::UnexpectedTensor { path, .. } | Self::Shape { path, .. }
                if path.extension().is_some_and(|end| end == "gguf") =>
            {
                "the metadata of the file and its tensors contradict each other; fetch it again, or convert the model anew"
            }
            Self::MissingTensor { .. } | Self::UnexpectedTensor { .. } | Self::Shape { .. } => {
                "config.json and weights must come from the same model"
            }
            Self::Architecture { supported, advice, .. } => {
                let advice = advice.as_ref().map(|advice| format!("{advice}; ")).unwrap_or_default();
                return Some(format!("{advice}supported are {supported}"));
            }
            Self::Unsupported { option, .. } if option == "quantization_config" => {
                "fetch the model unquantised, or as GGUF, whose quantisations are read"
            }
            Self::Unsupported { .. } => {
                "nothing is computed approximately: use a model without this option, or the file that came with it"
            }
            Self::Dtype { dtype, .. }
                if !dtype.starts_with('F') || dtype.starts_with("F8") || dtype.starts_with("F4") =>
            {
                "these are quantised weights: fetch the model unquantised, or as GGUF, whose quantisations are read"
            }
            Self::Dtype { .. } => "convert the weights to float32, float16 or bfloat16",
            Self::Range { .. } => "choose bf16 or f32, which hold it",
            Self::OtherBase { named: Some(base), .. } => return Some(format!("give its base, `{base}`, as the model")),
            Self::OtherBase { .. } => "give the base that the adapter was trained on (base_model_name_or_path)",
            Self::Adapter { .. } => {
                "give both files of one save (PEFT's save_pretrained), and the base that the adapter was trained on"
            }
            Self::AdapterOption { .. } => {
                "merge the adapter where it was trained (PEFT's merge_and_unload) and give the merged model"
            }
            Self::GgufExport { .. } => "export a Hugging Face directory instead",
            Self::Trainable { .. } => "change `train.parameters`",
            Self::State { .. } => "resume with the model and `train.parameters` that the run began with",
        };
        Some(text.to_owned())
    }
}

fn because(reason: &Option<String>) -> String {
    reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default()
}

fn of_base(named: &Option<String>) -> String {
    named.as_ref().map(|base| format!("; they are for `{base}`")).unwrap_or_default()
}
