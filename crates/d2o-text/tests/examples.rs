//! The examples run.

#[path = "../examples/frame.rs"]
mod frame;

#[test]
fn frame() {
    frame::main().unwrap();
}
