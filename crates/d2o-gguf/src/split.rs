//! Models in several files, as `llama-gguf-split` writes them: `NAME-00001-of-00003.gguf` and so on.
//!
//! Each piece says its number and how many there are; the first one holds the metadata of the model.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::error::GgufError;
use crate::value::Value;

/// The piece's number, from 0.
const NUMBER: &str = "split.no";
/// How many pieces there are.
const COUNT: &str = "split.count";
/// Tensors of all pieces together.
const TENSORS: &str = "split.tensors.count";

/// Which piece of how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    /// From 1.
    pub(crate) number: usize,
    pub(crate) count: usize,
}

impl Piece {
    /// What a file's name says: five digits each in `…-00001-of-00003.gguf`.
    pub(crate) fn named(path: &Path) -> Option<Self> {
        let stem = path.file_name()?.to_str()?.strip_suffix(".gguf")?;
        let (head, count) = stem.rsplit_once("-of-")?;
        let (_, number) = head.rsplit_once('-')?;
        let digits = |text: &str| {
            let plain = text.len() == 5 && text.bytes().all(|byte| byte.is_ascii_digit());
            text.parse().ok().filter(|_| plain)
        };
        Some(Self { number: digits(number)?, count: digits(count)? })
    }

    /// What the metadata say; `None` for a whole model.
    ///
    /// # Errors
    /// [`GgufError::Metadata`] for numbers that are none or contradict each other.
    fn of(path: &Path, metadata: &BTreeMap<String, Value>) -> Result<Option<Self>, GgufError> {
        let count = size(path, metadata, COUNT)?.unwrap_or(0);
        if count < 2 {
            return Ok(None);
        }
        let number = size(path, metadata, NUMBER)?.filter(|&number| number < count);
        let number = number.ok_or_else(|| {
            wrong(path, NUMBER, format!("the number of a piece, from 0 to {}, as {COUNT} is {count}", count - 1))
        })?;
        Ok(Some(Self { number: number + 1, count }))
    }
}

/// The files of the model that `path` is a piece of, the first one first; `None` if the metadata of the file say that
/// it is whole.
///
/// # Errors
/// [`GgufError::Piece`] for a name that says otherwise than the metadata, and for a piece that is absent;
/// [`GgufError::Metadata`].
pub(crate) fn pieces(path: &Path, metadata: &BTreeMap<String, Value>) -> Result<Option<Vec<PathBuf>>, GgufError> {
    let named = Piece::named(path);
    let Some(piece) = Piece::of(path, metadata)? else {
        return match named {
            Some(Piece { number, count }) if count > 1 => {
                let reason = format!("is named as piece {number} of {count}, and its metadata have no `{COUNT}`");
                Err(fault(path, reason))
            }
            _ => Ok(None),
        };
    };
    let Piece { number, count } = piece;
    match named {
        Some(named) if named == piece => {}
        Some(named) => {
            return Err(fault(
                path,
                format!(
                    "is named as piece {} of {}, but is piece {number} of {count} of a split model by `{NUMBER}` and \
                     `{COUNT}`",
                    named.number, named.count
                ),
            ));
        }
        None => {
            let reason = format!(
                "is piece {number} of {count} of a split model, and its name does not end in \
                 -{number:05}-of-{count:05}.gguf, by which the other pieces would be found"
            );
            return Err(fault(path, reason));
        }
    }
    let files: Vec<PathBuf> = (1..=count).map(|other| sibling(path, piece, other)).collect();
    match files.iter().position(|file| !file.exists()) {
        Some(index) => Err(fault(
            &files[index],
            format!(
                "is missing: piece {} of {count} of the split model that {} belongs to",
                index + 1,
                path.file_name().unwrap_or_default().to_string_lossy()
            ),
        )),
        None => Ok(Some(files)),
    }
}

