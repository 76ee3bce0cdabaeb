//! Checkpoints: everything that a resumed run needs to go on as if nothing had happened.
//!
//! A checkpoint is a directory `step-NNNNNN` with the trained tensors, the optimizer's state, the
//! anchors that were drawn anew, if any are in force, and `state.json`, which holds the digests of the
//! others. It is written aside, synced and renamed, so a directory with that name is complete; a digest that does not match makes the reader fall
//! back to the one before.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use burn::optim::ModuleOptimizer;
use burn::tensor::Bytes;
use d2o_model::CausalLm;
use d2o_record::durable::{self, at};
use d2o_record::{FileError, digest, seal, storage};
use serde::{Deserialize, Serialize};

use crate::error::TrainError;
use crate::redraw::Redrawn;
use crate::stop::StopState;

const TENSORS: &str = "trainable.safetensors";
const OPTIMIZER: &str = "optimizer.bpk";
const REDRAWN: &str = "redrawn.json";
const STATE: &str = "state.json";

/// The scalars of a checkpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckpointState {
    /// Optimizer steps done.
    pub step: usize,
    /// Fingerprint of the configuration, the anchors and the model; another one refuses the checkpoint.
    pub fingerprint: String,
    /// Response and prompt tokens trained on so far, in the naive layout.
    pub tokens: u64,
    /// Seconds of training so far, over all sessions.
    pub wall_s: f64,
    /// What the stop rules remember.
    pub stop: StopState,
    digests: BTreeMap<String, String>,
}

impl CheckpointState {
    /// The scalars after `step` steps.
    pub fn new(step: usize, fingerprint: &str, tokens: u64, wall_s: f64, stop: StopState) -> Self {
        Self { step, fingerprint: fingerprint.to_owned(), tokens, wall_s, stop, digests: BTreeMap::new() }
    }
}

/// A checkpoint read back.
pub struct Checkpoint {
    /// Its directory.
    pub path: PathBuf,
    /// Its scalars.
    pub state: CheckpointState,
    /// The anchors in force instead of the given ones.
    pub redrawn: Redrawn,
    tensors: Vec<u8>,
    optimizer: Vec<u8>,
}

impl Checkpoint {
    /// Writes a checkpoint below `dir` and removes all but the newest `keep`.
    ///
    /// # Errors
    /// [`TrainError::File`] naming the file; checkpoints written before stay as they are.
    pub fn write(
        dir: &Path,
        mut state: CheckpointState,
        (model, optimizer): (&CausalLm, &ModuleOptimizer),
        redrawn: &Redrawn,
        keep: usize,
    ) -> Result<PathBuf, TrainError> {
        let path = dir.join(directory_name(state.step));
        let optimizer = optimizer.into_bytes().map_err(|error| FileError {
            path: path.join(OPTIMIZER),
            source: std::io::Error::other(error.to_string()),
        })?;
        let redrawn = (!redrawn.is_empty()).then(|| serde_json::to_vec(redrawn).expect("anchors are plain data"));
        let files = [(TENSORS, model.trainable_bytes()?), (OPTIMIZER, optimizer.to_vec())];
        let files: Vec<_> = files.into_iter().chain(redrawn.map(|json| (REDRAWN, json))).collect();
        state.digests = files.iter().map(|(file, bytes)| ((*file).to_owned(), digest::sha256(bytes))).collect();
        at(dir, storage::create_dir_all(dir))?;
        let aside = durable::aside(&path);
        let written = (|| -> Result<(), FileError> {
            at(&aside, storage::create_dir(&aside))?;
            for (file, bytes) in &files {
                durable::write_synced(&aside.join(file), bytes)?;
            }
            durable::write_synced(&aside.join(STATE), &seal::pretty(&state))?;
            at(&aside, storage::sync_dir(&aside))?;
            // A damaged one of the same step.
            at(&path, storage::remove_dir_all(&path))?;
            at(&path, storage::rename(&aside, &path))?;
            durable::sync_parent(&path)
        })();
        if let Err(error) = written {
            // Best effort: the error that matters is already on its way.
            let _ = storage::remove_dir_all(&aside);
            return Err(error.into());
        }
        prune(dir, keep)?;
        Ok(path)
    }

