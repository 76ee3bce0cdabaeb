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

    /// A file with two blocks, what it holds, and the place beside it where a new one is written before it is renamed.
    fn two_blocks(dir: &Path, ours: &Origins) -> (PathBuf, Vec<u8>, PathBuf) {
        let path = dir.join("anchors/partial.jsonl");
        let (mut blocks, taken) = Blocks::open(&path, ours).unwrap();
        assert!(taken.is_empty());
        blocks.append(&block(ours, 0)).unwrap();
        blocks.append(&block(ours, 1)).unwrap();
        let (whole, aside) = (fs::read(&path).unwrap(), path.with_file_name(".partial.jsonl.partial"));
        (path, whole, aside)
    }

    #[test]
    fn an_intact_file_is_taken_over_and_not_written() {
        let dir = tempfile::tempdir().unwrap();
        let ours = origins("ours");
        let (path, whole, aside) = two_blocks(dir.path(), &ours);
        // Whoever writes the file anew fails at this directory.
        fs::create_dir(&aside).unwrap();
        let (mut blocks, taken) = Blocks::open(&path, &ours).unwrap();
        assert_eq!(taken.iter().map(|block| block.index).collect::<Vec<_>>(), [0, 1]);
        assert_eq!(fs::read(&path).unwrap(), whole);
        // The next block comes behind those that were there.
        blocks.append(&block(&ours, 2)).unwrap();
        assert!(fs::read(&path).unwrap().starts_with(&whole));
        assert_eq!(Blocks::open(&path, &ours).unwrap().1.len(), 3);
    }

    #[test]
    fn a_torn_line_is_cut_off_and_no_moment_has_fewer_blocks() {
        let dir = tempfile::tempdir().unwrap();
        let ours = origins("ours");
        let (path, whole, aside) = two_blocks(dir.path(), &ours);
        let torn = [whole.as_slice(), b"{\"origins\":"].concat();
        fs::write(&path, &torn).unwrap();
        // The shorter file is written aside and renamed: while that cannot be done, the file stays as it was.
        fs::create_dir(&aside).unwrap();
        assert!(Blocks::open(&path, &ours).is_err());
        assert_eq!(fs::read(&path).unwrap(), torn);
        fs::remove_dir(&aside).unwrap();
        assert_eq!(Blocks::open(&path, &ours).unwrap().1.len(), 2);
        assert_eq!(fs::read(&path).unwrap(), whole);
    }

    #[test]
    fn only_whole_lines_of_the_same_origin_in_their_order_count() {
        let (ours, theirs) = (origins("ours"), origins("theirs"));
        let line = |origins: &Origins, index: usize| serde_json::to_string(&block(origins, index)).unwrap() + "\n";
        let first = line(&ours, 0);
        for behind in [line(&theirs, 1), line(&ours, 2), line(&ours, 1).trim_end().to_owned(), "{}\n".to_owned()] {
            // Nor does what stands behind such a line.
            let text = format!("{first}{behind}{}", line(&ours, 1));
            let (blocks, bytes) = complete(text.as_bytes(), &ours);
            assert_eq!((blocks.len(), bytes), (1, first.len()), "{text}");
        }
        assert!(complete(first.trim_end().as_bytes(), &ours).0.is_empty(), "a line that may go on");
        assert!(complete(first.as_bytes(), &theirs).0.is_empty(), "blocks of another origin are nobody's");
    }
}
