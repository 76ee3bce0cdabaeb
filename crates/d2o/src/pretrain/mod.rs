//! Where pretraining takes its rows and its model from.

pub mod rows;
pub mod start;
