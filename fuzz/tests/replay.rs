//! Every seed, and everything that ever made a target fail, goes through its target again.

#![allow(clippy::print_stderr)]

use std::fs;
use std::path::Path;

use d2o_fuzz::TARGETS;

#[test]
fn seeds_and_past_failures_are_taken_or_refused() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (name, target) in TARGETS {
        let mut inputs = Vec::new();
        for folder in ["seeds", "failures"] {
            let dir = root.join(folder).join(name);
            if dir.exists() {
                inputs.extend(fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()));
            }
        }
        assert!(!inputs.is_empty(), "{name} has seeds");
        inputs.sort();
        for input in inputs {
            // Named before it runs: a failure is told with its input.
            eprintln!("{}", input.display());
            target(&fs::read(&input).unwrap());
        }
    }
}
