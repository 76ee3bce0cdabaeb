//! Where each key of a run file stands, so that every complaint names file and line.

use toml::de::{DeTable, DeValue};

use crate::config::ConfigError;

/// The keys of a run file with their lines.
pub(super) struct Places {
    name: String,
    /// Dotted key, the line it stands on (from 1), and whether it is a table.
    keys: Vec<(String, usize, bool)>,
    /// Keys that `--set` has the last word on.
    overruled: Vec<String>,
}

impl Places {
    /// Reads the keys off the text; `name` is what errors call it.
    pub(super) fn read(name: &str, text: &str) -> Result<Self, ConfigError> {
        let table = DeTable::parse(text).map_err(|error| ConfigError::syntax(name, text, &error))?;
        let mut keys = Vec::new();
        collect(table.get_ref(), "", text, &mut keys);
        Ok(Self { name: name.to_owned(), keys, overruled: Vec::new() })
    }

    /// All keys with their places, in the file's order: `(key, place, is a table)`.
    pub(super) fn keys(&self) -> impl Iterator<Item = (&str, String, bool)> {
        self.keys.iter().map(|(key, line, table)| (key.as_str(), format!("{}:{line}", self.name), *table))
    }

    /// From now on `key`, and everything below it, was said by `--set`.
    pub(super) fn overrule(&mut self, key: &str) {
        self.overruled.push(key.to_owned());
    }

    /// Where a field's value was written: `--set`, file and line, or the file that leaves it out.
    pub(super) fn at(&self, field: &str) -> String {
        if self.overruled.iter().any(|key| is_below(field, key) || is_below(key, field)) {
            return "--set".to_owned();
        }
        match self.keys.iter().find(|(key, ..)| key == field) {
            Some((_, line, _)) => format!("{}:{line}", self.name),
            None => self.name.clone(),
        }
    }
}

/// Whether a dotted key is `section` or lies in it.
pub(super) fn is_below(key: &str, section: &str) -> bool {
    key.strip_prefix(section).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

fn collect(table: &DeTable<'_>, prefix: &str, text: &str, keys: &mut Vec<(String, usize, bool)>) {
    for (key, value) in table {
        let name = if prefix.is_empty() { key.get_ref().to_string() } else { format!("{prefix}.{}", key.get_ref()) };
        let inner = value.get_ref().as_table();
        keys.push((name.clone(), line(text, key.span().start), matches!(value.get_ref(), DeValue::Table(_))));
        if let Some(inner) = inner {
            collect(inner, &name, text, keys);
        }
    }
}

/// The line of a byte, from 1.
pub(super) fn line(text: &str, byte: usize) -> usize {
    text.as_bytes().iter().take(byte).filter(|&&byte| byte == b'\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "seed = 1\n\n[train]\nsteps = 2\n\"epochs\" = 3\n\n[train.parameters]\nkind = \"all\"\n\n[eval]\nlabelled = [\n  \"a = b\",\n]\nprefill = \"\"\"\nsteps = 4\n\"\"\"\nbatch = 5\n";

    #[test]
    fn keys_know_their_lines() {
        let places = Places::read("run.toml", TEXT).unwrap();
        for (field, expected) in [
            ("seed", "run.toml:1"),
            ("train.steps", "run.toml:4"),
            ("train.epochs", "run.toml:5"),
            ("train.parameters.kind", "run.toml:8"),
            ("eval.labelled", "run.toml:11"),
            ("eval.batch", "run.toml:17"),
            ("data.threshold", "run.toml"),
        ] {
            assert_eq!(places.at(field), expected, "{field}");
        }
    }

    #[test]
    fn what_was_set_is_not_blamed_on_the_file() {
        let mut places = Places::read("run.toml", TEXT).unwrap();
        places.overrule("train.steps");
        places.overrule("objective.beta");
        assert_eq!(places.at("train.steps"), "--set");
        assert_eq!(places.at("objective"), "--set");
        assert_eq!(places.at("train.epochs"), "run.toml:5");
    }

    #[test]
    fn sections_end_at_dots() {
        assert!(is_below("train.parameters.kind", "train.parameters"));
        assert!(is_below("objective", "objective"));
        assert!(!is_below("objectives.beta", "objective"));
    }
}
