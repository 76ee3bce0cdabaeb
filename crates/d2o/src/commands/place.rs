//! Where an export goes: what may stand there, and who else writes there.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Component, Path, PathBuf};

use d2o_record::directory::{self, NewDirectory, Occupant};
use d2o_record::durable::{self, at};
use d2o_record::{FileError, RunLock};

use crate::error::RunError;

/// A place that an export may take, locked until it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    path: PathBuf,
    lock: RunLock,
}

impl Place {
    /// A place for a directory.
    ///
    /// # Errors
    /// [`RunError::Occupied`] for anything but an export, unless there is `force`; [`RunError::ExportPlace`] for a place
    /// that overlaps one of `inputs` or holds the working directory; a place that another process writes to.
    pub(super) fn directory(path: &Path, inputs: &[&Path], force: bool) -> Result<Self, RunError> {
        Self::claim(path, inputs, |path| match directory::occupant(path)? {
            Occupant::Other(reason) if path.is_dir() => {
                let cannot =
                    |reason: &str| RunError::ExportPlace { path: path.to_path_buf(), reason: reason.to_owned() };
                match std::env::current_dir().is_ok_and(|current| current.starts_with(resolved(path))) {
                    true => Err(cannot("it holds the working directory")),
                    false if force => Ok(()),
                    false => Err(RunError::Occupied { path: path.to_path_buf(), reason }),
                }
            }
            Occupant::Other(reason) => Err(RunError::ExportPlace { path: path.to_path_buf(), reason }),
            Occupant::Nobody | Occupant::Ours => Ok(()),
        })
    }

    /// A place for a GGUF file.
    ///
    /// # Errors
    /// As [`directory`](Self::directory); anything but a GGUF file is not replaced without `force`.
    pub(super) fn gguf(path: &Path, inputs: &[&Path], force: bool) -> Result<Self, RunError> {
        Self::claim(path, inputs, |path| {
            let cannot = |reason: &str| RunError::ExportPlace { path: path.to_path_buf(), reason: reason.to_owned() };
            match fs::metadata(path) {
                Ok(metadata) if metadata.is_dir() => Err(cannot("a GGUF file is written, and this is a directory")),
                Ok(metadata) if !metadata.is_file() => Err(cannot("a GGUF file is written, and this is no file")),
                Ok(_) if force || is_gguf(path)? => Ok(()),
                Ok(_) => {
                    let reason = "it is no GGUF file".to_owned();
                    Err(RunError::Occupied { path: path.to_path_buf(), reason })
                }
                Err(_) if path.is_symlink() => Err(cannot("it is a link that leads nowhere")),
                Err(_) => Ok(()),
            }
        })
    }

    fn claim(path: &Path, inputs: &[&Path], check: impl Fn(&Path) -> Result<(), RunError>) -> Result<Self, RunError> {
        let cannot = |reason: String| RunError::ExportPlace { path: path.to_path_buf(), reason };
        if path.file_name().is_none() {
            return Err(cannot("it has no name of its own".to_owned()));
        }
        for input in inputs {
            if let Some(how) = overlap(&resolved(path), &resolved(input)) {
                return Err(cannot(format!("it {how} {}, which is read", input.display())));
            }
        }
        // Before the lock makes directories, and again under it.
        check(path)?;
        // A link is replaced where it leads to.
        let path = if path.is_symlink() { at(path, fs::canonicalize(path))? } else { path.to_path_buf() };
        let lock = RunLock::beside(&path)?;
        check(&path)?;
        Ok(Self { path, lock })
    }

    /// The place, for a file.
    pub(super) fn file(&mut self) -> Result<&Path, FileError> {
        self.accept()?;
        Ok(&self.path)
    }

    /// A directory that is to take the place.
    pub(super) fn new_directory(&mut self) -> Result<NewDirectory, FileError> {
        self.accept()?;
        NewDirectory::new(&self.path)
    }

