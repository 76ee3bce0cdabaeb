//! Pretraining: language modelling on plain texts or on answers, from random weights or from a model.

pub mod batch;
pub mod rows;
pub mod run;
pub mod start;
