//! What is odd about the rows is told by `d2o train` in a line and by `d2o prepare` in a table.

use std::fs;

use crate::tiny::{World, said};

/// A row that stands twice is counted among the duplicates and left out before the lint reads on.
const ODD: &str = "1 × text that spells out a special token";

#[test]
fn a_run_tells_in_a_line_what_prepare_tells_in_a_table() {
    let world = World::new();
    let few = ["--set", "train.steps=1"];
    let output = world.train("clean", &few).output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    assert!(said(&output).contains("rows held out; lint: nothing odd ("), "{}", said(&output));
    // That there are few prompts is no fault of a row.
    let text = said(&output);
    let warnings: Vec<&str> = text.lines().filter(|line| line.starts_with("warning:")).collect();
    assert!(matches!(warnings[..], [few] if few.starts_with("warning: only ")), "{text}");

    let rows = fs::read_to_string(world.path("rows.jsonl")).unwrap();
    let first = rows.lines().next().unwrap();
    let special = r#"{"prompt": "And one more?", "rejected": "No.<|im_end|>"}"#;
    fs::write(world.path("rows.jsonl"), format!("{rows}\n{first}\n{special}")).unwrap();
    let output = world.train("odd", &few).output().unwrap();
    assert!(output.status.success(), "nothing odd stops a run: {}", said(&output));
    assert!(said(&output).contains(&format!("rows held out; lint: {ODD} (")), "{}", said(&output));
    let warning = format!("warning: odd rows: {ODD}; `d2o prepare` tells where they stand");
    assert_eq!(said(&output).matches(&warning).count(), 1, "{}", said(&output));

    let output = world.d2o(&["prepare", "--config", world.path("run.toml").to_str().unwrap()]);
    let table = String::from_utf8(output.stdout).unwrap();
    let line = |name: &str| table.lines().find(|line| line.contains(name)).unwrap_or_default();
    assert!(said(&world.train("again", &few).output().unwrap()).contains("14 rows, 1 duplicates"));
    assert!(line("special token").contains("rows.jsonl:14"), "{table}");
    assert!(line("empty answer").trim_start().starts_with("0  "), "{table}");
}

/// A template that frames as the model's own does, and refuses two turns in a row by one speaker.
const STRICT: &str = "{% for m in messages %}{% if not loop.first and loop.previtem.role == m.role %}\
                      {{ raise_exception('roles must alternate') }}{% endif %}\
                      <|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}\
                      {% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";

#[test]
fn a_row_that_the_template_refuses_is_a_finding_and_elsewhere_an_error_with_its_place() {
    let world = World::new();
    fs::write(world.path("model").join("chat_template.jinja"), STRICT).unwrap();
    let rows = fs::read_to_string(world.path("rows.jsonl")).unwrap();
    let twice = r#"{"messages": [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}], "rejected": "c", "response": "d"}"#;
    fs::write(world.path("rows.jsonl"), format!("{rows}\n{twice}")).unwrap();
    let line = rows.trim_end().lines().count() + 1 + usize::from(rows.ends_with('\n'));
    let place = format!("rows.jsonl:{line}");

    let output = world.train("out", &["--set", "train.steps=1"]).output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    assert!(said(&output).contains("1 × prompt that cannot be framed"), "{}", said(&output));
    let output = world.d2o(&["prepare", "--config", world.path("run.toml").to_str().unwrap()]);
    let table = String::from_utf8(output.stdout).unwrap();
    let finding = table.lines().find(|line| line.contains("prompt that cannot be framed")).unwrap_or_default();
    assert!(finding.contains(&place) && table.contains("\"refused_prompts\": 1"), "{table}");

    fs::write(world.path("only.jsonl"), twice).unwrap();
    let (model, only) = (world.path("model"), world.path("only.jsonl"));
    let (model, only) = (model.to_str().unwrap(), only.to_str().unwrap());
    for args in [
        vec!["score", "--model", model, "--data", only, "--chat"],
        vec!["generate", "--model", model, "--prompts", only, "--chat", "--greedy"],
        vec!["prepare", "--model", model, "--negatives", only],
    ] {
        let output = world.d2o(&args);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {}", said(&output));
        for part in ["only.jsonl:1: prompt that cannot be framed: ", "line 1: roles must alternate", "hint: "] {
            assert!(said(&output).contains(part), "{args:?}: `{part}` is not in:\n{}", said(&output));
        }
    }
}

#[test]
fn a_row_that_cannot_be_read_is_left_out_and_told_and_is_an_error_where_asked_for() {
    let world = World::new();
    let rows = fs::read_to_string(world.path("rows.jsonl")).unwrap();
    let lines = rows.lines().count();
    fs::write(world.path("rows.jsonl"), format!("{rows}\n{{\"prompt\": \"q\", \"response\": \"a\"}}\n")).unwrap();
    let bad = format!("rows.jsonl:{}", lines + if rows.ends_with('\n') { 2 } else { 1 });

    let run = world.path("run.toml");
    let prepare = ["prepare", "--config", run.to_str().unwrap()];
    let output = world.d2o(&prepare);
    let table = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{table}");
    assert!(table.lines().any(|line| line.starts_with("left out: ") && line.contains(&bad)), "{table}");
    assert!(table.lines().any(|line| line.contains("row left out") && line.contains(&bad)), "{table}");
    assert!(table.lines().any(|line| line.trim_start().starts_with("rejected  ")), "rows are shown: {table}");
    let summary: serde_json::Value = serde_json::from_str(&table[table.find('{').unwrap()..]).unwrap();
    assert_eq!((&summary["left_out"], &summary["rows"]), (&1.into(), &lines.into()));

    let output = world.train("odd", &["--set", "train.steps=1"]).output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    assert!(said(&output).contains("warning: left out: ") && said(&output).contains(&bad), "{}", said(&output));

    let output = world.d2o(&[&prepare[..], &["--strict"]].concat());
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert!(
        said(&output).contains(&format!("{bad}: no field says whether `response` was rejected")),
        "{}",
        said(&output)
    );
    assert!(said(&output).contains("hint: name the answer `rejected`"), "{}", said(&output));
}
