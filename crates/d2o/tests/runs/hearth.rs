//! Hearth, the small synthetic world: pretraining a model of it, and aligning the one that is compiled in.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use d2o_datasets::hearth::{Grammar, Hearth};
use serde_json::Value;
use tempfile::TempDir;

use crate::tiny::{events, said};

fn d2o(dir: &Path, line: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_d2o"));
    let output = command.current_dir(dir).env("D2O_CACHE", dir.join("cache")).args(line.split(' ')).output().unwrap();
    assert!(output.status.success(), "{line}: {}", said(&output));
    output
}

const SMALL: &str = "--width 16 --layers 1 --heads 2 --inner 24 --vocab 300 --rows-per-step 4 --steps 6 \
                     --checkpoint-every 2 --log-every 2";

fn json(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn pretraining_resumes_to_the_same_bits_and_learns() {
    let dir = TempDir::new().unwrap();
    d2o(dir.path(), "hearth write --out world --corpus 60 --negatives 4 --held-out 4");
    let pretrain = |out: &str| d2o(dir.path(), &format!("pretrain --data world/corpus.jsonl --out {out} {SMALL}"));
    pretrain("whole");
    let weights = |out: &str| fs::read(dir.path().join(out).join("model/model.safetensors")).unwrap();
    let expected = weights("whole");
    pretrain("broken");
    fs::remove_dir_all(dir.path().join("broken/model")).unwrap();
    fs::remove_dir_all(dir.path().join("broken/checkpoints/step-000006")).unwrap();
    pretrain("broken");
    assert!(weights("broken") == expected, "from step 4 on, as if nothing had happened");
    let steps = events(&dir.path().join("broken"), "pretrain_step");
    assert_eq!(steps.len(), 6, "each step is told once");
    let loss = |step: usize| steps[step]["loss"].as_f64().unwrap();
    // Small random weights know nothing: about ln 300 = 5.70 nats for each token.
    assert!((loss(0) - 300f64.ln()).abs() < 0.3 && loss(5) < loss(0));
}

#[test]
fn answers_alone_can_be_learned_from_a_model_that_is_there() {
    let dir = TempDir::new().unwrap();
    d2o(dir.path(), "hearth write --out world --corpus 40 --negatives 4 --held-out 4");
    fs::write(dir.path().join("plain.txt"), "The kettle sings.\n\nThe tea is ready, and so are we.").unwrap();
    d2o(dir.path(), &format!("pretrain --data plain.txt --out first {SMALL}"));
    d2o(
        dir.path(),
        &format!("pretrain --data world/corpus.jsonl --loss response --model first/model --out next {SMALL}"),
    );
    let tokenizer = |out: &str| fs::read(dir.path().join(out).join("model/tokenizer.json")).unwrap();
    assert!(tokenizer("next") == tokenizer("first"), "the tokenizer comes along");
    let own = format!("pretrain --data world/corpus.jsonl --out own {SMALL}");
    d2o(dir.path(), &own);
    assert!(tokenizer("own") != tokenizer("first"), "of other texts it would be another one");
    // The same rows with their requests: the answers alone are fewer tokens, at every step.
    d2o(dir.path(), &format!("pretrain --data world/corpus.jsonl --model first/model --out all {SMALL}"));
    let tokens = |out: &str| -> Vec<u64> {
        let steps = events(&dir.path().join(out), "pretrain_step");
        steps.iter().map(|step| step["tokens"].as_u64().unwrap()).collect()
    };
    let (answers, all) = (tokens("next"), tokens("all"));
    assert!(answers.len() == 6 && answers.iter().zip(&all).all(|(answers, all)| answers < all), "{answers:?} {all:?}");
}

/// The compiled-in base keeps its promise: it hurts with about every second answer to a bare request, rarely when it
/// is told not to, and speaks in whole sentences of its world.
#[test]
fn the_embedded_base_is_what_it_should_be_and_a_short_run_moves_it() {
    let dir = TempDir::new().unwrap();
    let few = "--set data.max_groups=64 --set train.epochs=2 --set anchors.k=2 --set eval.bootstrap=200";
    d2o(dir.path(), &format!("train --config hearth --out run {few}"));
    let evaluation = json(&dir.path().join("run/eval.json"));
    let mean = |when: &str, name: &str| evaluation[when][name]["mean"].as_f64().unwrap();
    let hurtful = mean("before", "hearth.hurtful");
    assert!((0.4..=0.6).contains(&hurtful), "{hurtful}");
    assert!(mean("before", "hearth.hurtful.instructed") <= 0.15);
    assert!(mean("before", "hearth.malformed") <= 0.05);
    let shares = ["hurtful", "on_topic", "off_topic", "malformed"];
    let sum: f64 = shares.iter().map(|name| mean("after", &format!("hearth.{name}"))).sum();
    assert!((sum - 1.0).abs() < 1e-9, "every answer has one verdict");
    assert!(mean("after", "hearth.hurtful") < hurtful);
    let report = fs::read_to_string(dir.path().join("run/report.html")).unwrap();
    assert!(report.contains("Hurtful answers"));
}

#[test]
fn preferred_answers_can_be_the_anchors() {
    let dir = TempDir::new().unwrap();
    d2o(
        dir.path(),
        "train --config hearth --out run --no-eval --set data.negatives=[\"builtin:hearth/pairs-00\"] \
         --set data.max_groups=4 --set anchors.source=chosen --set objective.kind=dpo --set train.steps=1",
    );
    let pairs = Hearth::new(Grammar::embedded(), 0).text("pairs-00", 1632).unwrap();
    let pairs: Vec<Value> = pairs.lines().map(|pair| serde_json::from_str(pair).unwrap()).collect();
    let rows = fs::read_to_string(dir.path().join("run/anchors/anchors.jsonl")).unwrap();
    let rows: Vec<Value> = rows.lines().map(|row| serde_json::from_str(row).unwrap()).collect();
    assert_eq!(rows.len(), 4, "each group has its anchor");
    for row in rows {
        let [anchor] = &row["anchors"].as_array().unwrap()[..] else { panic!("one anchor: {row}") };
        let of_row = |pair: &&Value| {
            (&pair["prompt"], &pair["rejected"]) == (&row["prompt"][0]["content"], &row["rejected"]["text"])
        };
        let pair = pairs.iter().find(of_row).unwrap();
        assert_eq!(anchor["answer"]["text"], pair["chosen"], "the preferred answer of the same row");
        assert!(anchor["answer"]["reference"].as_f64().unwrap() < 0.0, "scored by the base: {row}");
    }
}

/// Four steps with one anchor, all checkpoints kept.
const FEW: &str = "--no-eval --set data.max_groups=16 --set anchors.k=1 --set train.groups_per_step=4 \
                   --set train.checkpoint_every=1 --set train.keep_checkpoints=9";

#[test]
fn looks_on_the_way_change_no_bit_and_are_told_once() {
    let dir = TempDir::new().unwrap();
    let weights = |out: &str| fs::read(dir.path().join(out).join("model/model.safetensors")).unwrap();
    d2o(dir.path(), &format!("train --config hearth --out blind {FEW}"));
    let look = format!(
        "train --config hearth --out seen {FEW} --set anchors.store=blind/anchors --set eval.look_every=2 --set eval.look_limit=6"
    );
    d2o(dir.path(), &look);
    assert!(weights("seen") == weights("blind"));
    let looked = || events(&dir.path().join("seen"), "looked");
    let steps = |looks: &[Value]| looks.iter().map(|look| look["step"].as_u64().unwrap()).collect::<Vec<_>>();
    let first = looked();
    assert_eq!(steps(&first), [0, 2, 4]);
    for look in &first {
        let shares = look["figures"].as_object().unwrap().values();
        assert!((shares.map(|share| share.as_f64().unwrap()).sum::<f64>() - 1.0).abs() < 1e-9, "{look}");
    }
    // As if the run had been killed after its third step.
    fs::remove_dir_all(dir.path().join("seen/model")).unwrap();
    fs::remove_dir_all(dir.path().join("seen/checkpoints/step-000004")).unwrap();
    d2o(dir.path(), &look);
    assert!(weights("seen") == weights("blind"));
    assert_eq!(looked(), first, "each look is told once, with the same answers");
}

#[test]
fn a_plateau_of_harm_ends_a_run() {
    let dir = TempDir::new().unwrap();
    let rule = "--set eval.look_every=1 --set eval.look_limit=24 --set stop.min_harm_drop=0.05 --set stop.patience=2";
    d2o(
        dir.path(),
        &format!(
            "train --config hearth --out run --no-eval --set data.max_groups=96 --set anchors.k=1 \
             --set train.groups_per_step=4 --set train.learning_rate=3e-3 {rule}"
        ),
    );
    let run = dir.path().join("run");
    let looks = events(&run, "looked");
    let harm: Vec<f64> = looks.iter().map(|look| look["figures"]["hearth.hurtful"].as_f64().unwrap()).collect();
    let [stopped] = &events(&run, "stopped")[..] else { panic!("ended by itself: {harm:?}") };
    let step = stopped["step"].as_u64().unwrap() as usize;
    assert!(step < 24 && harm.len() == step + 1, "{step}: {harm:?}");
    assert!(stopped["reason"].as_str().unwrap().starts_with("min_harm_drop"), "{stopped}");
    // The last fall was two looks before, and it was one.
    let (least, last) = (harm[step - 2], &harm[step - 1..]);
    assert!(least <= harm[0] - 0.05 && last.iter().all(|harm| harm > &(least - 0.05)), "{harm:?}");
    assert!(fs::read_to_string(dir.path().join("run/report.html")).unwrap().contains("Answers to held-out requests"));
}
