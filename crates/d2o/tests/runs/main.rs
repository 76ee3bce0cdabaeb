//! The command `d2o train` as a user runs it: on a tiny model, killed, interrupted, and misused.

mod backends;
mod bad_input;
mod brought;
mod ends;
mod hearth;
mod interchange;
mod interruption;
mod lint;
mod objectives;
mod references;
mod refresh;
mod refusals;
mod survival;
mod tiny;
mod written;
