//! The training step and the loop around it.

pub mod adamw;
pub mod checkpoint;
pub mod coupled;
pub mod gradients;
pub mod group;
pub mod guarded;
pub mod order;
pub mod pack;
mod prompt;
pub mod readings;
pub mod retain;
pub mod run;
pub mod schedule;
pub mod step;
pub mod stop;
pub mod trunk;
pub mod watch;
