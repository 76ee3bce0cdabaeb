//! The stages of a run, in order: prepare, anchors, train. What is measured stands in [`evaluate`](crate::evaluate).
//!
//! Each stage leaves an artifact in the run directory and its fingerprint in `stages.json`; one whose
//! artifact is fresh says so and is skipped.

pub mod anchors;
pub mod cache;
mod ledger;
pub mod prepare;
pub mod prompts;
mod rejected;
mod retain;
pub mod run;
pub mod train;
mod written;
