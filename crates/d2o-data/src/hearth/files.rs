//! The world as files of JSON lines.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::world::{NOISE_RATES, World, WorldRow};
use crate::error::DataError;

/// How many rows each file gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorldSize {
    /// Rows of `corpus.jsonl`.
    pub corpus: usize,
    /// Rows of `negatives.jsonl` and of each file of pairs.
    pub negatives: usize,
    /// Rows of `held_out.jsonl`.
    pub held_out: usize,
}

impl World<'_> {
    /// Writes the world below `dir`, and returns the files.
    ///
    /// | file | rows |
    /// |---|---|
    /// | `corpus.jsonl` | `id, prompt, response`: to make a base model from |
    /// | `negatives.jsonl` | `id, prompt, rejected` |
    /// | `held_out.jsonl` | `id, prompt, response`: requests that no other file has, with considerate answers |
    /// | `pairs-NN.jsonl` | `id, prompt, chosen, rejected`, with NN % of the chosen answers hurtful |
    ///
    /// # Errors
    /// [`DataError::Io`] naming the file.
    pub fn write(&self, dir: &Path, size: WorldSize) -> Result<Vec<PathBuf>, DataError> {
        fs::create_dir_all(dir).map_err(|source| DataError::io(dir, source))?;
        let mut files = vec![
            lines(dir, "corpus", answered(self.corpus(size.corpus)))?,
            lines(dir, "negatives", self.negative_rows(size.negatives))?,
            lines(dir, "held_out", answered(self.held_out(size.held_out)))?,
        ];
        for rate in NOISE_RATES {
            let name = format!("pairs-{:02.0}", rate * 100.0);
            files.push(lines(dir, &name, self.pair_rows(size.negatives, rate))?);
        }
        Ok(files)
    }

    /// One of the files as text: `negatives`, `held_out`, `instructed` (requests with an instruction around
    /// them), or `pairs-NN`; nothing for another name.
    pub fn text(&self, name: &str, rows: usize) -> Option<String> {
        let rows = match name {
            "negatives" => self.negative_rows(rows),
            "held_out" => answered(self.held_out(rows)),
            "instructed" => answered(self.instructed(rows)),
            _ => {
                let percent = name.strip_prefix("pairs-")?;
                let rate = NOISE_RATES.into_iter().find(|rate| format!("{:02.0}", rate * 100.0) == percent)?;
                self.pair_rows(rows, rate)
            }
        };
        Some(text(name, rows))
    }

    fn negative_rows(&self, rows: usize) -> Vec<Value> {
        self.negatives(rows).into_iter().map(|row| json!({"prompt": row.prompt, "rejected": row.answer})).collect()
    }

    fn pair_rows(&self, rows: usize, wrong: f64) -> Vec<Value> {
        let pairs = self.pairs(rows, wrong).into_iter();
        pairs.map(|pair| json!({"prompt": pair.prompt, "chosen": pair.chosen, "rejected": pair.rejected})).collect()
    }
}

fn answered(rows: Vec<WorldRow>) -> Vec<Value> {
    rows.into_iter().map(|row| json!({"prompt": row.prompt, "response": row.answer})).collect()
}

fn lines(dir: &Path, name: &str, rows: Vec<Value>) -> Result<PathBuf, DataError> {
    let path = dir.join(format!("{name}.jsonl"));
    fs::write(&path, text(name, rows)).map_err(|source| DataError::io(&path, source))?;
    Ok(path)
}

fn text(name: &str, rows: Vec<Value>) -> String {
    let numbered = rows.into_iter().enumerate().map(|(number, row)| {
        let mut line = json!({"id": format!("{name}-{number:05}")});
        if let (Value::Object(line), Value::Object(row)) = (&mut line, row) {
            line.extend(row);
        }
        line.to_string() + "\n"
    });
    numbered.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hearth::Grammar;
    use crate::{LoadOptions, load_negatives, load_prompts};

    #[test]
    fn the_files_are_read_by_the_loaders() {
        let dir = tempfile::tempdir().unwrap();
        let world = World::new(Grammar::embedded(), 4);
        let files = world.write(dir.path(), WorldSize { corpus: 40, negatives: 30, held_out: 20 }).unwrap();
        assert_eq!(files.len(), 7);
        let options = LoadOptions::default();
        assert_eq!(load_negatives(&dir.path().join("negatives.jsonl"), &options).unwrap().len(), 30);
        let pairs = load_negatives(&dir.path().join("pairs-34.jsonl"), &options).unwrap();
        assert!(pairs.len() == 30 && pairs.iter().all(|pair| pair.chosen.is_some()));
        assert_eq!(load_prompts(&dir.path().join("corpus.jsonl")).unwrap().len(), 40);
        let held_out = load_prompts(&dir.path().join("held_out.jsonl")).unwrap();
        assert!(held_out.len() == 20 && held_out.iter().all(|row| row.response.is_some()));
        assert_eq!(held_out[3].id, "held_out-00003");
        assert_eq!(world.text("pairs-34", 30).unwrap(), fs::read_to_string(dir.path().join("pairs-34.jsonl")).unwrap());
        assert_eq!(world.text("pairs-35", 30), None);
    }
}
