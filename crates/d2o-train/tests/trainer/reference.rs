//! Where the reference scores come from.

use d2o_train::TrainingGroup;

use crate::tiny::{self, model, tracked, weights};

/// The trained weights after three steps on `groups`, with the base as live reference or without.
fn trained(groups: &[TrainingGroup], live: bool) -> Vec<u8> {
    let base = model(5);
    let mut builder = tiny::builder(groups, 3, 1e-2);
    if live {
        builder = builder.live_reference(&base);
    }
    weights(&builder.build().unwrap().train(tracked(&base)).unwrap().model)
}

#[test]
fn a_live_reference_on_a_frozen_base_gives_the_bits_of_stored_scores() {
    let base = model(5);
    let stored = trained(&tiny::groups(&base), false);
    assert_ne!(stored, weights(&tracked(&base)), "the weights moved");
    // A live reference looks at no stored score: zeros do as well as the right ones.
    assert_eq!(trained(&tiny::unscored(), true), stored);
    // And the scores do decide something.
    assert_ne!(trained(&tiny::unscored(), false), stored);
}
