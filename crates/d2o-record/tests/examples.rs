//! The examples run.

#[path = "../examples/observe.rs"]
mod observe;

#[test]
fn observe() {
    observe::main().unwrap();
}
