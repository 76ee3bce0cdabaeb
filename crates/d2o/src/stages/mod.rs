//! The stages of a run, in order: prepare, anchors, train, eval, report.
//!
//! Each stage leaves an artifact in the run directory and its fingerprint in `stages.json`; one whose
//! artifact is fresh says so and is skipped.

pub mod anchors;
pub mod base_cache;
pub mod evaluate;
pub mod hearth;
pub mod ledger;
pub mod look;
pub mod rejected;
pub mod retain;
pub mod run;
pub mod train;
pub mod written;
