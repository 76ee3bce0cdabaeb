//! What can be wrong with a GGUF file.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// An error of this crate.
#[non_exhaustive]
#[derive(Debug, Error)]
pub enum GgufError {
    /// A file cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The bytes are not what the format says at this place.
    #[error("{}: at byte {offset}: expected {expected}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// Where the unexpected bytes begin.
        offset: usize,
        /// What the format has there.
        expected: String,
    },
    /// The file is of another format, or of a form of this one that is not read.
    #[error("{}: {found}", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What it is.
        found: String,
        /// What the user can do about it.
        remedy: &'static str,
    },
    /// A piece of a split model is absent, or not the one that its name says.
    #[error("{}: {reason}", path.display())]
    Piece {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A metadata value is absent or of another type.
    #[error("{}: metadata `{key}`: expected {expected}", path.display())]
    Metadata {
        /// The file.
        path: PathBuf,
        /// The key.
        key: String,
        /// What was looked for.
        expected: String,
    },
    /// A tensor is stored in a type that is not read.
    #[error("{}: tensor `{name}` is stored as {ggml_type}; {known} are read", path.display())]
    TensorType {
        /// The file.
        path: PathBuf,
        /// The tensor.
        name: String,
        /// Its type, by the format's name or number.
        ggml_type: String,
        /// The types that are read.
        known: String,
    },
    /// A tensor is absent.
    #[error("{}: tensor `{name}` is missing", path.display())]
    MissingTensor {
        /// The file.
        path: PathBuf,
        /// The tensor.
        name: String,
    },
    /// A tensor that is to be written cannot be, in its type.
    #[error("{}: tensor `{name}` cannot be written as {ggml_type}: {reason}", path.display())]
    NotWritten {
        /// The file that was to be written.
        path: PathBuf,
        /// The tensor.
        name: String,
        /// Its type.
        ggml_type: &'static str,
        /// Why not.
        reason: String,
    },
    /// A value that the type of its tensor cannot hold.
    #[error("{}: tensor `{name}` holds {value:e}, which is beyond {ggml_type}", path.display())]
    Range {
        /// The file that was to be written.
        path: PathBuf,
        /// The tensor.
        name: String,
        /// The value.
        value: f32,
        /// The type.
        ggml_type: &'static str,
    },
}

impl GgufError {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        let text = match self {
            Self::Io { .. } => return None,
            Self::Format { offset: 0, .. } => {
                "give a .gguf file that is whole, or the directory of a model; fetch or copy a damaged one again"
            }
            Self::Format { .. } => "the file is truncated or damaged; fetch or copy it again",
            Self::Foreign { remedy, .. } => remedy,
            Self::Piece { .. } => {
                "have all pieces in one directory under the names that they were published with, or join them: \
                 llama-gguf-split --merge NAME-00001-of-0000N.gguf NAME.gguf"
            }
            Self::Metadata { .. } => "convert the model to GGUF again with a current converter",
            Self::TensorType { .. } => "fetch the model in another quantisation, such as Q8_0 or Q4_K_M",
            Self::MissingTensor { .. } => "take a name from the list of the file's tensors",
            Self::NotWritten { .. } => "choose F32, F16 or BF16, which take rows of any length",
            Self::Range { .. } => "choose bf16 or f32, which hold it",
        };
        Some(text.to_owned())
    }
}
