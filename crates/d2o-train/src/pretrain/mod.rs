//! Pretraining: language modelling on encoded rows, from random weights or from a model.

mod batch;
mod run;

pub use batch::PretrainRow;
pub use run::Pretraining;