    /// The newest complete checkpoint below `dir`, if any. Damaged ones are skipped and named in the second value.
    ///
    /// # Errors
    /// [`TrainError::Stale`] if the newest intact one belongs to another run.
    pub fn newest(dir: &Path, fingerprint: &str) -> Result<(Option<Self>, Vec<String>), TrainError> {
        let mut damaged = Vec::new();
        for path in list(dir)?.into_iter().rev() {
            match Self::read(&path) {
                Ok(checkpoint) => {
                    refuse_stale(&path, &checkpoint.state, fingerprint)?;
                    return Ok((Some(checkpoint), damaged));
                }
                Err(error) => damaged.push(error.to_string()),
            }
        }
        Ok((None, damaged))
    }

    /// Whether there are checkpoints of this run below `dir`; looks at their scalars only.
    ///
    /// # Errors
    /// As [`newest`](Self::newest).
    pub fn check(dir: &Path, fingerprint: &str) -> Result<bool, TrainError> {
        let newest = list(dir)?.into_iter().rev().find_map(|path| Some((read_state(&path).ok()?, path)));
        match newest {
            Some((state, path)) => refuse_stale(&path, &state, fingerprint).map(|()| true),
            None => Ok(false),
        }
    }

    fn read(path: &Path) -> Result<Self, TrainError> {
        let damaged = |reason: String| TrainError::Damaged { path: path.to_path_buf(), reason };
        let state = read_state(path)?;
        let read = |file: &str| -> Result<Vec<u8>, TrainError> {
            let bytes = at(&path.join(file), fs::read(path.join(file)))?;
            match state.digests.get(file) == Some(&digest::sha256(&bytes)) {
                true => Ok(bytes),
                false => Err(damaged(format!("{file} does not have the recorded digest"))),
            }
        };
        let (tensors, optimizer) = (read(TENSORS)?, read(OPTIMIZER)?);
        let redrawn = match state.digests.contains_key(REDRAWN) {
            true => serde_json::from_slice(&read(REDRAWN)?).map_err(|error| damaged(error.to_string()))?,
            false => Redrawn::default(),
        };
        Ok(Self { path: path.to_path_buf(), state, redrawn, tensors, optimizer })
    }

    /// Puts the trained tensors and the optimizer's state back.
    ///
    /// # Errors
    /// If the tensors do not fit the model or the optimizer's record cannot be read.
    pub fn restore(
        &self,
        (model, optimizer): (CausalLm, ModuleOptimizer),
    ) -> Result<(CausalLm, ModuleOptimizer), TrainError> {
        let model = model.load_trainable_bytes(&self.tensors)?;
        let record = Bytes::from_bytes_vec(self.optimizer.clone());
        let optimizer = optimizer
            .from_bytes(record)
            .map_err(|error| TrainError::Damaged { path: self.path.join(OPTIMIZER), reason: error.to_string() })?;
        Ok((model, optimizer))
    }
}

fn read_state(path: &Path) -> Result<CheckpointState, TrainError> {
    let damaged = |reason: String| TrainError::Damaged { path: path.to_path_buf(), reason };
    let json = at(path, fs::read(path.join(STATE)))?;
    let state: CheckpointState = seal::open(&json).map_err(|error| damaged(format!("{STATE}: {error}")))?;
    match path.file_name().is_some_and(|name| *name == *directory_name(state.step)) {
        true => Ok(state),
        false => Err(damaged(format!("it holds step {}", state.step))),
    }
}

fn refuse_stale(path: &Path, state: &CheckpointState, fingerprint: &str) -> Result<(), TrainError> {
    let reason = || "it was written with another configuration, model or set of anchors".to_owned();
    match state.fingerprint == fingerprint {
        true => Ok(()),
        false => Err(TrainError::Stale { path: path.to_path_buf(), reason: reason() }),
    }
}

fn directory_name(step: usize) -> String {
    format!("step-{step:06}")
}

fn list(dir: &Path) -> Result<Vec<PathBuf>, TrainError> {
    if !dir.exists() {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    for entry in at(dir, fs::read_dir(dir))? {
        let entry = at(dir, entry)?;
        if entry.file_name().to_string_lossy().starts_with("step-") {
            found.push(entry.path());
        }
    }
    // More digits are more steps.
    found.sort_by_key(|path| (path.as_os_str().len(), path.clone()));
    Ok(found)
}

/// Removes all but the newest `keep` checkpoints below `dir`; the newest is whole.
pub(crate) fn prune(dir: &Path, keep: usize) -> Result<(), TrainError> {
    let mut all = list(dir)?;
    let surplus = all.len().saturating_sub(keep.max(1));
    for path in all.drain(..surplus) {
        // Under its own name it is whole or absent.
        let aside = durable::aside(&path);
        at(&path, storage::rename(&path, &aside))?;
        at(&aside, storage::remove_dir_all(&aside))?;
    }
    Ok(())
}
