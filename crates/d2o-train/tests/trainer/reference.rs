//! Where the reference scores come from.

use d2o_train::TrainingGroup;

use crate::tiny;

/// The trained weights after three steps on `groups`, with the base as live reference or without.
fn trained(groups: &[TrainingGroup], live: bool) -> Vec<u8> {
    let base = tiny::base();
    let mut builder = tiny::builder(groups).steps(3);
    if live {
        builder = builder.live_reference(&base);
    }
    let trained = builder.build().unwrap().train(tiny::policy(&base)).unwrap();
    trained.model.trainable_bytes().unwrap()
}

#[test]
fn a_live_reference_on_a_frozen_base_gives_the_bits_of_stored_scores() {
    let base = tiny::base();
    let stored = trained(&tiny::groups(&base), false);
    assert_ne!(stored, tiny::policy(&base).trainable_bytes().unwrap(), "the weights moved");
    // A live reference looks at no stored score: zeros do as well as the right ones.
    assert_eq!(trained(&tiny::unscored(), true), stored);
    // And the scores do decide something.
    assert_ne!(trained(&tiny::unscored(), false), stored);
}
