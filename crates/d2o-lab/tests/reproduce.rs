//! The reduced comparison: four methods, two seeds, a page; what is done is not done again.

use std::fs;
use std::process::{Command, Output};

use tempfile::TempDir;

/// What it said on stderr.
fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn reproduce(dir: &TempDir) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_d2o-lab"));
    command.current_dir(dir.path()).env("D2O_CACHE", dir.path().join("cache"));
    command.args(["--reduced", "--seeds", "2", "--out", "runs", "--page", "docs/page.md"]);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    output
}

#[test]
fn four_methods_and_two_seeds_make_a_page() {
    let dir = TempDir::new().unwrap();
    let first = said(&reproduce(&dir));
    assert!(first.contains("6/6 anchors of ") && first.contains("7/7 ") && !first.contains("log.txt"), "{first}");
    let page = fs::read_to_string(dir.path().join("docs/page.md")).unwrap();
    for cell in ["d2o", "gradient_ascent", "sft", "dpo-34"] {
        assert!(page.contains(&format!("| {cell} | 2 |")), "{cell}: {page}");
    }
    assert!(
        page.contains("| no collapse without positives |")
            && page.contains("| more anchors average noise | **not measured** |")
    );
    for figure in ["hurtful", "updates", "tokens"] {
        let svg = fs::read_to_string(dir.path().join(format!("docs/page/{figure}.svg"))).unwrap();
        assert!(svg.starts_with("<svg") && svg.contains("gradient_ascent"), "{figure}");
    }
    let seed = dir.path().join("runs/sft/seed-2");
    // Four steps: the base, the second and the last one.
    let events = fs::read_to_string(seed.join("events.jsonl")).unwrap();
    assert_eq!(events.matches("\"looked\"").count(), 3, "{events}");
    assert!(!seed.join("anchors").exists(), "the anchors are those of all cells of the seed");
    let again = said(&reproduce(&dir));
    assert_eq!(again, "", "every cell was there");
    assert_eq!(fs::read_to_string(dir.path().join("docs/page.md")).unwrap(), page);
}
