//! Directories that are either whole or absent: written aside, listed, put in place at one moment.
//!
//! A directory that is written so holds a list of its files with their digests, [`CONTENTS`]. By it the next one knows
//! that it may take its place, and a reader knows that nothing is damaged.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::digest;
use crate::durable::{self, at};
use crate::error::FileError;
use crate::{seal, storage};

/// Name of the list of files in a directory that was written whole.
pub const CONTENTS: &str = "d2o-export.json";

/// Layout of the list.
const VERSION: u32 = 1;

/// The files of a directory, as they were written.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Contents {
    version: u32,
    written_by: String,
    files: BTreeMap<String, FileRecord>,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct FileRecord {
    bytes: u64,
    sha256: String,
}

/// What stands where a directory is to be put.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Occupant {
    /// Nothing, or an empty directory.
    Nobody,
    /// A directory that was written whole, and nothing else.
    Ours,
    /// Something else; why it is not ours.
    Other(String),
}

/// What stands at `path`.
///
/// # Errors
/// [`FileError`] for what cannot be read.
pub fn occupant(path: &Path) -> Result<Occupant, FileError> {
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => {}
        Ok(_) => return Ok(Occupant::Other("it is a file".to_owned())),
        Err(_) if path.is_symlink() => return Ok(Occupant::Other("it is a link that leads nowhere".to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Occupant::Nobody),
        Err(source) => return Err(FileError { path: path.to_path_buf(), source }),
    }
    if at(path, fs::read_dir(path))?.next().is_none() {
        return Ok(Occupant::Nobody);
    }
    let names = names(path)?;
    Ok(match check_all(path, &names)? {
        None => Occupant::Ours,
        Some(reason) => Occupant::Other(reason),
    })
}

/// Which of the listed files of `dir` is not as it was written, if one is; files that are not listed do not count.
/// Nothing is said of a directory without a list.
///
/// # Errors
/// [`FileError`] for what cannot be read.
pub fn damaged(dir: &Path) -> Result<Option<PathBuf>, FileError> {
    let list = dir.join(CONTENTS);
    if !list.exists() {
        return Ok(None);
    }
    let Some(contents) = read(&list)? else {
        return Ok(Some(list));
    };
    for (name, record) in &contents.files {
        if !is_as_written(&dir.join(name), record)? {
            return Ok(Some(dir.join(name)));
        }
    }
    Ok(None)
}

/// What keeps the directory from being ours: no list, or files that are not as it says.
fn check_all(dir: &Path, names: &[String]) -> Result<Option<String>, FileError> {
    let list = dir.join(CONTENTS);
    if !list.exists() {
        return Ok(Some(format!("it was not written by d2o, or before there was a {CONTENTS} in it")));
    }
    let Some(contents) = read(&list)? else {
        return Ok(Some(format!("{CONTENTS} is damaged")));
    };
    if let Some(name) = names.iter().find(|&name| name != CONTENTS && !contents.files.contains_key(name)) {
        return Ok(Some(format!("d2o has not written {name}")));
    }
    for (name, record) in &contents.files {
        if !is_as_written(&dir.join(name), record)? {
            return Ok(Some(format!("{name} is not as it was written")));
        }
    }
    Ok(None)
}

fn read(list: &Path) -> Result<Option<Contents>, FileError> {
    let contents = seal::open_sealed::<Contents>(&at(list, fs::read(list))?).ok();
    // A name that leads out of the directory has no place in the list.
    let plain = |name: &String| Path::new(name).components().all(|part| matches!(part, Component::Normal(_)));
    Ok(contents.filter(|contents| contents.version == VERSION && contents.files.keys().all(plain)))
}

fn is_as_written(path: &Path, record: &FileRecord) -> Result<bool, FileError> {
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_file() && metadata.len() == record.bytes => {
            Ok(digest::sha256_file(path)? == record.sha256)
        }
        _ => Ok(false),
    }
}

/// The names of all files below `dir`, with `/` between directories, in order.
fn names(dir: &Path) -> Result<Vec<String>, FileError> {
    let (mut names, mut open) = (Vec::new(), vec![(dir.to_path_buf(), String::new())]);
    while let Some((dir, before)) = open.pop() {
        for entry in at(&dir, fs::read_dir(&dir))? {
            let entry = at(&dir, entry)?;
            let name = format!("{before}{}", entry.file_name().to_string_lossy());
            match at(&entry.path(), entry.file_type())?.is_dir() {
                true => open.push((entry.path(), format!("{name}/"))),
                false => names.push(name),
            }
        }
    }
    names.sort();
    Ok(names)
}

