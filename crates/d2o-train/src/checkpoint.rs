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
use d2o_model::CausalLm;
use d2o_record::FileError;
use d2o_record::digest;
use d2o_record::durable::{self, at};
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
        let name = format!("step-{:06}", state.step);
        let aside = dir.join(format!(".{name}.partial"));
        let path = dir.join(&name);
        remove_dir(&aside)?;
        at(&aside, fs::create_dir_all(&aside))?;
        let written = (|| -> Result<(), TrainError> {
            durable::write_synced(&aside.join(TENSORS), &model.trainable_bytes()?)?;
            let optimizer_path = aside.join(OPTIMIZER);
            optimizer.save(&optimizer_path).map_err(|error| FileError {
                path: optimizer_path.clone(),
                source: storage_error(&aside, &error.to_string()),
            })?;
            at(&optimizer_path, fs::File::open(&optimizer_path).and_then(|file| file.sync_all()))?;
            if !redrawn.is_empty() {
                let json = serde_json::to_vec(redrawn).expect("anchors are plain data");
                durable::write_synced(&aside.join(REDRAWN), &json)?;
            }
            for file in [TENSORS, OPTIMIZER, REDRAWN].into_iter().filter(|file| aside.join(file).exists()) {
                state.digests.insert(file.to_owned(), digest::sha256_file(&aside.join(file))?);
            }
            let json = serde_json::to_vec_pretty(&state).expect("a checkpoint's state is plain data");
            durable::write_synced(&aside.join(STATE), &json)?;
            remove_dir(&path)?;
            at(&path, fs::rename(&aside, &path))?;
            Ok(durable::sync_parent(&path)?)
        })();
        if let Err(error) = written {
            let _ = fs::remove_dir_all(&aside);
            return Err(error);
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
                Ok(checkpoint) if checkpoint.state.fingerprint != fingerprint => {
                    return Err(TrainError::Stale {
                        path,
                        reason: "it was written with another configuration, model or set of anchors".to_owned(),
                    });
                }
                Ok(checkpoint) => return Ok((Some(checkpoint), damaged)),
                Err(error) => damaged.push(error.to_string()),
            }
        }
        Ok((None, damaged))
    }

    fn read(path: &Path) -> Result<Self, TrainError> {
        let damaged = |reason: String| TrainError::Damaged { path: path.to_path_buf(), reason };
        let json = at(path, fs::read(path.join(STATE)))?;
        let state: CheckpointState = serde_json::from_slice(&json).map_err(|error| damaged(error.to_string()))?;
        let redraws = state.digests.contains_key(REDRAWN);
        for file in [TENSORS, OPTIMIZER].into_iter().chain(redraws.then_some(REDRAWN)) {
            let digest = digest::sha256_file(&path.join(file))?;
            if state.digests.get(file) != Some(&digest) {
                return Err(damaged(format!("{file} does not have the recorded digest")));
            }
        }
        let tensors = at(path, fs::read(path.join(TENSORS)))?;
        let mut redrawn = Redrawn::default();
        if redraws {
            let json = at(path, fs::read(path.join(REDRAWN)))?;
            redrawn = serde_json::from_slice(&json).map_err(|error| damaged(error.to_string()))?;
        }
        Ok(Self { path: path.to_path_buf(), state, redrawn, tensors })
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
        let path = self.path.join(OPTIMIZER);
        let optimizer =
            optimizer.load(&path).map_err(|error| TrainError::Damaged { path, reason: error.to_string() })?;
        Ok((model, optimizer))
    }
}

fn storage_error(dir: &Path, message: &str) -> std::io::Error {
    // Burn's record error keeps no kind; a probe tells a full disk from anything else.
    match durable::write_synced(&dir.join(".probe"), &[0u8; 4096]) {
        Err(FileError { source, .. }) => source,
        _ => std::io::Error::other(message.to_owned()),
    }
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
    found.sort();
    Ok(found)
}

fn prune(dir: &Path, keep: usize) -> Result<(), TrainError> {
    let mut all = list(dir)?;
    let surplus = all.len().saturating_sub(keep.max(1));
    for path in all.drain(..surplus) {
        remove_dir(&path)?;
    }
    Ok(())
}

fn remove_dir(path: &Path) -> Result<(), TrainError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Ok(at(path, Err(error))?),
        _ => Ok(()),
    }
}
