//! The examples run.

#[path = "../examples/resolve.rs"]
mod resolve;

#[test]
fn resolve() {
    resolve::main().unwrap();
}
