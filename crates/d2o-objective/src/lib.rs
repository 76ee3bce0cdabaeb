#![doc = include_str!("../README.md")]

mod avoidance;
mod coefficient;
mod config;
mod curve;
mod defaults;
mod diagnostics;
mod divergence;
mod error;
mod gradient;
mod group;
mod guards;
mod kinds;
mod linear;
mod link;
mod log_sigmoid;
mod loss;
mod quantiles;
mod score_gradients;
mod streaming;
mod terms;
mod validate;

pub use avoidance::log_one_minus_exp;
pub use coefficient::{Coefficient, Streaming};
pub use config::ObjectiveConfig;
pub use diagnostics::Diagnostics;
pub use divergence::Divergence;
pub use error::ObjectiveError;
pub use group::{Group, Scored};
pub use guards::Guards;
pub use log_sigmoid::{log_sigmoid, sigmoid};
pub use loss::Loss;
pub use score_gradients::ScoreGradients;
