//! The examples run.

#[path = "../examples/own_loop.rs"]
mod own_loop;

#[test]
fn own_loop() {
    own_loop::main().unwrap();
}
