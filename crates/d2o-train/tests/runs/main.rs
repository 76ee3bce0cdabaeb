//! The command `d2o train` as a user runs it: on a tiny model, killed, interrupted, and misused.

mod bad_input;
mod hearth;
mod reproduce;
mod survival;
mod tiny;
