//! `cargo xtask compare`: the same work in PyTorch and here, in turn, on this machine.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::cargo::{describe, root, succeed};
use crate::interop;
use crate::run::{D2O, built};

mod cases;

use cases::{Case, Side};

/// What to compare.
#[derive(Debug, clap::Args)]
pub(crate) struct CompareArgs {
    /// Sizes of the vocabulary; a random model of each is made.
    #[arg(long, value_delimiter = ',', default_values_t = [4096, 32_000])]
    vocab: Vec<usize>,
    /// Threads on both sides.
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// Times that both sides run, in turn.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Only cases whose name contains this.
    #[arg(long)]
    only: Option<String>,
    /// A Python that has what xtask/python/requirements.txt names; without, a virtual environment is made.
    #[arg(long)]
    python: Option<PathBuf>,
}

/// Medians of one side's runs.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Figures {
    wall_s: f64,
    cpu_s: f64,
    peak_mb: f64,
    tokens_per_s: f64,
}

/// Makes models, runs all cases and prints a table of ratios.
pub(crate) fn compare(args: &CompareArgs) -> Result<()> {
    let work = interop::target()?.join("compare");
    fs::create_dir_all(&work)?;
    let python = match &args.python {
        Some(python) => python.clone(),
        None => interop::python()?,
    };
    let d2o = built(D2O, None)?;
    println!("| vocab | case | wall, s: theirs / ours = ratio | CPU, s | peak, MB |\n|---|---|---|---|---|");
    for &vocab in &args.vocab {
        let place = work.join(format!("v{vocab}"));
        if !place.join("long.jsonl").exists() {
            let mut make = script(&python, "compare_model.py");
            succeed(make.arg("--out").arg(&place).args(["--vocab", &vocab.to_string()]))?;
        }
        let wanted = |case: &&Case| args.only.as_ref().is_none_or(|only| case.name.contains(only.as_str()));
        for case in cases::ALL.iter().filter(wanted) {
            let [theirs, ours] = in_turn(case, args, &place, &python, &d2o)?;
            println!("{}", row(vocab, case, theirs, ours));
        }
    }
    Ok(())
}

/// Runs both sides, one after the other, as often as asked.
fn in_turn(case: &Case, args: &CompareArgs, place: &Path, python: &Path, d2o: &Path) -> Result<[Figures; 2]> {
    let mut runs: [Vec<Figures>; 2] = [Vec::new(), Vec::new()];
    for _ in 0..args.rounds.max(1) {
        for (side, runs) in [Side::Theirs, Side::Ours].into_iter().zip(&mut runs) {
            let mut command = match side {
                Side::Theirs => script(python, case.script),
                Side::Ours => Command::new(d2o),
            };
            command.args(case.arguments(side)).args(["--threads", &args.threads.to_string()]);
            command.arg("--model").arg(place.join("model")).arg("--data").arg(place.join(case.rows));
            runs.push(measure(&mut command)?);
        }
    }
    Ok(runs.map(|runs| median(&runs)))
}

/// Runs a benchmark and reads the summary on its last line.
fn measure(command: &mut Command) -> Result<Figures> {
    let line = describe(command);
    eprintln!("$ {line}");
    let output = command.output().with_context(|| format!("cannot run `{line}`"))?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "`{line}`: {}\n{errors}", output.status);
    let text = String::from_utf8(output.stdout)?;
    let last = text.lines().last().with_context(|| format!("`{line}` printed nothing"))?;
    summary(last).with_context(|| format!("`{line}`: no summary in `{last}`"))
}

fn summary(line: &str) -> Result<Figures> {
    let value: Value = serde_json::from_str(line)?;
    let number = |name: &str| value[name].as_f64().with_context(|| format!("field `{name}` is not a number"));
    Ok(Figures {
        wall_s: number("median_s")?,
        cpu_s: number("median_cpu_s")?,
        peak_mb: number("peak_rss_mb")?,
        tokens_per_s: number("tok_per_s")?,
    })
}

fn median(runs: &[Figures]) -> Figures {
    let of = |field: fn(&Figures) -> f64| {
        let mut values: Vec<f64> = runs.iter().map(field).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    Figures {
        wall_s: of(|run| run.wall_s),
        cpu_s: of(|run| run.cpu_s),
        peak_mb: of(|run| run.peak_mb),
        tokens_per_s: of(|run| run.tokens_per_s),
    }
}

fn row(vocab: usize, case: &Case, theirs: Figures, ours: Figures) -> String {
    let pair = |theirs: f64, ours: f64| format!("{theirs:.2} / {ours:.2} = {:.2}×", ours / theirs);
    let speed = if case.samples {
        format!(
            "; {:.0} / {:.0} tok/s = {:.1}×",
            theirs.tokens_per_s,
            ours.tokens_per_s,
            ours.tokens_per_s / theirs.tokens_per_s
        )
    } else {
        String::new()
    };
    format!(
        "| {vocab} | {} | {}{speed} | {} | {} |",
        case.name,
        pair(theirs.wall_s, ours.wall_s),
        pair(theirs.cpu_s, ours.cpu_s),
        pair(theirs.peak_mb, ours.peak_mb),
    )
}

fn script(python: &Path, name: &str) -> Command {
    let mut command = Command::new(python);
    command.arg(root().join("xtask").join("python").join(name));
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_line_is_read_and_medians_are_of_each_figure() {
        let line = |wall: f64, cpu: f64| {
            format!(r#"{{"event":"summary","median_s":{wall},"median_cpu_s":{cpu},"tok_per_s":5,"peak_rss_mb":7}}"#)
        };
        let runs: Vec<Figures> =
            [(3.0, 1.0), (1.0, 2.0), (2.0, 9.0)].map(|(wall, cpu)| summary(&line(wall, cpu)).unwrap()).to_vec();
        let middle = Figures { wall_s: 2.0, cpu_s: 2.0, peak_mb: 7.0, tokens_per_s: 5.0 };
        assert_eq!(median(&runs), middle);
        assert!(summary("{}").is_err());
    }

    #[test]
    fn a_row_shows_ours_over_theirs() {
        let figures = |wall_s| Figures { wall_s, cpu_s: 1.0, peak_mb: 4.0, tokens_per_s: 8.0 / wall_s };
        let case = cases::ALL.iter().find(|case| case.samples).unwrap();
        let row = row(64, case, figures(4.0), figures(1.0));
        assert!(row.contains("4.00 / 1.00 = 0.25×") && row.contains("2 / 8 tok/s = 4.0×"), "{row}");
    }

    #[test]
    fn every_script_and_only_those_are_there() {
        for case in cases::ALL {
            assert!(root().join("xtask/python").join(case.script).exists(), "{}", case.script);
        }
    }
}
