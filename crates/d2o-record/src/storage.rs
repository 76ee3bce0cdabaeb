//! Every change of a file system, in one place.
//!
//! What a run leaves behind is written through these functions and through nothing else (`cargo xtask arch` looks).
//! With the feature `fault-injection` each of them can be made to fail: see `fault`.

use std::fs;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

#[cfg(any(test, feature = "fault-injection"))]
use crate::fault;

/// What is done to a file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// A file is made, or an old one emptied.
    Create,
    /// Bytes are written.
    Write,
    /// A file or a directory is handed to the disk.
    Sync,
    /// A file is cut.
    Cut,
    /// A name changes.
    Rename,
    /// A directory is made.
    CreateDirectory,
    /// A file or a directory goes.
    Remove,
}

/// Says what is about to happen; a fault that is planned for it happens instead.
fn announce(operation: Operation, path: &Path) -> io::Result<()> {
    #[cfg(any(test, feature = "fault-injection"))]
    return fault::strike(operation, path);
    #[cfg(not(any(test, feature = "fault-injection")))]
    {
        let _ = (operation, path);
        Ok(())
    }
}

/// A file that is open for writing.
#[derive(Debug)]
pub struct File {
    inner: fs::File,
    path: PathBuf,
}

impl File {
    /// An empty file; an old one at `path` is emptied.
    ///
    /// # Errors
    /// What the system said.
    pub fn create(path: &Path) -> io::Result<Self> {
        announce(Operation::Create, path)?;
        let inner = fs::File::options().read(true).write(true).create(true).truncate(true).open(path)?;
        Ok(Self::opened(inner, path))
    }

    /// The end of the file at `path`, which is made if it is not there.
    ///
    /// # Errors
    /// What the system said.
    pub fn append(path: &Path) -> io::Result<Self> {
        announce(Operation::Create, path)?;
        let inner = fs::File::options().create(true).append(true).open(path)?;
        Ok(Self::opened(inner, path))
    }

    fn opened(inner: fs::File, path: &Path) -> Self {
        #[cfg(any(test, feature = "fault-injection"))]
        fault::opened(path, inner.metadata().map_or(0, |metadata| metadata.len()));
        Self { inner, path: path.to_path_buf() }
    }

    /// Bytes in it.
    ///
    /// # Errors
    /// What the system said.
    pub fn len(&self) -> io::Result<u64> {
        Ok(self.inner.metadata()?.len())
    }

    /// Whether there is nothing in it.
    ///
    /// # Errors
    /// What the system said.
    pub fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Waits until the disk has everything that was written.
    ///
    /// # Errors
    /// What the system said.
    pub fn sync(&self) -> io::Result<()> {
        announce(Operation::Sync, &self.path)?;
        self.inner.sync_all()?;
        #[cfg(any(test, feature = "fault-injection"))]
        fault::synced(&self.path, self.len()?);
        Ok(())
    }

    /// Cuts the file to `length` bytes.
    ///
    /// # Errors
    /// What the system said.
    pub fn cut(&self, length: u64) -> io::Result<()> {
        announce(Operation::Cut, &self.path)?;
        self.inner.set_len(length)
    }
}

impl Write for File {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        #[cfg(any(test, feature = "fault-injection"))]
        let bytes = fault::arriving(&mut self.inner, &self.path, bytes)?;
        self.inner.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl Read for File {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.inner.read(buffer)
    }
}

impl Seek for File {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.inner.seek(to)
    }
}

/// Makes a directory and those above it, as far as they are not there.
///
/// # Errors
/// What the system said.
pub fn create_dir_all(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    announce(Operation::CreateDirectory, path)?;
    fs::create_dir_all(path)
}

/// Makes a directory; the one above it is there.
///
/// # Errors
/// What the system said; [`io::ErrorKind::AlreadyExists`] where the name is taken.
pub fn create_dir(path: &Path) -> io::Result<()> {
    announce(Operation::CreateDirectory, path)?;
    fs::create_dir(path)
}

/// Gives a file or a directory another name.
///
/// # Errors
/// What the system said.
pub fn rename(from: &Path, to: &Path) -> io::Result<()> {
    announce(Operation::Rename, to)?;
    fs::rename(from, to)?;
    #[cfg(any(test, feature = "fault-injection"))]
    fault::renamed(from, to);
    Ok(())
}

/// Lets two names change places at one moment.
///
/// # Errors
/// [`io::ErrorKind::Unsupported`] where the system cannot; whatever else it said.
pub fn exchange(one: &Path, other: &Path) -> io::Result<()> {
    announce(Operation::Rename, other)?;
    exchange_names(one, other)
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn exchange_names(one: &Path, other: &Path) -> io::Result<()> {
    use nix::errno::Errno;
    use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};

    renameat2(AT_FDCWD, one, AT_FDCWD, other, RenameFlags::RENAME_EXCHANGE).map_err(|errno| match errno {
        Errno::EINVAL | Errno::ENOSYS | Errno::EOPNOTSUPP => io::ErrorKind::Unsupported.into(),
        other => other.into(),
    })
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn exchange_names(_: &Path, _: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Removes a file; one that is not there is no error.
///
/// # Errors
/// What the system said.
pub fn remove_file(path: &Path) -> io::Result<()> {
    announce(Operation::Remove, path)?;
    absent_is_fine(fs::remove_file(path))
}

/// Removes an empty directory.
///
/// # Errors
/// What the system said.
pub fn remove_dir(path: &Path) -> io::Result<()> {
    announce(Operation::Remove, path)?;
    fs::remove_dir(path)
}

/// Removes a directory with everything in it; one that is not there is no error. Links are removed, not followed.
///
/// # Errors
/// What the system said.
pub fn remove_dir_all(path: &Path) -> io::Result<()> {
    if path.symlink_metadata().is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
        return Ok(());
    }
    announce(Operation::Remove, path)?;
    absent_is_fine(fs::remove_dir_all(path))
}

/// Makes the names in a directory durable, where the system has such a thing.
///
/// # Errors
/// What the system said.
pub fn sync_dir(path: &Path) -> io::Result<()> {
    if !cfg!(unix) {
        return Ok(());
    }
    announce(Operation::Sync, path)?;
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    fs::File::open(path)?.sync_all()
}

fn absent_is_fine(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
