//! `d2o hearth`: Hearth, the small synthetic world, as files, and its exact judge.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use d2o_data::{DataError, load_prompts};
use d2o_datasets::hearth::{ExactJudge, Grammar, Hearth, HearthSize, Verdict};
use d2o_record::{RunLock, durable, storage};
use serde_json::json;

/// What to do with Hearth.
#[derive(Debug, Subcommand)]
pub enum HearthCommand {
    /// Write corpus, negatives, held-out prompts and pairs.
    Write(WriteArgs),
    /// Judge answers; one JSON object a line.
    Judge(JudgeArgs),
}

/// How much to write, and where.
#[derive(Debug, Args)]
pub struct WriteArgs {
    /// The directory to write.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Seed.
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Rows to make a base model from.
    #[arg(long, default_value_t = 60_000)]
    pub corpus: usize,
    /// Rows of negatives, and of each file of pairs.
    #[arg(long, default_value_t = 816)]
    pub negatives: usize,
    /// Held-out requests.
    #[arg(long, default_value_t = 408)]
    pub held_out: usize,
}

/// What to judge.
#[derive(Debug, Args)]
pub struct JudgeArgs {
    /// Rows `{"id", "prompt", "response"}`.
    #[arg(long, value_name = "FILE.jsonl")]
    pub data: PathBuf,
}

/// Runs one of the two.
///
/// # Errors
/// Files that cannot be written or read.
pub fn hearth(command: &HearthCommand) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    match command {
        HearthCommand::Write(args) => {
            let mut lock = RunLock::directory(&args.out)?;
            lock.accept();
            let size = HearthSize { corpus: args.corpus, negatives: args.negatives, held_out: args.held_out };
            for path in write(Hearth::new(Grammar::embedded(), args.seed), size, &args.out)? {
                writeln!(out, "{}", path.display())?;
            }
        }
        HearthCommand::Judge(args) => {
            let judge = ExactJudge::new(Grammar::embedded());
            for row in load_prompts(&args.data)? {
                let verdict = judge.read(&row.prompt.text(), row.response.as_deref().unwrap_or_default());
                writeln!(out, "{}", json!({"id": row.id, "verdict": name(verdict)}))?;
            }
        }
    }
    Ok(())
}

/// Writes Hearth's files below `dir`, and returns their paths.
fn write(hearth: Hearth<'_>, size: HearthSize, dir: &Path) -> Result<Vec<PathBuf>, DataError> {
    let at = |path: &Path| {
        let path = path.to_path_buf();
        |source| DataError::Io { path, source }
    };
    storage::create_dir_all(dir).map_err(at(dir))?;
    let written = hearth.files(size).map(|(name, text)| {
        let path = dir.join(name);
        durable::write_whole(&path, text.as_bytes()).map_err(at(&path))?;
        Ok(path)
    });
    written.collect()
}

fn name(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::OnTopic => "on_topic",
        Verdict::OffTopic => "off_topic",
        Verdict::Hurtful => "hurtful",
        Verdict::Malformed => "malformed",
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use d2o_data::{LoadOptions, load_negatives};

    use super::*;

    #[test]
    fn the_files_are_read_by_the_loaders() {
        let dir = tempfile::tempdir().unwrap();
        let hearth = Hearth::new(Grammar::embedded(), 4);
        let files = write(hearth, HearthSize { corpus: 40, negatives: 30, held_out: 20 }, dir.path()).unwrap();
        assert_eq!(files.len(), 7);
        let options = LoadOptions::default();
        assert_eq!(load_negatives(&dir.path().join("negatives.jsonl"), &options).unwrap().len(), 30);
        let pairs = load_negatives(&dir.path().join("pairs-34.jsonl"), &options).unwrap();
        assert!(pairs.len() == 30 && pairs.iter().all(|pair| pair.chosen.is_some()));
        assert_eq!(load_prompts(&dir.path().join("corpus.jsonl")).unwrap().len(), 40);
        let held_out = load_prompts(&dir.path().join("held_out.jsonl")).unwrap();
        assert!(held_out.len() == 20 && held_out.iter().all(|row| row.response.is_some()));
        assert_eq!(held_out[3].id, "held_out-00003");
        let pairs = fs::read_to_string(dir.path().join("pairs-34.jsonl")).unwrap();
        assert_eq!(hearth.text("pairs-34", 30).unwrap(), pairs);
    }
}
