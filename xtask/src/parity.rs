//! The parity table: what tests compared with reference implementations, and how far off they were.
//!
//! Tests append lines `parity⇥family⇥quantity⇥tolerance⇥worst⇥backend` to files in the directory that
//! `D2O_PARITY_DIR` names (`d2o_testing::parity`); here they are collected, one row for all checks of
//! one quantity.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// Environment variable with the directory that tests write to.
pub(crate) const VARIABLE: &str = "D2O_PARITY_DIR";

/// Family, backend, quantity: what a row is about, and its order.
type Key = (String, String, String);

/// Checks of one run of the tests.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Table {
    /// Tightest tolerance and largest difference of each quantity.
    rows: BTreeMap<Key, (f64, f64)>,
}

/// A fresh directory for one run of the tests; removed when it goes out of scope.
pub(crate) struct Records(PathBuf);

impl Records {
    pub(crate) fn new() -> Result<Self> {
        let path = std::env::temp_dir().join(format!("d2o-parity-{}", std::process::id()));
        std::fs::create_dir_all(&path).with_context(|| format!("cannot make {}", path.display()))?;
        Ok(Self(path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Everything that the tests have written so far.
    pub(crate) fn table(&self) -> Result<Table> {
        let mut table = Table::default();
        for entry in std::fs::read_dir(&self.0)? {
            let path = entry?.path();
            let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
            text.lines().try_for_each(|line| table.add(line))?;
        }
        Ok(table)
    }
}

impl Drop for Records {
    fn drop(&mut self) {
        // What stays behind is a few kilobytes of temporary files.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl Table {
    fn add(&mut self, line: &str) -> Result<()> {
        let fields: Vec<&str> = line.split('\t').collect();
        let ["parity", family, quantity, tolerance, worst, backend] = fields[..] else {
            bail!("not a line of the parity table: {line}");
        };
        let number = |text: &str| text.parse::<f64>().with_context(|| format!("not a number in {line}"));
        let key = (family.to_owned(), backend.to_owned(), quantity.to_owned());
        let row = self.rows.entry(key).or_insert((f64::INFINITY, 0.0));
        *row = (row.0.min(number(tolerance)?), row.1.max(number(worst)?));
        Ok(())
    }

    /// The table as text, empty without rows.
    pub(crate) fn text(&self) -> String {
        let width = |of: fn(&Key) -> &str, title: &str| {
            self.rows.keys().map(|key| of(key).chars().count()).chain([title.len()]).max().unwrap_or(0)
        };
        let (family, backend) = (width(|key| &key.0, "family"), width(|key| &key.1, "backend"));
        let quantity = width(|key| &key.2, "quantity");
        let mut text = String::new();
        if !self.rows.is_empty() {
            let line = format!(
                "{:family$}  {:backend$}  {:quantity$}  tolerance      worst\n",
                "family", "backend", "quantity"
            );
            text.push_str(&line);
        }
        for ((f, b, q), (tolerance, worst)) in &self.rows {
            let mark = if worst <= tolerance { "" } else { "  EXCEEDED" };
            let _ = writeln!(text, "{f:family$}  {b:backend$}  {q:quantity$}  {tolerance:9.0e}  {worst:9.1e}{mark}");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checks_of_one_quantity_are_one_row_with_the_worst_of_them() {
        let mut table = Table::default();
        for worst in ["1e-6", "3e-6", "2e-6"] {
            table.add(&format!("parity\tllama\tlogits\t1e-4\t{worst}\tflex")).unwrap();
        }
        table.add("parity\tllama\tlogits\t1e-4\t2e-3\twgpu").unwrap();
        let text = table.text();
        let lines: Vec<_> = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        let header = "family backend quantity tolerance worst";
        assert_eq!(lines, [header, "llama flex logits 1e-4 3.0e-6", "llama wgpu logits 1e-4 2.0e-3 EXCEEDED"]);
        assert!(table.add("parity\tllama\tlogits").is_err());
        assert_eq!(Table::default().text(), "");
    }
}
