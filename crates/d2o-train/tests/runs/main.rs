//! The command `d2o train` as a user runs it: on a tiny model, killed, interrupted, and misused.

mod backends;
mod bad_input;
mod hearth;
mod interchange;
mod objectives;
#[path = "../../../../xtask/testing/parity.rs"]
#[allow(dead_code, reason = "each test program uses its own part")]
mod parity;
mod references;
mod refresh;
mod refusals;
mod reproduce;
mod survival;
mod tiny;
mod written;
