//! The anchor store: `anchors.jsonl`, one group a line, and `manifest.json`, which says what it was drawn from.
//!
//! A store whose model, tokenizer, template, data or settings differ from the run's is refused with
//! the reason: scores of another reference would make the loss wrong without a sign.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use d2o_sampler::AnchorDraws;
use d2o_text::Message;
use serde::{Deserialize, Serialize};

use d2o_record::{
    digest,
    durable::{self, at},
    seal, storage,
};
use d2o_train::group::{Response, TrainingGroup};

use crate::error::GenerateError;
use crate::origins::Origins;

/// Version of the layout; another one is refused.
const VERSION: u32 = 1;

/// A response with its text, ids and reference score.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoredResponse {
    /// The text, special tokens left out.
    pub text: String,
    /// Token ids, the end token included unless the answer was cut.
    pub ids: Vec<u32>,
    /// Summed log-probability under the frozen base, nats: on the bare prompt, unless `anchors.reference` or
    /// `anchors.rejected_reference` say otherwise.
    pub reference: f64,
}

/// An anchor and how it came about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoredAnchor {
    /// Which of the K slots, and so which instruction.
    pub slot: usize,
    /// Seed of the draft that was kept.
    pub seed: u64,
    /// Drafts of this slot that were rejected before.
    pub redraws: usize,
    /// The answer.
    pub answer: StoredResponse,
}

/// One group: a prompt, the rejected answer and the anchors.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoredGroup {
    /// The row's identifier in the user's data.
    pub id: String,
    /// The prompt as messages.
    pub prompt: Vec<Message>,
    /// The bare prompt's token ids.
    pub prompt_ids: Vec<u32>,
    /// The answer that people rejected.
    pub rejected: StoredResponse,
    /// The model's own answers; at least one, at most K.
    pub anchors: Vec<StoredAnchor>,
}

impl StoredResponse {
    /// What the trainer needs of it.
    #[must_use]
    pub fn response(&self) -> Response {
        Response { ids: self.ids.clone(), reference: self.reference }
    }
}

impl StoredGroup {
    /// What the trainer needs of it.
    #[must_use]
    pub fn training_group(&self) -> TrainingGroup {
        TrainingGroup {
            id: self.id.clone(),
            prompt: self.prompt_ids.clone(),
            anchors: self.anchors.iter().map(|anchor| anchor.answer.response()).collect(),
            rejected: self.rejected.response(),
        }
    }
}

/// What became of the drafts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DraftCounts {
    /// Drafts drawn in all.
    pub drawn: usize,
    /// Dropped because nothing was said.
    pub empty: usize,
    /// Dropped because they repeat themselves.
    pub looping: usize,
    /// Dropped because another slot of the prompt has the same ids.
    pub duplicate: usize,
    /// Dropped because they were cut by the length limit.
    pub truncated: usize,
    /// Dropped because they do not decline what was asked.
    #[serde(default)]
    pub not_declining: usize,
    /// Slots that stayed empty after all redraws.
    pub unfilled: usize,
    /// Groups that were dropped because no slot was filled.
    pub groups_without_anchor: usize,
}

impl DraftCounts {
    /// Drafts thrown away, for whatever reason.
    pub fn dropped(&self) -> usize {
        self.empty + self.looping + self.duplicate + self.truncated + self.not_declining
    }

    pub(super) fn of(drawn: &AnchorDraws) -> Self {
        let dropped = &drawn.dropped;
        Self {
            drawn: drawn.drafts.len() + dropped.total(),
            empty: dropped.empty,
            looping: dropped.looping,
            duplicate: dropped.duplicate,
            truncated: dropped.truncated,
            not_declining: dropped.unsuited,
            unfilled: drawn.unfilled.len(),
            groups_without_anchor: 0,
        }
    }

    /// Adds the counts of another lot.
    pub fn add(&mut self, other: &Self) {
        self.drawn += other.drawn;
        self.empty += other.empty;
        self.looping += other.looping;
        self.duplicate += other.duplicate;
        self.truncated += other.truncated;
        self.not_declining += other.not_declining;
        self.unfilled += other.unfilled;
        self.groups_without_anchor += other.groups_without_anchor;
    }
}

/// The head of a store.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    version: u32,
    /// Fingerprints of model, tokenizer, template, data and settings.
    pub origins: Origins,
    /// The sampler's settings, instructions and K, for people.
    pub settings: serde_json::Value,
    /// Seed of the draws.
    pub seed: u64,
    /// Groups in the store.
    pub groups: usize,
    /// What became of the drafts.
    pub drafts: DraftCounts,
    digest: String,
}

/// A store on disk.
#[derive(Clone, Debug, PartialEq)]
pub struct AnchorStore {
    /// Its head.
    pub manifest: Manifest,
    /// Its groups.
    pub groups: Vec<StoredGroup>,
}

impl AnchorStore {
    /// Writes groups and head below `dir`; the head comes last, so a store with a head is complete.
    ///
    /// # Errors
    /// [`GenerateError::File`] naming the file.
    pub fn write(
        dir: &Path,
        groups: Vec<StoredGroup>,
        origins: Origins,
        settings: serde_json::Value,
        seed: u64,
        drafts: DraftCounts,
    ) -> Result<Self, GenerateError> {
        at(dir, storage::create_dir_all(dir))?;
        let mut lines = Vec::new();
        for group in &groups {
            serde_json::to_writer(&mut lines, group).expect("a stored group is plain data");
            lines.push(b'\n');
        }
        durable::write(&rows_path(dir), &lines)?;
        let manifest = Manifest {
            version: VERSION,
            origins,
            settings,
            seed,
            groups: groups.len(),
            drafts,
            digest: digest::sha256(&lines),
        };
        durable::write(&manifest_path(dir), &seal::pretty(&manifest))?;
        Ok(Self { manifest, groups })
    }

