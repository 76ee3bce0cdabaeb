#![doc = include_str!("../README.md")]

mod config;
mod diagnostics;
mod error;
mod gradient;
mod group;
mod guards;
mod link;
mod log_sigmoid;
mod loss;
mod pairwise;
mod streaming;
mod validate;

pub use config::ObjectiveConfig;
pub use diagnostics::Diagnostics;
pub use error::ObjectiveError;
pub use gradient::ScoreGradients;
pub use group::{Group, Scored};
pub use guards::Guards;
pub use log_sigmoid::{log_sigmoid, sigmoid};
pub use loss::Loss;
pub use streaming::{Coefficient, Streaming};
