//! The moment in which a run is accepted: until then nothing in its directory has changed, from then on it is recorded.

use std::path::Path;

use d2o_generate::anchors::AnchorStore;
use d2o_record::durable::{self, at};
use d2o_record::{FileError, storage};

use super::ledger::{self, Ledger};
use super::run::Run;
use super::{anchors, record, retain, train};
use crate::evaluate;

/// What is about to be done in a run directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Purpose {
    /// Whatever the directory holds of a run is thrown away.
    pub fresh: bool,
    /// The model is trained.
    pub trains: bool,
    /// The trained model is measured.
    pub evaluates: bool,
}

/// What a run leaves at the end and a new one makes anew, in the order in which it may go: what says that another file
/// is finished goes before that file.
const FILES: [&str; 7] = [
    ledger::FILE,
    "anchors/manifest.json",
    retain::FILE,
    "eval.json",
    "answers.jsonl",
    d2o_report::FILE_NAME,
    train::EVENTS,
];

/// Checks all that can be checked before work begins, then writes `run.toml` and `data.json`.
///
/// # Errors
/// Whatever is refused: work of another run, damaged files, settings that do not fit, inputs of the evaluation that
/// cannot be read. The directory is then as it was.
pub fn accept(run: &mut Run<'_>, purpose: Purpose) -> anyhow::Result<()> {
    let store = if purpose.fresh {
        anchors::check_shared(run)?;
        None
    } else {
        run.ledger = Ledger::open(&run.dir)?;
        let store = anchors::check(run)?;
        record::check(run, store.is_some())?;
        store
    };
    check(run, purpose, store.as_ref())?;
    let summary = serde_json::to_vec_pretty(&run.data.summary)?;
    let settings = run.config.to_toml()?;
    run.lock.accept();
    durable::remove_partial(&run.dir, None, &[d2o_report::FILE_NAME])?;
    durable::remove_partial(&run.dir.join(anchors::DIRECTORY), None, &[])?;
    if purpose.fresh {
        discard(&run.dir)?;
    }
    durable::write(&run.dir.join(record::FILE), settings.as_bytes())?;
    Ok(durable::write(&run.dir.join("data.json"), &summary)?)
}

fn check(run: &Run<'_>, purpose: Purpose, store: Option<&AnchorStore>) -> anyhow::Result<()> {
    let model = train::output(run);
    if purpose.evaluates && !purpose.trains {
        d2o_model::weight_files(&model)?;
        train::intact(&model)?;
    }
    if purpose.trains || store.is_some() {
        train::check(run, store)?;
    }
    if purpose.evaluates || purpose.trains && run.config.eval.look_every > 0 {
        evaluate::check(run, purpose.evaluates)?;
    }
    Ok(())
}

/// Throws away what a run has left.
fn discard(dir: &Path) -> Result<(), FileError> {
    for name in FILES {
        let path = dir.join(name);
        if path.exists() {
            at(&path, storage::remove_file(&path))?;
        }
    }
    for name in [train::MODEL, train::ADAPTER, train::CHECKPOINTS, anchors::DIRECTORY] {
        let path = dir.join(name);
        at(&path, storage::remove_dir_all(&path))?;
    }
    durable::sync_parent(&dir.join(record::FILE))
}
