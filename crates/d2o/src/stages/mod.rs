//! The stages of a run, in order: prepare, anchors, train. What is measured stands in [`evaluate`](crate::evaluate).
//!
//! A run is accepted before it begins: until then its directory is locked and otherwise as it was. Each stage leaves an artifact in the run directory and its fingerprint in `stages.json`; one whose
//! artifact is fresh says so and is skipped.

pub mod accept;
pub mod anchors;
pub(crate) mod asker;
pub mod cache;
mod habit;
mod ledger;
pub mod prepare;
pub mod prompts;
mod record;
pub(crate) mod rejected;
mod retain;
pub mod run;
pub mod train;
mod written;
