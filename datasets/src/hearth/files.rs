//! Hearth as files of JSON lines.

use serde_json::{Value, json};

use super::rows::{Hearth, HearthRow, NOISE_RATES};

/// How many rows each file gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HearthSize {
    /// Rows of `corpus.jsonl`.
    pub corpus: usize,
    /// Rows of `negatives.jsonl` and of each file of pairs.
    pub negatives: usize,
    /// Rows of `held_out.jsonl`.
    pub held_out: usize,
}

impl Hearth<'_> {
    /// Names and texts of the files that Hearth consists of.
    ///
    /// | file | rows |
    /// |---|---|
    /// | `corpus.jsonl` | `id, prompt, response`: to make a base model from |
    /// | `negatives.jsonl` | `id, prompt, rejected` |
    /// | `held_out.jsonl` | `id, prompt, response`: requests that no other file has, with considerate answers |
    /// | `pairs-NN.jsonl` | `id, prompt, chosen, rejected`, with NN % of the chosen answers hurtful |
    pub fn files(&self, size: HearthSize) -> impl Iterator<Item = (String, String)> {
        let named = [("corpus", size.corpus), ("negatives", size.negatives), ("held_out", size.held_out)];
        let named = named.map(|(name, rows)| (name.to_owned(), rows));
        let pairs = NOISE_RATES.map(|rate| (pairs_name(rate), size.negatives));
        named.into_iter().chain(pairs).map(|(name, rows)| {
            let rows = self.json_rows(&name, rows).expect("every file of the list has rows");
            (format!("{name}.jsonl"), text(&name, rows))
        })
    }

    /// The JSON lines of `builtin:hearth/NAME`: `negatives`, `held_out`, `instructed` (requests with an instruction
    /// around them), or `pairs-NN`; none for another name.
    pub fn text(&self, name: &str, rows: usize) -> Option<String> {
        if name == "corpus" {
            return None;
        }
        Some(text(name, self.json_rows(name, rows)?))
    }

    fn json_rows(&self, name: &str, rows: usize) -> Option<Vec<Value>> {
        Some(match name {
            "corpus" => answered(self.corpus(rows)),
            "negatives" => self.negative_rows(rows),
            "held_out" => answered(self.held_out(rows)),
            "instructed" => answered(self.instructed(rows)),
            _ => self.pair_rows(rows, NOISE_RATES.into_iter().find(|rate| pairs_name(*rate) == name)?),
        })
    }

    fn negative_rows(&self, rows: usize) -> Vec<Value> {
        self.negatives(rows).into_iter().map(|row| json!({"prompt": row.prompt, "rejected": row.answer})).collect()
    }

    fn pair_rows(&self, rows: usize, wrong: f64) -> Vec<Value> {
        let pairs = self.pairs(rows, wrong).into_iter();
        pairs.map(|pair| json!({"prompt": pair.prompt, "chosen": pair.chosen, "rejected": pair.rejected})).collect()
    }
}

fn pairs_name(rate: f64) -> String {
    format!("pairs-{:02.0}", rate * 100.0)
}

fn answered(rows: Vec<HearthRow>) -> Vec<Value> {
    rows.into_iter().map(|row| json!({"prompt": row.prompt, "response": row.answer})).collect()
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

    #[test]
    fn the_files_have_their_rows_and_fields() {
        let hearth = Hearth::new(Grammar::embedded(), 4);
        let files: Vec<(String, String)> =
            hearth.files(HearthSize { corpus: 40, negatives: 30, held_out: 20 }).collect();
        let expected = [
            ("corpus.jsonl", 40, "response"),
            ("negatives.jsonl", 30, "rejected"),
            ("held_out.jsonl", 20, "response"),
            ("pairs-00.jsonl", 30, "chosen"),
            ("pairs-10.jsonl", 30, "chosen"),
            ("pairs-20.jsonl", 30, "chosen"),
            ("pairs-34.jsonl", 30, "chosen"),
        ];
        assert_eq!(files.len(), expected.len());
        for ((name, text), (expected, count, field)) in files.iter().zip(expected) {
            let rows: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            assert_eq!((name.as_str(), rows.len()), (expected, count));
            assert_eq!(rows[3]["id"], format!("{}-00003", name.trim_end_matches(".jsonl")));
            assert!(rows.iter().all(|row| row["prompt"].is_string() && row[field].is_string()), "{name}");
        }
        assert_eq!(hearth.text("pairs-34", 30).as_ref(), Some(&files[6].1));
        assert_eq!(hearth.text("pairs-35", 30), None);
    }
}