/// A directory that is being written aside, `.NAME.partial-PROCESS-NUMBER` in the same parent; without
/// [`put_in_place`](Self::put_in_place) it goes when it is dropped.
#[derive(Debug)]
pub struct NewDirectory {
    aside: PathBuf,
    place: PathBuf,
}

impl NewDirectory {
    /// An empty directory for what is to stand at `place`. A link at `place` is followed: what it leads to is replaced.
    ///
    /// # Errors
    /// [`FileError`] for a parent or a directory that cannot be made.
    pub fn new(place: &Path) -> Result<Self, FileError> {
        let place = if place.is_symlink() { at(place, fs::canonicalize(place))? } else { place.to_path_buf() };
        if let Some(parent) = place.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            at(parent, storage::create_dir_all(parent))?;
        }
        let aside = durable::aside(&place);
        at(&aside, storage::create_dir(&aside))?;
        Ok(Self { aside, place })
    }

    /// Where to write.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.aside
    }

    /// Lists the files, lets the directory take its place, and removes the one that stood there, whatever it was.
    ///
    /// At no moment is the place half full; where the system can exchange two names, it is at no moment empty either.
    ///
    /// # Errors
    /// [`FileError`]; what stood there stays.
    pub fn put_in_place(self) -> Result<(), FileError> {
        let files = names(&self.aside)?.into_iter().map(|name| {
            let path = self.aside.join(&name);
            let bytes = at(&path, fs::metadata(&path))?.len();
            Ok((name, FileRecord { bytes, sha256: digest::sha256_file(&path)? }))
        });
        let files = files.collect::<Result<_, FileError>>()?;
        let written_by = concat!("d2o ", env!("CARGO_PKG_VERSION")).to_owned();
        let contents = Contents { version: VERSION, written_by, files };
        durable::write_synced(&self.aside.join(CONTENTS), &seal::pretty(&contents))?;
        at(&self.aside, storage::sync_dir(&self.aside))?;
        if !self.place.exists() {
            at(&self.place, storage::rename(&self.aside, &self.place))?;
            return durable::sync_parent(&self.place);
        }
        match storage::exchange(&self.aside, &self.place) {
            // What stood there is aside now, and goes when this is dropped.
            Ok(()) => durable::sync_parent(&self.place),
            Err(error) if error.kind() == io::ErrorKind::Unsupported => self.replace(),
            Err(source) => Err(FileError { path: self.place.clone(), source }),
        }
    }

    /// The same in two steps.
    fn replace(&self) -> Result<(), FileError> {
        let old = durable::aside(&self.place);
        at(&self.place, storage::rename(&self.place, &old))?;
        if let Err(source) = storage::rename(&self.aside, &self.place) {
            // Best effort: the error that matters is already on its way.
            let _ = storage::rename(&old, &self.place);
            return Err(FileError { path: self.place.clone(), source });
        }
        durable::sync_parent(&self.place)?;
        at(&old, remove(&old))
    }
}

impl Drop for NewDirectory {
    fn drop(&mut self) {
        // Best effort: what stays is cleared away by the next one.
        let _ = remove(&self.aside);
    }
}

