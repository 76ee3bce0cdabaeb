#![doc = include_str!("../README.md")]

pub mod activation_cache;
pub mod builder;
pub mod checkpoint;
pub mod error;
pub mod gradient;
pub mod group;
mod guarded;
pub mod monitor;
pub mod optim;
pub mod penalty;
pub mod pretrain;
pub mod readings;
pub mod redraw;
pub mod run;
mod state;
pub mod stop;
pub mod trainer;

pub use builder::TrainerBuilder;
pub use d2o_model::responses::Chunking;
pub use error::TrainError;
pub use group::{Example, Response, TrainingGroup};
pub use run::Trained;
pub use stop::StopRules;
pub use trainer::{Checkpoints, Trainer};
