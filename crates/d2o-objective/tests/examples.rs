//! The example is run as it stands; it asserts that the rejected answers fall and the anchors hold.

#[path = "../examples/own_model.rs"]
mod own_model;

#[test]
fn rejected_answers_fall_and_anchors_hold() {
    own_model::main();
}
