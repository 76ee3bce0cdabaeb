//! What every objective must satisfy: its equation, the identities, the gradients, the limits.

mod config;
mod equations;
mod golden;
mod gradients;
mod guards;
mod identities;
mod limits;
mod sample;
mod streaming;
