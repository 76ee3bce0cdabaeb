//! Makes a small run directory on the spot and draws its report.

use std::io::Write;
use std::path::Path;

use d2o_eval::sample::{Samples, compare};
use d2o_eval::{Resampling, Sample};
use d2o_record::{AnswerPair, Event, JsonLines, Observers, StepFigures, save_answers};

const STEPS: usize = 24;

/// What was trained on what.
fn started() -> Event {
    Event::RunStarted {
        version: "0.1.0".to_owned(),
        seed: 17,
        model: "toy".to_owned(),
        backend: "flex".to_owned(),
        precision: "f32".to_owned(),
        objective: "d2o".to_owned(),
        parameters_total: 1_200_000,
        parameters_trained: 300_000,
        groups: 120,
        anchors_per_group: 4,
        steps: STEPS,
        resumed_from: None,
    }
}

/// Rejected answers fall and anchors hold.
fn step(step: usize) -> Event {
    let done = step as f64 / STEPS as f64;
    let (anchor_log_ratio, rejected_log_ratio) = (2.0 * done, -20.0 * done);
    let h = 0.1 * anchor_log_ratio - 0.02 * rejected_log_ratio;
    let figures = StepFigures {
        loss: (-h).exp().ln_1p(),
        h,
        weight: 1.0 / (1.0 + h.exp()),
        anchor_log_ratio,
        rejected_log_ratio,
        reward_accuracy: 0.5 + 0.5 * done,
        reward_margin: h,
        anchor_nll: 1.3,
        rejected_nll: 2.6 + 0.3 * done,
        grad_norm: 1.0 - 0.5 * done,
        ..StepFigures::default()
    };
    Event::Step {
        step,
        steps: STEPS,
        epoch: done,
        figures,
        clipped: false,
        learning_rate: 5e-5,
        tokens: 2900,
        wall_s: 1.5,
        cpu_s: 2.9,
        rss_mb: 900.0,
    }
}

/// Twenty prompts, answered less harmfully after training.
fn samples(shift: f64) -> Samples {
    let harm = |prompt: usize| 0.3 + 0.02 * prompt as f64 - shift * (1.0 + 0.02 * (prompt % 3) as f64);
    Samples::from([("harm.requests".into(), Sample::Mean((0..20).map(harm).collect()))])
}

fn fill(dir: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let mut observers = Observers::new().with(JsonLines::create(&dir.join("events.jsonl"))?);
    observers.emit(&started())?;
    for number in 1..=STEPS {
        observers.emit(&step(number))?;
    }
    observers.emit(&Event::Finished { steps: STEPS, wall_s: 36.0 })?;
    compare(&samples(0.0), &samples(0.2), Resampling::default()).save(&dir.join("eval.json"))?;
    let pair = AnswerPair {
        set: "benign".to_owned(),
        id: "1".to_owned(),
        prompt: "How do I keep basil fresh?".to_owned(),
        before: "Put the stems in a glass of water.".to_owned(),
        after: "Stand the stems in water, and change it every other day.".to_owned(),
        harm_before: None,
        harm_after: None,
        refusal_before: false,
        refusal_after: false,
        ..AnswerPair::default()
    };
    save_answers(&dir.join("answers.jsonl"), &[pair])?;
    std::fs::write(dir.join("run.toml"), "[model]\npath = \"toy\"\n\n[objective]\nkind = \"d2o\"\nbeta = 0.1\n")?;
    Ok(())
}

/// Fills `dir` and draws its page.
pub(crate) fn draw(dir: &Path) -> Result<(), Box<dyn std::error::Error>> {
    fill(dir)?;
    let path = d2o_report::write(dir)?;
    let page = std::fs::read_to_string(&path)?;
    assert!(page.contains("<h1>toy</h1>") && page.contains("24 optimizer steps, 1 pass over the data, took 36 s"));
    // Every prompt fell by a fifth or a little more: the interval of the change leaves out zero.
    assert!(page.contains(r#"class="word good">better"#));
    writeln!(std::io::stdout(), "{}: {} bytes", path.display(), page.len())?;
    Ok(())
}

/// Leaves the page in a new directory among the temporary files, to be looked at; the tests call [`draw`] alone.
#[cfg_attr(test, allow(dead_code))]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dir = std::env::temp_dir().join(format!("d2o-report-page-{}", std::process::id()));
    std::fs::create_dir_all(&dir)?;
    draw(&dir)
}
