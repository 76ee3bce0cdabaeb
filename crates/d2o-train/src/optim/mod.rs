//! From a gradient to new weights: its sum and norm, AdamW, the learning rate, and which groups a step sees.

pub mod adamw;
pub mod gradients;
pub mod order;
pub mod schedule;
