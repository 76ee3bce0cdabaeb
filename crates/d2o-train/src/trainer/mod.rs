//! The training step and the loop around it.

pub mod adamw;
pub mod anchor_kl;
pub mod checkpoint;
pub mod coupled;
pub mod divergence;
pub mod gradients;
pub mod group;
pub mod guarded;
pub mod looks;
pub mod order;
pub mod pack;
mod prompt;
pub mod readings;
pub mod refresh;
pub mod retain;
pub mod run;
pub mod schedule;
mod state;
pub mod step;
pub mod stop;
pub mod trunk;
pub mod watch;
