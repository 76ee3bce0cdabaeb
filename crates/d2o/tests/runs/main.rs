//! The command `d2o train` as a user runs it: on a tiny model, killed, interrupted, and misused.

mod backends;
mod bad_input;
mod brought;
mod ends;
mod exports;
mod faults;
mod habits;
mod hearth;
mod interchange;
mod interruption;
mod kills;
mod lint;
mod objectives;
mod one_at_a_time;
mod references;
mod refresh;
mod refusals;
mod survival;
mod tiny;
mod untouched;
mod whole_run;
mod written;