/// The GGUF models of a directory, in the order of their names; of a split one the first piece that is there.
///
/// Projectors of pictures (`mmproj…`) belong to a model and are none.
///
/// # Errors
/// [`GgufError::Io`] for a directory that cannot be read.
pub fn models_in(dir: &Path) -> Result<Vec<PathBuf>, GgufError> {
    let failed = |source| GgufError::Io { path: dir.to_path_buf(), source };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.ends_with(".gguf") && !name.starts_with("mmproj") && path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    let mut models: Vec<PathBuf> = Vec::new();
    for path in files {
        let same = |first: &PathBuf| match (Piece::named(first), Piece::named(&path)) {
            (Some(theirs), Some(ours)) => sibling(first, theirs, 1) == sibling(&path, ours, 1),
            _ => false,
        };
        if !models.iter().any(same) {
            models.push(path);
        }
    }
    Ok(models)
}

/// The name of piece `other` beside piece `of`.
fn sibling(path: &Path, of: Piece, other: usize) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let own = format!("-{:05}-of-{:05}.gguf", of.number, of.count);
    let stem = name.strip_suffix(own.as_str()).unwrap_or(&name);
    path.with_file_name(format!("{stem}-{other:05}-of-{:05}.gguf", of.count))
}

/// Refuses a piece that says of itself that it is another one.
pub(crate) fn check_piece(
    path: &Path,
    metadata: &BTreeMap<String, Value>,
    number: usize,
    count: usize,
) -> Result<(), GgufError> {
    match Piece::of(path, metadata)? {
        Some(piece) if piece == (Piece { number, count }) => Ok(()),
        Some(other) => Err(fault(
            path,
            format!(
                "is piece {} of {} of a split model by its metadata, where piece {number} of {count} was expected",
                other.number, other.count
            ),
        )),
        None => {
            Err(fault(path, format!("is a whole model by its metadata, where piece {number} of {count} was expected")))
        }
    }
}

/// Refuses pieces that hold another number of tensors than the first one says.
pub(crate) fn check_tensors(path: &Path, metadata: &BTreeMap<String, Value>, found: usize) -> Result<(), GgufError> {
    match size(path, metadata, TENSORS)? {
        Some(promised) if promised != found => {
            let reason =
                format!("belongs to a split model of {promised} tensors by `{TENSORS}`, and its pieces hold {found}");
            Err(fault(path, reason))
        }
        _ => Ok(()),
    }
}

fn size(path: &Path, metadata: &BTreeMap<String, Value>, key: &str) -> Result<Option<usize>, GgufError> {
    let Some(value) = metadata.get(key) else { return Ok(None) };
    value.as_size().map(Some).ok_or_else(|| wrong(path, key, "an integer that is not negative".to_owned()))
}

fn wrong(path: &Path, key: &str, expected: String) -> GgufError {
    GgufError::Metadata { path: path.to_path_buf(), key: key.to_owned(), expected }
}

pub(crate) fn fault(path: &Path, reason: String) -> GgufError {
    GgufError::Piece { path: path.to_path_buf(), reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_are_listed_once() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["b-00002-of-00003.gguf", "b-00003-of-00003.gguf", "a.gguf", "mmproj-a.gguf", "c.safetensors"] {
            std::fs::write(dir.path().join(name), "").unwrap();
        }
        let expected = ["a.gguf", "b-00002-of-00003.gguf"].map(|name| dir.path().join(name));
        assert_eq!(models_in(dir.path()).unwrap(), expected);
        assert!(models_in(&dir.path().join("none")).is_err());
    }

    #[test]
    fn a_name_says_which_piece_it_is() {
        let named = |name: &str| Piece::named(Path::new(name)).map(|piece| (piece.number, piece.count));
        assert_eq!(named("models/tiny-of-2-00002-of-00003.gguf"), Some((2, 3)));
        for whole in ["tiny.gguf", "tiny-2-of-3.gguf", "tiny-00002-of-00003.bin", "tiny-+0002-of-00003.gguf"] {
            assert_eq!(named(whole), None, "{whole}");
        }
        let piece = Piece { number: 2, count: 3 };
        let first = sibling(Path::new("models/tiny-00002-of-00003.gguf"), piece, 1);
        assert_eq!(first, Path::new("models/tiny-00001-of-00003.gguf"));
    }
}
