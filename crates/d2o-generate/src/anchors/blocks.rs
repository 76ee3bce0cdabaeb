//! Finished blocks of a draw on disk, so that an interrupted one goes on.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use d2o_record::durable::{self, at};
use d2o_record::seal;
use d2o_record::storage::{self, File};
use serde::{Deserialize, Serialize};

use super::store::{DraftCounts, StoredGroup, refuse_differing};
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
            at(parent, storage::create_dir_all(parent))?;
        }
        let text = if path.exists() { at(path, fs::read(path))? } else { Vec::new() };
        let (blocks, bytes) = complete(&text, origins);
        if bytes < text.len() || !path.exists() {
            durable::write(path, &text[..bytes])?;
        }
        let file = at(path, File::append(path))?;
        Ok((Self { path: path.to_path_buf(), file }, blocks))
    }

    /// Adds a block.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub(super) fn append(&mut self, block: &Block) -> Result<(), GenerateError> {
        let mut line = seal::line(block);
        line.push(b'\n');
        at(&self.path, self.file.write_all(&line))?;
        Ok(at(&self.path, self.file.sync())?)
    }
}

/// Refuses a file of finished blocks that were drawn from something else than `origins`: to open it for them would cut
/// all of it off.
///
/// # Errors
/// [`GenerateError::Stale`] that lists every input that differs; a file that cannot be read.
pub fn check_partial(path: &Path, origins: &Origins) -> Result<(), GenerateError> {
    if !path.exists() {
        return Ok(());
    }
    let text = at(path, fs::read(path))?;
    let first = text.split_inclusive(|&byte| byte == b'\n').next().map(seal::open_sealed::<Block>);
    // A block that is damaged is lost in any case.
    let Some(Ok(block)) = first else { return Ok(()) };
    refuse_differing(path, &block.origins, origins)
}

/// The complete blocks of the same origin that `text` begins with, and their length in bytes.
fn complete(text: &[u8], origins: &Origins) -> (Vec<Block>, usize) {
    let (mut blocks, mut bytes): (Vec<Block>, usize) = (Vec::new(), 0);
    for line in text.split_inclusive(|&byte| byte == b'\n') {
        match seal::open_sealed::<Block>(line) {
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
    use d2o_record::fault::{self, Fault};

    use super::*;

    fn origins(name: &str) -> Origins {
        Origins::from([("model".to_owned(), name.to_owned())])
    }

    fn block(origins: &Origins, index: usize) -> Block {
        Block { origins: origins.clone(), index, groups: Vec::new(), counts: DraftCounts::default() }
    }

    /// A file with two blocks, and what it holds.
    fn two_blocks(dir: &Path, ours: &Origins) -> (PathBuf, Vec<u8>) {
        let path = dir.join("anchors/partial.jsonl");
        let (mut blocks, taken) = Blocks::open(&path, ours).unwrap();
        assert!(taken.is_empty());
        blocks.append(&block(ours, 0)).unwrap();
        blocks.append(&block(ours, 1)).unwrap();
        let whole = fs::read(&path).unwrap();
        (path, whole)
    }

    #[test]
    fn an_intact_file_is_taken_over_and_not_written() {
        let dir = tempfile::tempdir().unwrap();
        let ours = origins("ours");
        let (path, whole) = two_blocks(dir.path(), &ours);
        // To open it for more is the only change.
        let (opened, changes) = fault::during(Fault::Eio, 2, || Blocks::open(&path, &ours));
        let (mut blocks, taken) = opened.unwrap();
        assert_eq!(changes, 1);
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
        let (path, whole) = two_blocks(dir.path(), &ours);
        let torn = [whole.as_slice(), b"{\"origins\":"].concat();
        fs::write(&path, &torn).unwrap();
        // The shorter file is written aside and renamed: while that cannot be done, the file stays as it was.
        for change in 1..=4 {
            let (opened, _) = fault::during(Fault::Full, change, || Blocks::open(&path, &ours));
            assert!(opened.is_err());
            assert_eq!(fs::read(&path).unwrap(), torn, "{change}");
        }
        assert_eq!(Blocks::open(&path, &ours).unwrap().1.len(), 2);
        assert_eq!(fs::read(&path).unwrap(), whole);
    }

    #[test]
    fn only_whole_lines_of_the_same_origin_in_their_order_count() {
        let (ours, theirs) = (origins("ours"), origins("theirs"));
        let sealed = |origins: &Origins, index: usize| String::from_utf8(seal::line(&block(origins, index))).unwrap();
        let line = |origins: &Origins, index: usize| sealed(origins, index) + "\n";
        let first = line(&ours, 0);
        for behind in [line(&theirs, 1), line(&ours, 2), line(&ours, 1).trim_end().to_owned(), "{}\n".to_owned()] {
            // Nor does what stands behind such a line.
            let text = format!("{first}{behind}{}", line(&ours, 1));
            let (blocks, bytes) = complete(text.as_bytes(), &ours);
            assert_eq!((blocks.len(), bytes), (1, first.len()), "{text}");
        }
        let turned = line(&ours, 1).replace("\"drawn\":0", "\"drawn\":1");
        assert_eq!(complete(format!("{first}{turned}").as_bytes(), &ours).1, first.len(), "a bit that turned");
        assert!(complete(first.trim_end().as_bytes(), &ours).0.is_empty(), "a line that may go on");
        assert!(complete(first.as_bytes(), &theirs).0.is_empty(), "blocks of another origin are nobody's");
    }

    #[test]
    fn blocks_of_another_origin_are_refused_before_anything_is_cut_off() {
        let dir = tempfile::tempdir().unwrap();
        let ours = origins("ours");
        let (path, whole) = two_blocks(dir.path(), &ours);
        check_partial(&path, &ours).unwrap();
        let error = check_partial(&path, &origins("theirs")).unwrap_err();
        assert!(error.to_string().ends_with("partial.jsonl: stale: these anchors were drawn with another model"));
        assert_eq!(fs::read(&path).unwrap(), whole);
        check_partial(&dir.path().join("nowhere"), &ours).unwrap();
        fs::write(&path, &whole[1..]).unwrap();
        check_partial(&path, &origins("theirs")).unwrap();
    }
}
