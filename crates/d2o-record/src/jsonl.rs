//! `events.jsonl`: one event a line, appended and handed to the system at once.
//!
//! A run that is killed leaves at most one torn line, the last. A run that resumes from the
//! checkpoint of step `n` first drops what the file says about later steps, so that in the end
//! each step has one line.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::durable;
use crate::error::ObserveError;
use crate::event::Event;
use crate::observer::Observer;
use crate::storage::File;

/// Writes each event as a line of a file.
#[derive(Debug)]
pub struct JsonLines {
    path: PathBuf,
    file: File,
    length: u64,
}

impl JsonLines {
    /// Starts an empty file; an old one at `path` is lost.
    ///
    /// # Errors
    /// [`ObserveError::Io`] if it cannot be created.
    pub fn create(path: &Path) -> Result<Self, ObserveError> {
        at(path, "create", File::create(path))?;
        Self::append(path)
    }

    /// Goes on at the end of the file at `path`, without its torn last line, or starts one.
    ///
    /// # Errors
    /// As [`truncate_after`].
    pub fn append(path: &Path) -> Result<Self, ObserveError> {
        Self::resume(path, usize::MAX)
    }

    /// Goes on after `step`: [`truncate_after`], then [`Self::append`].
    ///
    /// # Errors
    /// As [`truncate_after`].
    pub fn resume(path: &Path, step: usize) -> Result<Self, ObserveError> {
        truncate_after(path, step)?;
        let file = at(path, "open", File::append(path))?;
        let length = at(path, "open", file.len())?;
        Ok(Self { path: path.to_path_buf(), file, length })
    }
}

impl Observer for JsonLines {
    fn observe(&mut self, event: &Event) -> Result<(), ObserveError> {
        let mut line =
            serde_json::to_vec(event).map_err(io::Error::from).or_else(|error| at(&self.path, "append", Err(error)))?;
        line.push(b'\n');
        if let Err(error) = self.file.write_all(&line) {
            // Best effort: half a line must not be glued to the next one.
            let _ = self.file.cut(self.length);
            return at(&self.path, "append", Err(error));
        }
        self.length += line.len() as u64;
        Ok(())
    }

    fn sync(&mut self) -> Result<(), ObserveError> {
        at(&self.path, "sync", self.file.sync())
    }
}

/// Removes the lines of steps after `step`, and a torn last line, from the file at `path`.
///
/// Lines that belong to no step stay, except for the end of a run that took more steps. The file
/// is replaced as a whole, or left as it is. Returns how many lines went; a file that does not
/// exist has none.
///
/// # Errors
/// [`ObserveError::Malformed`] if a line other than the last is not an event,
/// [`ObserveError::Io`] if the file cannot be read or replaced.
pub fn truncate_after(path: &Path, step: usize) -> Result<usize, ObserveError> {
    let Some(bytes) = content(path)? else {
        return Ok(0);
    };
    let mut kept = Vec::with_capacity(bytes.len());
    let mut removed = 0;
    for Line { bytes: line, event } in parse(path, &bytes)? {
        if event.is_some_and(|event| !is_after(&event, step)) {
            kept.extend_from_slice(line);
            kept.push(b'\n');
        } else {
            removed += 1;
        }
    }
    if kept != bytes {
        at(path, "replace", durable::write_whole(path, &kept))?;
    }
    Ok(removed)
}

/// The events in the file at `path`, without a torn last line; none if there is no file.
///
/// # Errors
/// As [`truncate_after`].
pub fn read(path: &Path) -> Result<Vec<Event>, ObserveError> {
    let bytes = content(path)?.unwrap_or_default();
    let lines = parse(path, &bytes)?;
    Ok(lines.into_iter().filter_map(|line| line.event).collect())
}

/// How many of the steps 1 to `step` the file at `path` has no line of: steps that a run took and nobody knows of.
///
/// # Errors
/// As [`truncate_after`].
pub fn lost_steps(path: &Path, step: usize) -> Result<usize, ObserveError> {
    let told = |event: &Event| match event {
        Event::Step { step, .. } | Event::PretrainStep { step, .. } => Some(*step),
        _ => None,
    };
    let steps: BTreeSet<usize> = read(path)?.iter().filter_map(told).collect();
    Ok((1..=step).filter(|step| !steps.contains(step)).count())
}

fn is_after(event: &Event, step: usize) -> bool {
    match event {
        Event::Finished { steps, .. } => *steps > step,
        other => other.step().is_some_and(|other| other > step),
    }
}

/// A line and what it says; only a torn one says nothing.
struct Line<'a> {
    bytes: &'a [u8],
    event: Option<Event>,
}

/// Each line that is not blank.
fn parse<'a>(path: &Path, bytes: &'a [u8]) -> Result<Vec<Line<'a>>, ObserveError> {
    let whole = bytes.ends_with(b"\n");
    let lines: Vec<&[u8]> = bytes.split(|&byte| byte == b'\n').collect();
    let mut parsed = Vec::with_capacity(lines.len());
    for (index, &line) in lines.iter().enumerate() {
        if line.trim_ascii().is_empty() {
            continue;
        }
        let may_be_torn = !whole && index + 1 == lines.len();
        match serde_json::from_slice(line) {
            Ok(event) => parsed.push(Line { bytes: line, event: Some(event) }),
            Err(_) if may_be_torn => parsed.push(Line { bytes: line, event: None }),
            Err(source) => {
                return Err(ObserveError::Malformed { path: path.to_path_buf(), line: index + 1, source });
            }
        }
    }
    Ok(parsed)
}

fn content(path: &Path) -> Result<Option<Vec<u8>>, ObserveError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => at(path, "read", Err(error)),
    }
}

fn at<T>(path: &Path, action: &'static str, result: io::Result<T>) -> Result<T, ObserveError> {
    result.map_err(|source| ObserveError::Io { path: path.to_path_buf(), action, source })
}

#[cfg(test)]
mod tests;