    /// Reads the store below `dir`; `None` if there is none.
    ///
    /// # Errors
    /// [`GenerateError::Damaged`] if head and rows do not belong together or a row cannot be read.
    pub fn read(dir: &Path) -> Result<Option<Self>, GenerateError> {
        let path = manifest_path(dir);
        if !path.exists() {
            return Ok(None);
        }
        let damaged = |path: &Path, reason: String| GenerateError::Damaged { path: path.to_path_buf(), reason };
        let json = at(&path, fs::read(&path))?;
        let manifest: Manifest = seal::open(&json).map_err(|error| damaged(&path, error.to_string()))?;
        if manifest.version != VERSION {
            return Err(damaged(&path, format!("layout version {} where {VERSION} was expected", manifest.version)));
        }
        let rows = rows_path(dir);
        let lines = at(&rows, fs::read(&rows))?;
        if digest::sha256(&lines) != manifest.digest {
            return Err(damaged(&rows, "its digest is not the one in manifest.json".to_owned()));
        }
        let groups = lines
            .split(|&byte| byte == b'\n')
            .filter(|line| !line.is_empty())
            .enumerate()
            .map(|(index, line)| {
                serde_json::from_slice(line).map_err(|error| damaged(&rows, format!("line {}: {error}", index + 1)))
            })
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Some(Self { manifest, groups }))
    }

    /// Refuses a store that was drawn from something else.
    ///
    /// # Errors
    /// [`GenerateError::Stale`] that lists every input that differs.
    pub fn check(&self, dir: &Path, origins: &Origins) -> Result<(), GenerateError> {
        refuse_differing(&manifest_path(dir), &self.manifest.origins, origins)
    }

    /// Fingerprint of the whole store, for checkpoints that depend on it.
    pub fn fingerprint(&self) -> &str {
        &self.manifest.digest
    }
}

/// Refuses what was drawn from `theirs` where `ours` are asked for.
pub(super) fn refuse_differing(path: &Path, theirs: &Origins, ours: &Origins) -> Result<(), GenerateError> {
    let names: BTreeSet<&String> = ours.keys().chain(theirs.keys()).collect();
    let differing: Vec<&str> =
        names.into_iter().filter(|name| theirs.get(*name) != ours.get(*name)).map(String::as_str).collect();
    if differing.is_empty() {
        return Ok(());
    }
    let reason = format!("these anchors were drawn with another {}", differing.join(", "));
    Err(GenerateError::Stale { path: path.to_path_buf(), reason })
}

fn rows_path(dir: &Path) -> PathBuf {
    dir.join("anchors.jsonl")
}

fn manifest_path(dir: &Path) -> PathBuf {
    dir.join("manifest.json")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group() -> StoredGroup {
        let answer = StoredResponse { text: "tea".into(), ids: vec![5, 2], reference: -1.25 };
        StoredGroup {
            id: "row-1".into(),
            prompt: vec![Message::new("user", "drink?")],
            prompt_ids: vec![1, 4],
            rejected: StoredResponse { text: "mud".into(), ids: vec![9, 2], reference: -7.5 },
            anchors: vec![StoredAnchor { slot: 0, seed: 3, redraws: 1, answer }],
        }
    }

    fn origins(model: &str) -> Origins {
        [("model", model), ("data", "d")].map(|(k, v)| (k.to_owned(), v.to_owned())).into()
    }

    fn written(dir: &Path) -> AnchorStore {
        let counts = DraftCounts { drawn: 2, empty: 1, ..DraftCounts::default() };
        AnchorStore::write(dir, vec![group()], origins("m"), serde_json::json!({"k": 1}), 7, counts).unwrap()
    }

    #[test]
    fn reads_back_what_was_written() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(AnchorStore::read(dir.path()).unwrap(), None);
        let store = written(dir.path());
        assert_eq!(AnchorStore::read(dir.path()).unwrap(), Some(store.clone()));
        let training = store.groups[0].training_group();
        assert_eq!(training.responses(), [&[5, 2][..], &[9, 2][..]]);
        // Two responses of two tokens, each behind a prompt of two.
        assert_eq!(training.naive_tokens(), 8);
    }

    #[test]
    fn a_stale_store_is_refused_with_the_reason() {
        let dir = tempfile::tempdir().unwrap();
        let store = written(dir.path());
        store.check(dir.path(), &origins("m")).unwrap();
        let error = store.check(dir.path(), &origins("other")).unwrap_err().to_string();
        assert!(error.ends_with("drawn with another model"), "{error}");
        // What the store has and the run does not differs as well.
        let fewer = [("data".to_owned(), "d".to_owned())].into();
        let error = store.check(dir.path(), &fewer).unwrap_err().to_string();
        assert!(error.ends_with("drawn with another model"), "{error}");
    }

    #[test]
    fn a_damaged_row_file_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        written(dir.path());
        let path = rows_path(dir.path());
        let text = fs::read_to_string(&path).unwrap().replace("-7.5", "-7.4");
        fs::write(&path, text).unwrap();
        let error = AnchorStore::read(dir.path()).unwrap_err().to_string();
        assert!(error.contains("digest"), "{error}");
    }
}
