//! The head of the page: which model, which data, what was done.

use d2o_record::{Event, StepFigures};
use maud::{Markup, html};

use crate::escape::Plain;
use crate::number::{count, counted, duration, figure, large};
use crate::run::Run;

/// Name of the model for the title.
pub(crate) fn model(run: &Run) -> String {
    let started = run.events.iter().find_map(|event| match event {
        Event::RunStarted { model, .. } => Some(model.as_str()),
        _ => None,
    });
    let name = started.or_else(|| run.setting_text("model.path")).unwrap_or("unnamed model");
    short(name).to_owned()
}

/// The last part of a path or reference.
fn short(name: &str) -> &str {
    let name = name.trim_end_matches(['/', '\\']);
    let name = name.rsplit(['/', '\\']).next().unwrap_or(name);
    name.strip_prefix("fetch:").unwrap_or(name)
}

/// Title, settings at a glance and the paragraph.
pub(crate) fn render(run: &Run) -> Markup {
    html! {
        header {
            p.eyebrow { "D²O · report of a run" }
            h1 { (Plain(&model(run))) }
            ul.facts { @for (name, value) in facts(run) { li { span { (name) } " " (Plain(&value)) } } }
            p.done { (Plain(&paragraph(run))) }
        }
    }
}

/// How people write the objective.
fn objective_name(kind: &str) -> &str {
    match kind {
        "d2o" => "D²O",
        "dpo" => "DPO",
        "sft" => "supervised training",
        "npo" => "NPO",
        "simpo" => "SimPO",
        other => other,
    }
}

fn facts(run: &Run) -> Vec<(&'static str, String)> {
    let mut facts = Vec::new();
    if let Some(kind) = run.objective() {
        let knobs = ["beta", "alpha"].into_iter().zip(["β", "α"]);
        let knobs = knobs.filter_map(|(key, sign)| {
            let value = run.setting(&format!("objective.{key}"))?;
            Some(format!(" {sign} {value}"))
        });
        facts.push(("objective", objective_name(kind).to_owned() + &knobs.collect::<String>()));
    }
    if let Some(data) = data(run) {
        facts.push(("rejected answers", data));
    }
    if let Some(Event::RunStarted { anchors_per_group, seed, backend, precision, .. }) = first_start(run) {
        facts.push(("anchors", format!("{anchors_per_group} a prompt")));
        facts.push(("seed", seed.to_string()));
        facts.push(("backend", backend.clone()));
        if !precision.is_empty() {
            facts.push(("precision of training", precision.clone()));
        }
    }
    facts
}

fn data(run: &Run) -> Option<String> {
    let value = run.setting("data.negatives")?;
    let names: Vec<&str> = match value {
        toml::Value::String(name) => vec![name],
        toml::Value::Array(names) => names.iter().filter_map(toml::Value::as_str).collect(),
        _ => vec![],
    };
    let names: Vec<&str> = names.into_iter().map(|name| name.strip_prefix("fetch:").unwrap_or(name)).collect();
    match names.as_slice() {
        [] => None,
        [name] => Some((*name).to_owned()),
        [name, rest @ ..] => Some(format!("{name} and {} more", rest.len())),
    }
}

fn first_start(run: &Run) -> Option<&Event> {
    run.events.iter().find(|event| matches!(event, Event::RunStarted { .. }))
}

fn paragraph(run: &Run) -> String {
    let Some(Event::RunStarted { parameters_total, parameters_trained, groups, anchors_per_group, .. }) =
        first_start(run)
    else {
        return "Training has not begun.".to_owned();
    };
    let drawn = if *anchors_per_group > 0 {
        format!(
            ", each beside {}",
            counted(*anchors_per_group, "answer of the model’s own", "answers of the model’s own")
        )
    } else {
        String::new()
    };
    let mut text = format!(
        "The model was shown {} with an answer that people had rejected{drawn}. {}",
        counted(*groups, "prompt", "prompts"),
        steps_sentence(run)
    );
    text += &if parameters_trained == parameters_total {
        format!(" All {} parameters were trained.", large(*parameters_total))
    } else {
        format!(" {} of its {} parameters were trained.", large(*parameters_trained), large(*parameters_total))
    };
    text + &movement(run)
}

fn steps_sentence(run: &Run) -> String {
    let taken = run.events.iter().filter_map(|event| match event {
        Event::Step { step, steps, epoch, .. } => Some((*step, *steps, *epoch)),
        _ => None,
    });
    let Some((step, steps, epoch)) = taken.max_by_key(|(step, ..)| *step) else {
        return "No optimizer step was taken.".to_owned();
    };
    let passes = if (epoch - 1.0).abs() < 0.005 { "pass" } else { "passes" };
    let planned = if step < steps { format!(" of {}", count(steps as u64)) } else { String::new() };
    let seconds: f64 = run.events.iter().map(step_seconds).sum();
    format!(
        "{}{planned} optimizer {}, {} {passes} over the data, took {}.",
        count(step as u64),
        if steps == 1 { "step" } else { "steps" },
        figure((epoch * 100.0).round() / 100.0).trim_end_matches('0').trim_end_matches('.'),
        duration(seconds)
    )
}

fn step_seconds(event: &Event) -> f64 {
    match event {
        Event::Step { wall_s, .. } if wall_s.is_finite() => *wall_s,
        _ => 0.0,
    }
}

/// Where the two log-ratios ended.
fn movement(run: &Run) -> String {
    let last = run.events.iter().rev().find_map(|event| match event {
        Event::Step { figures: StepFigures { anchor_log_ratio, rejected_log_ratio, .. }, .. } => {
            Some((*anchor_log_ratio, *rejected_log_ratio))
        }
        _ => None,
    });
    let Some((anchors, rejected)) = last.filter(|(anchors, rejected)| anchors.is_finite() && rejected.is_finite())
    else {
        return String::new();
    };
    let towards = |value: f64| if value < 0.0 { "less" } else { "more" };
    format!(
        " At the last step the rejected answers were {} nats {} likely than under the base model, \
         its own answers {} nats {} likely.",
        figure(rejected.abs()),
        towards(rejected),
        figure(anchors.abs()),
        towards(anchors)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_go_by_their_last_name() {
        assert_eq!(short("fetch:smollm2-135m-instruct"), "smollm2-135m-instruct");
        assert_eq!(short("/models/llama/"), "llama");
        assert_eq!(short("hub:owner/name"), "name");
        assert_eq!(short(r"C:\models\tiny.gguf"), "tiny.gguf");
    }

    #[test]
    fn several_data_files_are_counted() {
        let run = |text: &str| Run { config: text.parse().unwrap(), ..Run::default() };
        assert_eq!(data(&run("[data]\nnegatives = [\"fetch:a/*.csv\", \"b\", \"c\"]")).unwrap(), "a/*.csv and 2 more");
        assert_eq!(data(&run("[data]\nnegatives = \"a.jsonl\"")).unwrap(), "a.jsonl");
        assert_eq!(data(&run("[data]\nnegatives = []")), None);
    }

    #[test]
    fn one_step_is_in_the_singular_and_a_plan_is_told() {
        let sentence =
            |steps| steps_sentence(&Run { events: vec![d2o_testing::run::step(1, steps, 2.0)], ..Run::default() });
        assert_eq!(sentence(1), "1 optimizer step, 2 passes over the data, took 2.0 s.");
        assert_eq!(sentence(2), "1 of 2 optimizer steps, 1 pass over the data, took 2.0 s.");
    }
}
