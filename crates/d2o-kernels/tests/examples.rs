//! The example is run as it stands.

#[path = "../examples/gradients.rs"]
mod gradients;

#[test]
fn operations_agree_with_their_compositions() {
    gradients::main();
}
