//! Every change of the file system fails in turn, in every way: the same command then goes on to the same bits.
//!
//! `D2O_FAULTS=all` tries every change of every command with every fault; without it some are tried.
#![allow(clippy::print_stdout)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use d2o_record::fault::Fault;

use crate::tiny::said;
use crate::whole_run::{COMMANDS, Left, WholeRun, copy, differing, left};

/// Without `D2O_FAULTS`, every so many changes one is tried, with one fault after the other.
const STRIDE: usize = 23;

/// A command with what lies there before it and after it, and the changes that it makes.
struct Stage {
    number: usize,
    before: PathBuf,
    after: Left,
    changes: Vec<String>,
}

/// Runs all commands, undisturbed.
fn stages(run: &WholeRun) -> Vec<Stage> {
    let dir = run.dir("calm");
    fs::create_dir(&dir).unwrap();
    let stage = |number: usize| {
        let (before, log) = (run.dir(&format!("before-{number}")), run.dir(&format!("changes-{number}")));
        copy(&dir, &before);
        let output = run.command(number, &dir).env("D2O_FAULT_LOG", &log).output().unwrap();
        assert!(output.status.success(), "{}", said(&output));
        let changes = fs::read_to_string(&log).unwrap().lines().map(str::to_owned).collect();
        Stage { number, before, after: left(&dir), changes }
    };
    (0..COMMANDS.len()).map(stage).collect()
}

/// What is wrong after a fault at the change `at` (from 1) and a second, undisturbed, command.
fn wrong_after(run: &WholeRun, stage: &Stage, (name, fault): (&str, Fault), at: usize, dir: &Path) -> Option<String> {
    copy(&stage.before, dir);
    let output = run.command(stage.number, dir).env("D2O_FAULT", format!("{name}@{at}")).output().unwrap();
    let complaint = unseemly(&output, fault);
    let again = run.command(stage.number, dir).output().unwrap();
    let complaint = complaint.or_else(|| match again.status.success() {
        false => Some(format!("the second time: {}", said(&again))),
        true => {
            let differing = differing(&left(dir), &stage.after);
            (!differing.is_empty()).then(|| format!("other bits in {}", differing.join(", ")))
        }
    });
    fs::remove_dir_all(dir).unwrap();
    complaint.map(|text| format!("{} with {name} at {at} ({}): {text}", COMMANDS[stage.number], stage.changes[at - 1]))
}

/// What a command says when a change fails: that it failed, in words, or nothing if it could do without.
fn unseemly(output: &Output, fault: Fault) -> Option<String> {
    let text = said(output);
    if matches!(fault, Fault::Crash | Fault::Torn | Fault::Power) {
        // It was cut off.
        return output.status.code().map(|code| format!("it ended by itself with {code}: {text}"));
    }
    match output.status.code() {
        Some(0) => None,
        Some(1 | 2) if text.contains("error: ") && !text.contains("panicked") => None,
        code => Some(format!("exit {code:?}: {text}")),
    }
}

#[test]
fn after_any_fault_the_same_command_goes_on_to_the_same_bits() {
    let run = WholeRun::new();
    let all = std::env::var("D2O_FAULTS").is_ok_and(|value| value == "all");
    let (mut tried, mut wrong) = (0, Vec::new());
    for stage in stages(&run) {
        let count = stage.changes.len();
        assert!(count > 5, "{} makes {count} changes", COMMANDS[stage.number]);
        let every = 1..=count;
        let points: Vec<(usize, usize)> = match all {
            true => every.flat_map(|at| (0..Fault::ALL.len()).map(move |kind| (at, kind))).collect(),
            false => every.step_by(STRIDE).enumerate().map(|(index, at)| (at, index % Fault::ALL.len())).collect(),
        };
        for &(at, kind) in &points {
            let dir = run.dir("disturbed");
            wrong.extend(wrong_after(&run, &stage, Fault::ALL[kind], at, &dir));
        }
        tried += points.len();
        println!("{}: {count} changes, {} faults", COMMANDS[stage.number], points.len());
    }
    println!("faults: {tried} tried, {} wrong", wrong.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
