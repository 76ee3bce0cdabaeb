//! A run on the backend under test against the same run on the processor.

use crate::tiny::{World, said};
use d2o_testing::parity::{Parity, worst_absolute};

/// The drafts are those of one run, so that both train on the same answers.
#[test]
fn a_run_has_the_losses_that_it_has_on_the_processor() {
    let world = World::new();
    world.trained("first", &["--backend", "flex"]);
    world.write_run("again.toml", "kind = \"d2o\"\nbeta = 0.1\nalpha = 0.05", "steps = 24");
    let output = world.train_file("again.toml", "again", &[]).output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    let (expected, found) = (world.figures("first", "loss"), world.figures("again", "loss"));
    assert_eq!(found.len(), 24);
    // From ln 2 down: the run learns something on both.
    assert!(expected[23] < expected[0] - 0.01, "{expected:?}");
    let backend = std::env::var("D2O_TEST_BACKEND").unwrap_or_else(|_| "flex".to_owned());
    let parity = Parity::new("tiny run", &backend);
    parity.check("losses of 24 steps, against flex", 1e-3, worst_absolute(&found, &expected));
}
