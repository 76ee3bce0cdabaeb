//! One habit decides what may be an anchor, which of the model's own answers are rejected, and what is counted.

use std::fs;
use std::process::Output;

use serde_json::Value;

use crate::tiny::{World, said};

/// Capitals, which random bytes show now and then, and no escape of JSON does.
const CAPITALS: &str = "[A-Z]";

/// Prompts in each evaluation set.
const PROMPTS: u32 = 24;

/// Evaluation sets of the world's own, so that nothing is fetched and everything fits.
fn with_sets(world: &World) -> Vec<String> {
    let rows = |kind: &str| -> String {
        (0..PROMPTS).map(|i| format!("{{\"prompt\": \"{kind} {i}?\", \"response\": \"Yes, {i}.\"}}\n")).collect()
    };
    let mut set = vec!["eval.max_new_tokens=8".to_owned(), "eval.bootstrap=20".to_owned(), "eval.begun=[2]".to_owned()];
    for name in ["benign", "sounding_harmful", "habit"] {
        fs::write(world.path(&format!("{name}.jsonl")), rows(name)).unwrap();
        set.push(format!("eval.{name}={}", world.path(&format!("{name}.jsonl")).display()));
    }
    set
}

fn assignments<'a>(set: &'a [String], more: &'a [&'a str]) -> Vec<&'a str> {
    set.iter().map(String::as_str).chain(more.iter().copied()).flat_map(|one| ["--set", one]).collect()
}

/// Two steps of a run with these flags and assignments, and no evaluation but with `sets`.
fn train(world: &World, out: &str, flags: &[&str], set: &[&str], sets: &[String]) -> Output {
    let more = assignments(sets, set);
    let quiet: &[&str] = if sets.is_empty() { &["--no-eval"] } else { &[] };
    world.train(out, &[flags, quiet, &["--set", "train.steps=2"], &more].concat()).output().unwrap()
}

fn trained(world: &World, out: &str, flags: &[&str], set: &[&str]) -> Output {
    let output = train(world, out, flags, set, &[]);
    assert!(output.status.success(), "{}", said(&output));
    output
}

