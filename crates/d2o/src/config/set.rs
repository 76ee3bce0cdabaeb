//! `--set key.path=value`, and keys that nothing reads.

use std::sync::LazyLock;

use toml::{Table, Value};

use super::{ConfigError, RunConfig};
use crate::config::places::{Places, is_below};

/// Sections whose keys depend on their `kind`: serde judges them.
const TAGGED: [&str; 3] = ["habit", "objective", "train.parameters"];

/// Keys that are left out of a written configuration when they are not set.
const OPTIONAL: [&str; 2] = ["anchors.store", "model.adapter"];

/// How much an unknown key has to look like a known one for that to be proposed; 1 is equality.
const LIKENESS: f64 = 0.8;

/// Dotted names of all keys that hold a value, read off the default configuration.
static KNOWN: LazyLock<Vec<String>> = LazyLock::new(|| {
    let mut keys = flatten(&defaults(), "");
    keys.extend(OPTIONAL.map(str::to_owned));
    keys
});

/// The assignments in the order in which they apply: a new `kind` first, whatever was written before it, since its
/// knobs are the ones that the others may set.
pub(super) fn in_order(assignments: &[String]) -> Vec<&str> {
    let (kinds, others): (Vec<&str>, Vec<&str>) =
        assignments.iter().map(String::as_str).partition(|assignment| section_of_kind(key_of(assignment)).is_some());
    [kinds, others].concat()
}

/// The key of an assignment.
pub(super) fn key_of(assignment: &str) -> &str {
    assignment.split_once('=').map_or(assignment, |(key, _)| key).trim()
}

/// Applies one assignment. The value is TOML; what is not is taken as a text.
pub(super) fn assign(table: &mut Table, assignment: &str) -> Result<(), ConfigError> {
    let malformed = || ConfigError::Assignment { assignment: assignment.to_owned() };
    let (_, value) = assignment.split_once('=').ok_or_else(malformed)?;
    let key = key_of(assignment);
    if key.split('.').any(str::is_empty) {
        return Err(malformed());
    }
    if !is_known(key) {
        return Err(unknown("--set".to_owned(), key));
    }
    // A new kind brings its own knobs: the old kind's do not stay behind.
    if let Some(section) = section_of_kind(key) {
        lookup(table, section).into_iter().for_each(Table::clear);
    } else if let Some(section) = TAGGED.into_iter().find(|section| key != *section && is_below(key, section)) {
        begin_with_default(table, section).ok_or_else(malformed)?;
    }
    let (sections, last) = key.rsplit_once('.').map_or((None, key), |(sections, last)| (Some(sections), last));
    let place = match sections {
        Some(sections) => make(table, sections).ok_or_else(malformed)?,
        None => table,
    };
    place.insert(last.to_owned(), parse(value.trim()));
    Ok(())
}

/// Refuses the first key of a file that the configuration does not have.
pub(super) fn refuse_unknown(places: &Places) -> Result<(), ConfigError> {
    // A table is known by what is in it, unless it is empty.
    let is_section = |key: &str| KNOWN.iter().any(|known| is_below(known, key));
    let stranger = places.keys().find(|(key, _, table)| !(is_known(key) || *table && is_section(key)));
    stranger.map_or(Ok(()), |(key, at, _)| Err(unknown(at, key)))
}

fn is_known(key: &str) -> bool {
    TAGGED.iter().any(|section| is_below(key, section)) || KNOWN.iter().any(|known| known == key)
}

fn section_of_kind(key: &str) -> Option<&str> {
    key.strip_suffix(".kind").filter(|section| TAGGED.contains(section))
}

fn lookup<'t>(table: &'t mut Table, section: &str) -> Option<&'t mut Table> {
    section.split('.').try_fold(table, |table, part| table.get_mut(part)?.as_table_mut())
}

/// The section, made where it is missing; nothing where a value stands in its place.
fn make<'t>(table: &'t mut Table, section: &str) -> Option<&'t mut Table> {
    section.split('.').try_fold(table, |table, part| {
        table.entry(part.to_owned()).or_insert_with(|| Value::Table(Table::new())).as_table_mut()
    })
}

/// Gives a section that is not written its default kind and knobs, so that one of them can be changed alone.
fn begin_with_default(table: &mut Table, section: &str) -> Option<()> {
    let place = make(table, section)?;
    if place.is_empty() {
        place.extend(lookup(&mut defaults(), section)?.clone());
    }
    Some(())
}

fn defaults() -> Table {
    Table::try_from(RunConfig::default()).expect("the defaults have a TOML form, as a test shows")
}

fn parse(text: &str) -> Value {
    let parsed = format!("value = {text}").parse::<Table>().ok();
    // More than one key means that the text only looked like TOML.
    let value = parsed.filter(|table| table.len() == 1).and_then(|mut table| table.remove("value"));
    value.unwrap_or_else(|| Value::String(text.to_owned()))
}

fn unknown(at: String, key: &str) -> ConfigError {
    let likeness = |known: &str| {
        let last = |key: &str| key.rsplit('.').next().unwrap_or_default().to_owned();
        // The right name in the wrong section is nearly as good as a slip of the pen.
        strsim::jaro_winkler(known, key).max(0.95 * strsim::jaro_winkler(&last(known), &last(key)))
    };
    let sections = KNOWN.iter().filter_map(|known| known.rsplit_once('.')).map(|(section, _)| section.to_owned());
    let candidates = KNOWN.iter().cloned().chain(sections).filter(|known| known != key);
    let nearest = candidates.map(|known| (likeness(&known), known)).max_by(|a, b| a.0.total_cmp(&b.0));
    let nearest = nearest.filter(|(likeness, _)| *likeness > LIKENESS).map(|(_, known)| known);
    ConfigError::UnknownKey { at, key: key.to_owned(), nearest }
}

fn flatten(table: &Table, prefix: &str) -> Vec<String> {
    let mut keys = Vec::new();
    for (key, value) in table {
        let name = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
        match value {
            Value::Table(inner) if !inner.is_empty() => keys.extend(flatten(inner, &name)),
            _ => keys.push(name),
        }
    }
    keys
}
