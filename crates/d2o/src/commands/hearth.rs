//! `d2o hearth`: the small world as files, and its judge.

use std::io::Write;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use d2o_data::hearth::{Grammar, Judge, Verdict, World, WorldSize};
use d2o_data::load_prompts;
use serde_json::json;

/// What to do with the world.
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
            let size = WorldSize { corpus: args.corpus, negatives: args.negatives, held_out: args.held_out };
            for file in World::new(Grammar::embedded(), args.seed).write(&args.out, size)? {
                writeln!(out, "{}", file.display())?;
            }
        }
        HearthCommand::Judge(args) => {
            let judge = Judge::new(Grammar::embedded());
            for row in load_prompts(&args.data)? {
                let verdict = judge.read(&row.prompt.text(), row.response.as_deref().unwrap_or_default());
                writeln!(out, "{}", json!({"id": row.id, "verdict": name(verdict)}))?;
            }
        }
    }
    Ok(())
}

fn name(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::OnTopic => "on_topic",
        Verdict::OffTopic => "off_topic",
        Verdict::Hurtful => "hurtful",
        Verdict::Malformed => "malformed",
    }
}
