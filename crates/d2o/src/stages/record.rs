//! `run.toml`: the record of the run in a directory, which another run does not write over.

use std::path::Path;

use toml::{Table, Value};

use super::run::Run;
use super::{anchors, train};
use crate::config::RunConfig;
use crate::error::RunError;

/// Name of the record.
pub(super) const FILE: &str = "run.toml";

/// What decides the anchors, by the names of the run file.
const DRAWING: [&str; 5] = ["seed", "model", "data", "habit", "anchors"];
/// What decides the training as well.
const TRAINING: [&str; 5] = ["objective", "guards", "train", "stop", "retain"];
/// What of these may change from one command to the next.
const FREE: [&str; 6] = [
    "anchors.batch",
    "habit.timeout_s",
    "train.log_every",
    "train.checkpoint_every",
    "train.keep_checkpoints",
    "train.trunk_mib",
];

/// Refuses to go on where the directory holds the record of another run.
///
/// With a store of anchors its fingerprints have decided, and do not mind where files lie. Without one, nothing but the
/// record says what the directory is for.
///
/// # Errors
/// [`RunError::Stale`] naming what differs, [`RunError::Damaged`] for a record that cannot be read.
pub(super) fn check(run: &Run<'_>, has_store: bool) -> Result<(), RunError> {
    let path = run.dir.join(FILE);
    if !path.exists() {
        return Ok(());
    }
    let recorded = RunConfig::read(&path.to_string_lossy(), &[]);
    let damaged = |reason: String| RunError::Damaged { path: path.clone(), reason };
    let recorded = recorded.map_err(|error| damaged(format!("it is no record of a run: {error}")))?;
    if has_store {
        return Ok(());
    }
    let trained = [train::CHECKPOINTS, train::MODEL].iter().any(|name| run.dir.join(name).exists());
    let sections = DRAWING.iter().chain(if trained { &TRAINING[..] } else { &[] });
    let differing = differing(&table(&recorded)?, &table(&run.config)?, &sections.copied().collect::<Vec<_>>());
    // A run that has not begun has nothing to lose but where its model and its rows are.
    let begun = trained || run.dir.join(anchors::DIRECTORY).exists();
    let tells = |key: &&String| begun || key.starts_with("model.") || key.starts_with("data.negatives");
    let differing: Vec<&String> = differing.iter().filter(tells).collect();
    if differing.is_empty() {
        return Ok(());
    }
    let names = differing.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ");
    Err(RunError::Stale { path, reason: format!("it records a run with another {names}") })
}

fn table(config: &RunConfig) -> Result<Table, RunError> {
    let text = config.to_toml().map_err(|error| error.to_string());
    let table = text.and_then(|text| text.parse::<Table>().map_err(|error| error.to_string()));
    table.map_err(|reason| RunError::Damaged { path: Path::new(FILE).to_path_buf(), reason })
}

/// The keys of `sections` that are not the same on both sides.
fn differing(one: &Table, other: &Table, sections: &[&str]) -> Vec<String> {
    let (mut left, mut right) = (Vec::new(), Vec::new());
    flatten("", one, &mut left);
    flatten("", other, &mut right);
    let mut keys: Vec<&String> = left.iter().chain(&right).map(|(key, _)| key).collect();
    keys.sort();
    keys.dedup();
    let value = |list: &[(String, Value)], key: &String| list.iter().find(|(known, _)| known == key).cloned();
    let counts = |key: &String| {
        let section = key.split('.').next().unwrap_or_default();
        sections.contains(&section) && !FREE.contains(&key.as_str())
    };
    keys.into_iter().filter(|key| counts(key) && value(&left, key) != value(&right, key)).cloned().collect()
}

fn flatten(before: &str, table: &Table, into: &mut Vec<(String, Value)>) {
    for (key, value) in table {
        let key = if before.is_empty() { key.clone() } else { format!("{before}.{key}") };
        match value {
            Value::Table(inner) => flatten(&key, inner, into),
            other => into.push((key, other.clone())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_is_named_and_what_may_change_is_not() {
        let parse = |text: &str| text.parse::<Table>().unwrap();
        let one = parse(
            "seed = 1\n[model]\npath = \"a\"\n[train]\nsteps = 3\nlog_every = 1\n[train.parameters]\nkind = \"all\"",
        );
        let other = parse("seed = 1\n[model]\npath = \"b\"\n[train]\nsteps = 4\nlog_every = 2\n[data]\nchat = true");
        assert_eq!(differing(&one, &other, &DRAWING), ["data.chat", "model.path"]);
        assert_eq!(differing(&one, &other, &TRAINING), ["train.parameters.kind", "train.steps"]);
        assert!(differing(&one, &one, &DRAWING).is_empty());
    }
}
