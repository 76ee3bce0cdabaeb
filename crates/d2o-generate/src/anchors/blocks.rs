//! Finished blocks of a draw on disk, so that an interrupted one goes on.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use d2o_record::durable::{self, at};
use serde::{Deserialize, Serialize};

use super::store::{DraftCounts, StoredGroup};
use crate::error::GenerateError;
use crate::origins::Origins;

/// One finished block.
#[derive(Serialize, Deserialize)]
pub(super) struct Block {
    pub(super) origins: Origins,
    pub(super) index: usize,
    pub(super) groups: Vec<StoredGroup>,
    pub(super) counts: DraftCounts,
}

/// The file of finished blocks, open for more.
pub(super) struct Blocks {
    path: PathBuf,
    file: File,
}

impl Blocks {
    /// Opens `path`, and returns the complete blocks that a draw with the same `origins` left there, in order. What
    /// stands behind them, a torn or a foreign line, is cut off; at no moment does the file hold less than they.
    ///
    /// # Errors
    /// A file that cannot be read or written.
    pub(super) fn open(path: &Path, origins: &Origins) -> Result<(Self, Vec<Block>), GenerateError> {
        if let Some(parent) = path.parent() {
            at(parent, fs::create_dir_all(parent))?;
        }
        let text = if path.exists() { at(path, fs::read(path))? } else { Vec::new() };
        let (blocks, bytes) = complete(&text, origins);
        if bytes < text.len() || !path.exists() {
            durable::write(path, &text[..bytes])?;
        }
        let file = at(path, OpenOptions::new().append(true).open(path))?;
        Ok((Self { path: path.to_path_buf(), file }, blocks))
    }

    /// Adds a block.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub(super) fn append(&mut self, block: &Block) -> Result<(), GenerateError> {
        let mut line = serde_json::to_vec(block).expect("a block is plain data");
        line.push(b'\n');
        at(&self.path, self.file.write_all(&line))?;
        Ok(at(&self.path, self.file.sync_data())?)
    }
}

/// The complete blocks of the same origin that `text` begins with, and their length in bytes.
fn complete(text: &[u8], origins: &Origins) -> (Vec<Block>, usize) {
    let (mut blocks, mut bytes): (Vec<Block>, usize) = (Vec::new(), 0);
    for line in text.split_inclusive(|&byte| byte == b'\n') {
        match serde_json::from_slice::<Block>(line) {
            Ok(block) if line.ends_with(b"\n") && block.origins == *origins && block.index == blocks.len() => {
                blocks.push(block);
                bytes += line.len();
            }
            _ => break,
        }
    }
    (blocks, bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origins(name: &str) -> Origins {
        Origins::from([("model".to_owned(), name.to_owned())])
    }

    fn block(origins: &Origins, index: usize) -> Block {
        Block { origins: origins.clone(), index, groups: Vec::new(), counts: DraftCounts::default() }
    }

    #[test]
    fn a_file_of_blocks_is_never_shorter_than_what_is_taken_over() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("anchors/partial.jsonl");
        let ours = origins("ours");
        let (mut blocks, taken) = Blocks::open(&path, &ours).unwrap();
        assert!(taken.is_empty());
        blocks.append(&block(&ours, 0)).unwrap();
        blocks.append(&block(&ours, 1)).unwrap();
        let whole = fs::read(&path).unwrap();
        // A kill at any later moment finds both blocks: the file is not opened for writing from its beginning.

        let before = fs::metadata(&path).unwrap().modified().unwrap();
        let (_, taken) = Blocks::open(&path, &ours).unwrap();
        assert_eq!((taken.len(), fs::read(&path).unwrap()), (2, whole.clone()));
        assert_eq!(fs::metadata(&path).unwrap().modified().unwrap(), before, "an intact file is left alone");
        // A torn third line goes, aside and by renaming: a file that cannot be written aside stays as it was.
        let mut torn = whole.clone();
        torn.extend_from_slice(b"{\"origins\":");
        fs::write(&path, &torn).unwrap();
        let aside = path.with_file_name(".partial.jsonl.partial");
        fs::create_dir(&aside).unwrap();
        assert!(Blocks::open(&path, &ours).is_err());
        assert_eq!(fs::read(&path).unwrap(), torn);
        fs::remove_dir(&aside).unwrap();
        assert_eq!(Blocks::open(&path, &ours).unwrap().1.len(), 2);
        assert_eq!(fs::read(&path).unwrap(), whole);
        // Blocks of another origin are nobody's.
        assert!(Blocks::open(&path, &origins("theirs")).unwrap().1.is_empty());
    }
}
