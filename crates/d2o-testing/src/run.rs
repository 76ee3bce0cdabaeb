//! The events of an invented run: plausible curves, no model.

use d2o_record::{Event, StepFigures, stage};

/// A step of a run in which rejected answers fall and anchors hold.
pub fn step(step: usize, steps: usize, wall_s: f64) -> Event {
    let done = step as f64 / steps as f64;
    let wobble = (step as f64 * 2.4).sin();
    let rejected = -26.0 * done.powf(1.3) + 1.6 * wobble;
    let anchor = 5.5 * (1.0 - (-3.0 * done).exp()) + 0.7 * (step as f64 * 1.7).cos();
    let h = 0.1 * anchor - 0.02 * rejected;
    Event::Step {
        step,
        steps,
        epoch: rounded(2.0 * done),
        figures: StepFigures {
            loss: rounded((-h).exp().ln_1p()),
            h: rounded(h),
            weight: rounded(1.0 / (1.0 + h.exp())),
            anchor_log_ratio: rounded(anchor),
            rejected_log_ratio: rounded(rejected),
            reward_accuracy: rounded((0.5 + 0.55 * done + 0.1 * wobble).clamp(0.0, 1.0)),
            reward_margin: rounded(h),
            anchor_nll: rounded(1.34 - 0.09 * done + 0.03 * wobble),
            rejected_nll: rounded(2.61 + 0.3 * done + 0.12 * wobble),
            grad_norm: rounded(0.8 + 0.9 * (-4.0 * done).exp() + 0.15 * wobble),
            retain_kl: None,
            anchor_kl: None,
        },
        clipped: done < 0.2,
        learning_rate: rounded(5e-5 * (done * 10.0).min(0.55 + 0.45 * (3.0 * done).cos())),
        tokens: 2900 + (220.0 * wobble) as usize,
        wall_s,
        cpu_s: rounded(1.9 * wall_s),
        rss_mb: rounded(1480.0 + 40.0 * done),
    }
}

/// Eight decimals: few enough digits that a parser of decimals has no rounding to do.
fn rounded(value: f64) -> f64 {
    (value * 1e8).round() / 1e8
}

/// All events of a run of `steps` steps: stages, guards, checkpoints, a resume and a warning.
pub fn events(steps: usize) -> Vec<Event> {
    let begins = |name: &str| Event::StageStarted { stage: name.to_owned() };
    let finished = |name: &str, wall_s, detail: &str| Event::StageFinished {
        stage: name.to_owned(),
        wall_s,
        detail: detail.to_owned(),
    };
    let mut events = vec![
        Event::StageSkipped { stage: stage::PREPARE.to_owned(), reason: "the data is as it was".to_owned() },
        begins(stage::ANCHORS),
        Event::Progress { stage: stage::ANCHORS.to_owned(), done: 480, total: 480, unit: "drafts".to_owned() },
        finished(stage::ANCHORS, 163.2, "480 anchors for 120 prompts"),
        begins(stage::TRAIN),
        started(steps, None),
    ];
    for number in 1..=steps {
        events.push(step(number, steps, 4.1));
        if number == steps / 2 {
            events.push(Event::Interrupted { step: number });
            events.push(started(steps, Some(number)));
        }
    }
    let guard =
        |name: &str, value, limit| Event::Guard { step: steps, name: name.to_owned(), value, limit, tripped: false };
    events.extend([
        guard("anchor_kl", 0.62, 2.0),
        guard("benign_perplexity", 0.017, 0.1),
        Event::Checkpoint { step: steps, path: format!("checkpoints/{steps}") },
        Event::Warning { message: "3 answers were cut at 48 tokens".to_owned() },
        Event::Finished { steps, wall_s: rounded(4.1 * steps as f64) },
        finished(stage::TRAIN, rounded(4.1 * steps as f64), "model written"),
        finished(stage::EVAL, 212.0, "two judges, 100 harmful prompts"),
    ]);
    events
}

fn started(steps: usize, resumed_from: Option<usize>) -> Event {
    Event::RunStarted {
        version: "0.1.0".to_owned(),
        seed: 17,
        model: "fetch:smollm2-135m-instruct".to_owned(),
        backend: "flex".to_owned(),
        precision: "f32".to_owned(),
        objective: "d2o".to_owned(),
        parameters_total: 134_515_008,
        parameters_trained: 28_320_768,
        groups: 120,
        anchors_per_group: 4,
        steps,
        resumed_from,
    }
}