    /// From here on something is written; what the killed have left half-written goes.
    fn accept(&mut self) -> Result<(), FileError> {
        self.lock.accept();
        let parent = self.path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        durable::remove_partial(parent, Some(&name), &[])
    }
}

fn is_gguf(path: &Path) -> Result<bool, FileError> {
    let mut magic = [0; 4];
    let read = at(path, File::open(path))?.read_exact(&mut magic);
    Ok(read.is_ok() && magic == *b"GGUF")
}

/// How `out` and `input`, both resolved, get in each other's way.
fn overlap(out: &Path, input: &Path) -> Option<&'static str> {
    match (out.starts_with(input), input.starts_with(out)) {
        (true, true) => Some("is"),
        (true, false) => Some("lies in"),
        (false, true) => Some("holds"),
        (false, false) => None,
    }
}

/// A path without links, as far as it exists, and absolute.
fn resolved(path: &Path) -> PathBuf {
    let whole = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    for ancestor in whole.ancestors() {
        if let (Ok(mut real), Ok(rest)) = (fs::canonicalize(ancestor), whole.strip_prefix(ancestor)) {
            // What is not there yet will be made of directories, from which `..` leads back.
            for part in rest.components() {
                match part {
                    Component::ParentDir => drop(real.pop()),
                    part => real.push(part),
                }
            }
            return real;
        }
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(place: Result<Place, RunError>) -> String {
        place.unwrap_err().to_string()
    }

    #[test]
    fn what_is_read_is_not_written_over() {
        let dir = tempfile::tempdir().unwrap();
        let model = dir.path().join("models/a");
        fs::create_dir_all(&model).unwrap();
        for (out, how) in [
            ("models/a", "is "),
            ("models/./a/", "is "),
            ("models/a/out", "lies in "),
            ("models", "holds "),
            ("models/b/../a", "is "),
        ] {
            let said = reason(Place::directory(&dir.path().join(out), &[&model], true));
            assert!(said.contains("no place for an export") && said.contains(how), "{out}: {said}");
        }
        let mut beside = Place::directory(&dir.path().join("models/ab"), &[&model], false).unwrap();
        drop(beside.new_directory().unwrap());
        drop(beside);
        assert_eq!(fs::read_dir(dir.path().join("models")).unwrap().count(), 1);
    }

    #[test]
    fn only_exports_are_replaced_and_the_rest_by_force() {
        let dir = tempfile::tempdir().unwrap();
        let (mine, file, gguf) = (dir.path().join("mine"), dir.path().join("a.txt"), dir.path().join("a.gguf"));
        fs::create_dir(&mine).unwrap();
        fs::write(mine.join("thesis.tex"), "").unwrap();
        fs::write(&file, "GG").unwrap();
        fs::write(&gguf, "GGUF....").unwrap();
        let said = reason(Place::directory(&mine, &[], false));
        assert!(said.contains("mine: already exists and is not replaced: it was not written by d2o"), "{said}");
        assert!(reason(Place::gguf(&file, &[], false)).contains("it is no GGUF file"));
        // A directory is no file and a file is no directory, whatever the force.
        assert!(reason(Place::gguf(&mine, &[], true)).contains("this is a directory"));
        assert!(reason(Place::directory(&file, &[], true)).contains("it is a file"));
        assert!(reason(Place::directory(Path::new("/"), &[], true)).contains("no name of its own"));
        for place in [Place::directory(&mine, &[], true), Place::gguf(&file, &[], true), Place::gguf(&gguf, &[], false)]
        {
            place.unwrap();
        }
        let current = std::env::current_dir().unwrap();
        assert!(reason(Place::directory(&current, &[], true)).contains("it holds the working directory"));
        assert!(mine.join("thesis.tex").exists());
    }

    #[test]
    fn one_process_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("new/model.gguf");
        let first = Place::gguf(&out, &[], false).unwrap();
        assert!(reason(Place::gguf(&out, &[], false)).contains("model.gguf: in use by process"));
        drop(first);
        assert!(!dir.path().join("new").exists(), "nothing was written");
    }
}