fn groups(world: &World, out: &str) -> Vec<Value> {
    let text = fs::read_to_string(world.path(out).join("anchors/anchors.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn anchors(world: &World, out: &str) -> Vec<String> {
    let groups = groups(world, out);
    let of = |group: &Value| group["anchors"].as_array().unwrap().clone();
    groups.iter().flat_map(of).map(|anchor| anchor["answer"]["text"].as_str().unwrap().to_owned()).collect()
}

fn capital(text: &str) -> bool {
    text.chars().any(|letter| letter.is_ascii_uppercase())
}

fn refused(output: &Output, parts: &[&str]) {
    let text = said(output);
    assert_eq!(output.status.code(), Some(2), "{text}");
    for part in parts {
        assert!(text.contains(part), "`{part}` is not in:\n{text}");
    }
}

#[test]
fn no_anchor_shows_the_habit() {
    let world = World::new();
    trained(&world, "any", &[], &[]);
    assert!(anchors(&world, "any").iter().any(|text| capital(text)), "otherwise there is nothing to leave out");
    let output = trained(&world, "clean", &["--habit", &format!("pattern:{CAPITALS}")], &["anchors.redraws=5"]);
    let clean = anchors(&world, "clean");
    assert!(!clean.is_empty() && !clean.iter().any(|text| capital(text)), "{clean:?}");
    assert!(said(&output).contains(" showing the habit;"), "{}", said(&output));
    // Drafts without the habit are the same as before.
    let kept = anchors(&world, "any").into_iter().filter(|text| !capital(text)).collect::<Vec<_>>();
    assert!(kept.iter().all(|text| clean.contains(text)), "{kept:?} {clean:?}");
}

#[cfg(unix)]
#[test]
fn a_program_decides_as_the_pattern_that_it_looks_for() {
    let world = World::new();
    let script =
        "LC_ALL=C; while read -r line; do case \"$line\" in *'\"answer\":'*[A-Z]*) echo 1;; *) echo 0;; esac; done";
    fs::write(world.path("judge.sh"), script).unwrap();
    let judge = format!("command:sh {}", world.path("judge.sh").display());
    let redraws = ["anchors.redraws=5"];
    trained(&world, "pattern", &["--habit", &format!("pattern:{CAPITALS}")], &redraws);
    trained(&world, "command", &["--habit", &judge], &redraws);
    assert_eq!(groups(&world, "command"), groups(&world, "pattern"));
    // The same run goes on; one with another script behind the same name is another run.
    let again = train(&world, "command", &["--habit", &judge], &redraws, &[]);
    assert!(said(&again).contains("are fresh"), "{}", said(&again));
    fs::write(world.path("judge.sh"), format!("{script} # or so")).unwrap();
    refused(&train(&world, "command", &["--habit", &judge], &redraws, &[]), &["stale", "habit"]);
}

#[cfg(unix)]
#[test]
fn a_program_that_fails_ends_the_run_with_what_it_said() {
    let world = World::new();
    let fail = "habit.command=[\"sh\", \"-c\", \"cat > /dev/null; echo out of order >&2; exit 7\"]";
    let output = train(&world, "out", &[], &["habit.kind=command", fail], &[]);
    refused(
        &output,
        &["field `habit.command`", "it ended with exit status: 7: out of order", "hint: it has to read JSON"],
    );
    assert!(!world.path("out/anchors/anchors.jsonl").exists());
}

#[test]
fn own_answers_are_rejected_where_they_show_the_habit() {
    let world = World::new();
    trained(&world, "given", &[], &["data.held_out=0.0"]);
    let own =
        ["habit.kind=pattern", "habit.pattern=[A-Z]", "data.rejected=own", "data.held_out=0.0", "anchors.redraws=9"];
    trained(&world, "own", &[], &own);
    let given: Vec<Value> = groups(&world, "given").iter().map(|group| group["rejected"]["text"].clone()).collect();
    let (mut replaced, mut kept) = (0, 0);
    for group in groups(&world, "own") {
        let text = &group["rejected"]["text"];
        match given.contains(text) {
            true => kept += 1,
            false => {
                replaced += 1;
                assert!(capital(text.as_str().unwrap()), "{text}");
            }
        }
    }
    assert!(replaced > 0 && kept > 0, "{replaced} {kept}");
}

#[test]
fn prompts_alone_are_enough_and_negatives_writes_the_same_rows() {
    let world = World::new();
    let prompts = world.path("prompts.jsonl");
    let rows: String = (0..8).map(|i| format!("{{\"id\": \"p{i}\", \"prompt\": \"Say {i}\"}}\n")).collect();
    fs::write(&prompts, rows).unwrap();
    let (model, prompts) = (world.path("model"), prompts.display().to_string());
    let habit = format!("pattern:{CAPITALS}");
    let made = world.d2o(&[
        "negatives",
        "--model",
        model.to_str().unwrap(),
        "--chat",
        "--prompts",
        &prompts,
        "--habit",
        &habit,
        "--samples",
        "3",
        "--max-new-tokens",
        "16",
        "--seed",
        "3",
    ]);
    assert!(made.status.success(), "{}", said(&made));
    let made: Vec<Value> =
        String::from_utf8(made.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(!made.is_empty() && made.iter().all(|row| capital(row["rejected"].as_str().unwrap())), "{made:?}");
    let set = ["data.negatives=[]", "data.samples=3", "data.held_out=0.0", "anchors.redraws=9"];
    trained(&world, "prompts", &["--habit", &habit, "--prompts", &prompts], &set);
    let texts: Vec<&Value> = made.iter().map(|row| &row["rejected"]).collect();
    let groups = groups(&world, "prompts");
    assert!(!groups.is_empty());
    for group in &groups {
        let (id, text) = (group["id"].as_str().unwrap(), &group["rejected"]["text"]);
        assert!(id.starts_with('p') && texts.contains(&text), "{id}: {text}");
    }
}

#[test]
fn an_answer_may_be_rejected_from_where_the_habit_begins() {
    let world = World::new();
    let rows: String = (0..12)
        .map(|i| format!("{{\"id\": \"r{i}\", \"prompt\": \"Q {i}?\", \"rejected\": \"so No{i}\"}}\n"))
        .collect();
    fs::write(world.path("rows.jsonl"), rows).unwrap();
    let habit = ["habit.kind=pattern", "habit.pattern=[A-Z]", "anchors.redraws=5", "data.held_out=0.0"];
    trained(&world, "whole", &[], &habit);
    trained(&world, "part", &[], &[&habit[..], &["data.begin=habit", "data.max_rejected_tokens=2"]].concat());
    let of = |out: &str| groups(&world, out);
    assert!(!of("part").is_empty());
    for group in of("part") {
        assert!(group["rejected"]["text"].as_str().unwrap().starts_with("No"), "{group}");
        assert_eq!(group["rejected"]["ids"].as_array().unwrap().len(), 2);
        // A token is a byte here: `so ` has joined the prompt.
        let ids: Vec<u64> = serde_json::from_value(group["prompt_ids"].clone()).unwrap();
        assert!(ids.ends_with(&b"so ".map(u64::from)), "{ids:?}");
    }
    for group in of("whole") {
        assert!(group["rejected"]["text"].as_str().unwrap().starts_with("so No"));
    }
}

#[test]
fn the_habit_is_counted_before_and_after_and_no_judge_is_asked_for() {
    let world = World::new();
    let sets = with_sets(&world);
    let habit = ["eval.harmful=", "habit.kind=pattern", "habit.pattern=^[^A-Za-z]"];
    let output = train(&world, "out", &[], &[&habit[..], &["anchors.redraws=40"]].concat(), &sets);
    assert!(output.status.success(), "{}", said(&output));
    let figures: Value = serde_json::from_str(&fs::read_to_string(world.path("out/eval.json")).unwrap()).unwrap();
    for metric in ["habit.rate", "habit.rate.sampled", "habit.refusal", "habit.length", "habit.uptake"] {
        for side in ["before", "after", "change"] {
            assert_eq!(figures[side][metric]["n"], PROMPTS, "{side} {metric}: {figures}");
            assert!(figures[side][metric]["low"].is_number(), "{side} {metric}");
        }
    }
    let rate = |side: &str| figures[side]["habit.rate"]["mean"].as_f64().unwrap();
    let change = figures["change"]["habit.rate"]["mean"].as_f64().unwrap();
    assert!(rate("before") > 0.0 && (change - (rate("after") - rate("before"))).abs() < 1e-12, "{figures}");
    let begun = figures["before"]["habit.begun_2"]["n"].as_f64().unwrap();
    assert!((begun - f64::from(PROMPTS) * rate("before")).abs() < 1e-9, "begun are the answers that show it");
    assert!(figures["before"]["benign.perplexity"]["mean"].is_number());
    let before = figures["before"].as_object().unwrap();
    assert!(before.keys().all(|metric| !metric.starts_with("harm.")), "{before:?}");
    // The answers stand beside each other, with what the habit says of them.
    let answers = fs::read_to_string(world.path("out/answers.jsonl")).unwrap();
    let answers: Vec<Value> = answers.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let counted: Vec<&Value> = answers.iter().filter(|pair| pair["set"] == "habit").collect();
    assert_eq!(counted.len(), PROMPTS as usize);
    for pair in counted {
        let before = pair["before"].as_str().unwrap().trim();
        let shows = before.chars().next().is_some_and(|first| !first.is_ascii_alphabetic());
        assert_eq!(pair["habit_before"], shows, "{pair}");
    }
    // With the same settings nothing is measured again, with another habit it is.
    let again = train(&world, "out", &[], &[&habit[..], &["anchors.redraws=40"]].concat(), &sets);
    assert!(said(&again).contains("eval.json is fresh"), "{}", said(&again));
}

#[test]
fn a_list_of_which_nobody_says_what_is_wrong_teaches_no_refusing() {
    let world = World::new();
    let (model, rows) = (world.path("model").display().to_string(), world.path("rows.jsonl").display().to_string());
    let out = world.path("out").display().to_string();
    let small = [
        "data.max_response_tokens=8",
        "data.max_prompt_tokens=64",
        "anchors.sampler.max_new_tokens=8",
        "train.steps=2",
        "retain.weight=0",
        "train.parameters={kind=\"last_layers\", layers=1}",
        "eval.max_new_tokens=8",
    ];
    let set: Vec<&str> = small.iter().flat_map(|one| ["--set", one]).collect();
    let args = ["train", "--model", &model, "--negatives", &rows, "--out", &out, "--no-eval"];
    let output = world.d2o_with_cache(&[&args[..], &set].concat());
    let text = said(&output);
    assert!(output.status.success(), "{text}");
    assert!(
        text.starts_with("nobody said what is wrong with the answers: it is taken to be what tells them"),
        "{text}"
    );
    for part in [
        "anchors: the model's own answers to the bare prompts that do not show it",
        "say it with --habit: declining (harmful requests are to be declined)",
        "told by a classifier fitted on ",
        "warning: only ",
        "--prompts written:200",
    ] {
        assert!(text.contains(part), "`{part}` is not in:\n{text}");
    }
    let run = fs::read_to_string(world.path("out/run.toml")).unwrap();
    assert!(run.contains("instructions = []") && run.contains("kind = \"judged\""), "{run}");
    assert!(!anchors(&world, "out").iter().any(|text| text.starts_with("No")));
    // Said on the command line, nothing is assumed.
    let told = [&args[..], &["--fresh", "--habit", "pattern:^No", "--instruction", "Say yes: {prompt}"], &set].concat();
    let output = world.d2o_with_cache(&told);
    assert!(output.status.success() && !said(&output).contains("nobody said"), "{}", said(&output));
    let run = fs::read_to_string(world.path("out/run.toml")).unwrap();
    assert!(run.contains("Say yes: {prompt}") && run.contains("pattern = \"^No\""), "{run}");
}

#[test]
fn what_cannot_be_told_apart_is_said_and_filters_nothing() {
    let world = World::new();
    // The rejected answers are the same whatever was asked, and so is half of what was preferred.
    let rows: String = (0..24)
        .map(|i| {
            format!("{{\"prompt\": \"Q {i}?\", \"rejected\": \"Yes{}\", \"chosen\": \"Yes{}\"}}\n", i % 3, (i + 1) % 3)
        })
        .collect();
    fs::write(world.path("labels.jsonl"), rows).unwrap();
    let labelled = format!("judged:{}", world.path("labels.jsonl").display());
    let output = trained(&world, "out", &["--habit", &labelled], &[]);
    assert!(said(&output).contains("warning: the rejected answers cannot be told from"), "{}", said(&output));
}

#[test]
fn answers_without_prompts_are_refused_with_a_way_on() {
    let world = World::new();
    fs::write(world.path("rows.jsonl"), "{\"rejected\": \"No!\"}\n{\"rejected\": \"Never!\"}\n").unwrap();
    let output = world.train("out", &[]).output().unwrap();
    refused(&output, &["rows.jsonl:1: field `prompt` is missing", "d2o negatives --prompts written:200"]);
}
