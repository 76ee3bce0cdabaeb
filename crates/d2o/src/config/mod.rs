//! The run file: TOML → table → `--set` → strict structs → checked.

pub mod builtin;
mod check;
mod defaults;
mod error;
mod places;
pub mod presets;
mod schema;
mod set;

use std::fs;
use std::path::Path;

pub use builtin::HEARTH;
pub use defaults::SHARD_BYTES;
pub use error::ConfigError;
pub use schema::{
    AnchorSection, DataSection, DeviceSection, EvalSection, ExportSection, ModelSection, RejectedBeginning,
    RejectedSource, RetainSection, RunConfig, TrainSection,
};
use serde::Deserialize;
use toml::{Table, Value};

use places::Places;

impl RunConfig {
    /// A preset by name or a file by path, with `--set key.path=value` assignments on top, checked.
    ///
    /// # Errors
    /// [`ConfigError`] with file, line and field; an unknown key comes with the nearest known one.
    pub fn read(source: &str, assignments: &[String]) -> Result<Self, ConfigError> {
        let (name, text) = match presets::get(source) {
            Some(text) => (format!("preset {source}"), text.to_owned()),
            None if Path::new(source).exists() => {
                let text = fs::read_to_string(source)
                    .map_err(|error| ConfigError::Io { path: source.into(), source: error })?;
                (source.to_owned(), text)
            }
            None => return Err(ConfigError::NoSuchConfig { name: source.to_owned() }),
        };
        Self::parse(&name, &text, assignments)
    }

    /// The same from text; `name` is what errors call it.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn parse(name: &str, text: &str, assignments: &[String]) -> Result<Self, ConfigError> {
        let mut places = Places::read(name, text)?;
        set::refuse_unknown(&places)?;
        let file: Table = text.parse().map_err(|error| ConfigError::syntax(name, text, &error))?;
        let assignments = set::in_order(assignments);
        let table = with_habit(with(&file, &assignments)?);
        let config = Self::deserialize(table).map_err(|error| blame(name, text, &file, &assignments, &error))?;
        assignments.iter().for_each(|assignment| places.overrule(set::key_of(assignment)));
        config.check(&|field| places.at(field))?;
        Ok(config)
    }

    /// The resolved configuration as TOML that can be run again.
    ///
    /// # Errors
    /// [`ConfigError::Write`] if a value has no TOML form.
    pub fn to_toml(&self) -> Result<String, ConfigError> {
        toml::to_string_pretty(self).map_err(|error| ConfigError::Write { reason: error.to_string() })
    }
}

fn with(file: &Table, assignments: &[&str]) -> Result<Table, ConfigError> {
    let mut table = file.clone();
    assignments.iter().try_for_each(|assignment| set::assign(&mut table, assignment))?;
    Ok(table)
}

/// What `anchors.declining` says without a section `[habit]`, as in files from before there was one: the habit is
/// `declining`.
fn with_habit(mut table: Table) -> Table {
    let declining = table.get("anchors").and_then(|anchors| anchors.get("declining")).is_some();
    if declining && !table.contains_key("habit") {
        let kind = Table::from_iter([("kind".to_owned(), Value::String("declining".to_owned()))]);
        table.insert("habit".to_owned(), Value::Table(kind));
    }
    table
}

/// Finds out where a value of a wrong type was written: in the file, or in the one assignment without which all
/// is well.
fn blame(name: &str, text: &str, file: &Table, assignments: &[&str], error: &toml::de::Error) -> ConfigError {
    if let Err(error) = toml::from_str::<RunConfig>(text) {
        return ConfigError::syntax(name, text, &error);
    }
    let innocent = |left_out: usize| {
        let others: Vec<&str> = (0..assignments.len()).filter(|&at| at != left_out).map(|at| assignments[at]).collect();
        with(file, &others).is_ok_and(|table| RunConfig::deserialize(table).is_ok())
    };
    let culprit = (0..assignments.len()).find(|&index| innocent(index));
    let at = culprit.map_or_else(|| "--set".to_owned(), |index| format!("--set {}", assignments[index]));
    ConfigError::Syntax { at, reason: error::one_line(error.message()) }
}

#[cfg(test)]
mod tests;
