//! `docs/run-file.md` describes every key of a run file, in the words of the schema's own documentation.
//!
//! `cargo xtask docs` writes the page anew: it runs this test with `D2O_WRITE_DOCS=1`.

mod page;
mod source;
mod wrap;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use d2o::config::RunConfig;
use toml::{Table, Value};

use page::Page;
use source::Types;

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn page() -> Page {
    Page::new(&Types::read(&workspace().join("crates")), &defaults())
}

fn defaults() -> Table {
    Table::try_from(RunConfig::default()).unwrap()
}

#[test]
fn the_page_is_current() {
    let (path, text) = (workspace().join("docs/run-file.md"), page().text);
    if std::env::var_os("D2O_WRITE_DOCS").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = written.lines().zip(text.lines()).position(|(written, expected)| written != expected);
    assert!(written == text, "docs/run-file.md is not current, from line {differs:?}: run `cargo xtask docs`");
}

#[test]
fn every_key_and_every_choice_is_described() {
    let page = page();
    assert!(page.undescribed.is_empty(), "no documentation comment: {:?}", page.undescribed);
    let mut keys = BTreeSet::new();
    flatten(&defaults(), "", &mut keys);
    // Knobs of a kind are listed under their kinds.
    keys.retain(|key| !["habit", "objective", "train.parameters"].iter().any(|section| key.starts_with(section)));
    // Keys that a written configuration leaves out where they are not set.
    keys.extend(["anchors.store", "data.max_rating", "model.adapter"].map(str::to_owned));
    assert_eq!(page.keys, keys);
}

#[test]
fn the_page_shows_what_differs_in_form() {
    let text = page().text;
    for line in [
        "- **`seed`** (integer, default `17`): Seed of the whole run",
        "- **`adapter`** (path, no default): ",
        "- **`held_out`** (number, default `0.2`): ",
        "  - `own`: ",
        "- **`kind = \"simpo\"`**: ",
        "  - `label_smoothing` (number, default `0.0`): ",
        "  - `layers` (integer, required): ",
        "  - `{ user = text }`: ",
        "    - `{ alpha = number }`: ",
    ] {
        assert!(text.lines().any(|found| found.starts_with(line)), "{line}");
    }
    assert!(text.lines().all(|line| line.chars().count() <= 120), "{:?}", text.lines().max_by_key(|line| line.len()));
}

/// Dotted names of the keys that hold a value.
fn flatten(table: &Table, prefix: &str, keys: &mut BTreeSet<String>) {
    for (key, value) in table {
        let name = format!("{prefix}{key}");
        match value {
            Value::Table(inner) => flatten(inner, &format!("{name}."), keys),
            _ => _ = keys.insert(name),
        }
    }
}
