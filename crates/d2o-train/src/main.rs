//! The command `d2o`.
fn main() {}