fn remove(path: &Path) -> io::Result<()> {
    if path.is_dir() { storage::remove_dir_all(path) } else { storage::remove_file(path) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(place: &Path, files: &[(&str, &str)]) {
        let new = NewDirectory::new(place).unwrap();
        for (name, text) in files {
            durable::write_synced(&new.path().join(name), text.as_bytes()).unwrap();
        }
        new.put_in_place().unwrap();
    }

    #[test]
    fn nothing_of_the_old_one_stays() {
        let dir = tempfile::tempdir().unwrap();
        let place = dir.path().join("models/a b");
        put(&place, &[("weights", "1"), ("template", "x")]);
        assert_eq!(occupant(&place).unwrap(), Occupant::Ours);
        put(&place, &[("weights", "2")]);
        assert_eq!(names(&place).unwrap(), [CONTENTS, "weights"]);
        assert_eq!(fs::read_dir(place.parent().unwrap()).unwrap().count(), 1, "nothing is left aside");
        // In two steps likewise.
        let new = NewDirectory::new(&place).unwrap();
        fs::write(new.path().join("other"), "3").unwrap();
        new.replace().unwrap();
        drop(new);
        assert_eq!(names(&place).unwrap(), ["other"]);
        assert_eq!(fs::read_dir(place.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn directories_inside_are_listed_too() {
        let dir = tempfile::tempdir().unwrap();
        let place = dir.path().join("model");
        let new = NewDirectory::new(&place).unwrap();
        fs::create_dir(new.path().join("more")).unwrap();
        fs::write(new.path().join("more/template"), "x").unwrap();
        new.put_in_place().unwrap();
        assert_eq!(names(&place).unwrap(), [CONTENTS, "more/template"]);
        assert_eq!(occupant(&place).unwrap(), Occupant::Ours);
        fs::write(place.join("more/template"), "y").unwrap();
        assert_eq!(damaged(&place).unwrap(), Some(place.join("more/template")));
        fs::write(place.join("more/notes"), "mine").unwrap();
        assert!(matches!(occupant(&place).unwrap(), Occupant::Other(reason) if reason.contains("more/notes")));
    }

    #[test]
    fn what_is_given_up_leaves_the_old_one() {
        let dir = tempfile::tempdir().unwrap();
        let place = dir.path().join("model");
        put(&place, &[("weights", "1")]);
        let new = NewDirectory::new(&place).unwrap();
        fs::write(new.path().join("weights"), "half").unwrap();
        drop(new);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        assert_eq!(fs::read(place.join("weights")).unwrap(), b"1");
    }

    #[test]
    fn only_what_was_written_whole_and_left_alone_is_ours() {
        let dir = tempfile::tempdir().unwrap();
        let place = dir.path().join("model");
        assert_eq!(occupant(&place).unwrap(), Occupant::Nobody);
        fs::create_dir(&place).unwrap();
        assert_eq!(occupant(&place).unwrap(), Occupant::Nobody);
        let reason = |expected: &str| match occupant(&place).unwrap() {
            Occupant::Other(reason) => assert!(reason.contains(expected), "{reason}"),
            other => panic!("{other:?}, not {expected}"),
        };
        fs::write(place.join("notes.txt"), "mine").unwrap();
        reason("not written by d2o");
        fs::remove_dir_all(&place).unwrap();
        put(&place, &[("weights", "12"), ("template", "x")]);
        fs::write(place.join("notes.txt"), "mine").unwrap();
        reason("has not written notes.txt");
        assert_eq!(damaged(&place).unwrap(), None, "a file more is no damage");
        fs::remove_file(place.join("notes.txt")).unwrap();
        fs::write(place.join("template"), "y").unwrap();
        reason("template is not as it was written");
        assert_eq!(damaged(&place).unwrap(), Some(place.join("template")));
        fs::remove_file(place.join("template")).unwrap();
        reason("template is not as it was written");
        fs::write(place.join(CONTENTS), "{}").unwrap();
        reason("d2o-export.json is damaged");
        assert_eq!(damaged(&place).unwrap(), Some(place.join(CONTENTS)));
        fs::remove_dir_all(&place).unwrap();
        fs::write(&place, "").unwrap();
        reason("it is a file");
    }

    #[cfg(unix)]
    #[test]
    fn a_link_is_followed_and_stays() {
        let dir = tempfile::tempdir().unwrap();
        let (place, link) = (dir.path().join("real/model"), dir.path().join("link"));
        put(&place, &[("weights", "1")]);
        std::os::unix::fs::symlink(&place, &link).unwrap();
        put(&link, &[("weights", "2")]);
        assert!(link.is_symlink());
        assert_eq!(fs::read(place.join("weights")).unwrap(), b"2");
        std::os::unix::fs::symlink("nowhere", dir.path().join("dangling")).unwrap();
        let dangling = dir.path().join("dangling");
        assert!(matches!(occupant(&dangling).unwrap(), Occupant::Other(reason) if reason.contains("leads nowhere")));
        assert!(NewDirectory::new(&dangling).is_err());
    }
}
