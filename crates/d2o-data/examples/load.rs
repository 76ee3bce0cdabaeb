//! What is in a file of rejected answers: rows, prompts, split, and what is odd about them.
//!
//! `cargo run -p d2o-data --example load -- FILE`; without a file, rows that the example writes itself.

use std::path::{Path, PathBuf};

use d2o_data::{DataError, Dataset, DatasetOptions, LoadOptions, load_negatives};
use d2o_text::{Encoder, TextTokenizer};

const ROWS: &str = r#"
{"id": "soup", "prompt": "How was the soup?", "rejected": "Worse than your jokes."}
{"id": "soup-again", "prompt": "how was the  soup?", "rejected": "Worse than your jokes."}
{"id": "film", "prompt": "Did you like the film?", "rejected": "Only a fool would.", "chosen": "Very much, thank you."}
{"id": "walk", "messages": [{"role": "user", "content": "Shall we go?"}], "rejected": "Not with you."}
{"id": "tea", "prompt": "More tea?", "response": "Are you trying to drown me?", "is_safe": false}
"#;

/// Reads the file, encodes its rows and prints what they are.
pub(crate) fn load(path: &Path) -> Result<Dataset, DataError> {
    let samples = load_negatives(path, &LoadOptions::default())?;
    // A model's own tokenizer would come from `TextTokenizer::from_dir`.
    let texts = samples.iter().map(|sample| sample.rejected.as_str());
    let tokenizer = TextTokenizer::train(texts, 400, &["<|end|>"])?;
    let end = tokenizer.eos().expect("the first special token ends a sequence");
    let encoder = Encoder::new(tokenizer, None, end);
    let options = DatasetOptions { files: vec![path.to_path_buf()], held_out: 0.25, ..DatasetOptions::default() };
    let dataset = Dataset::load(&options, &encoder)?;
    show(&dataset);
    Ok(dataset)
}

#[allow(clippy::print_stdout, reason = "an example shows what it does")]
fn show(dataset: &Dataset) {
    for row in &dataset.train {
        println!("{}: {} -> {} ({} tokens)", row.id, row.prompt.text(), row.rejected, row.rejected_ids.len());
    }
    let summary = &dataset.summary;
    println!("{} rows: {} to train on, {} held out", summary.rows, summary.train, summary.held_out);
    println!("lint: {}", dataset.lint.summary());
}

/// Writes the rows of this example.
pub(crate) fn write_rows() -> std::io::Result<PathBuf> {
    let path = std::env::temp_dir().join(format!("d2o-data-load-{}.jsonl", std::process::id()));
    std::fs::write(&path, ROWS)?;
    Ok(path)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    match std::env::args().nth(1) {
        Some(path) => load(path.as_ref())?,
        None => {
            let path = write_rows()?;
            let dataset = load(&path)?;
            std::fs::remove_file(path)?;
            dataset
        }
    };
    Ok(())
}
