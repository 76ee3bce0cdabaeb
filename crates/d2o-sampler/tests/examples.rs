//! The example is run as it stands.

#[path = "../examples/closure.rs"]
mod closure;

#[test]
fn a_closure_is_sampled() {
    closure::main();
}
