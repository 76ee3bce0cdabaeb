//! Run it, watch it, survive it, prove it: the stages of a D²O run and the command `d2o`.
//!
//! The training loop stands in [`trainer::run`], the streamed gradient in [`trainer::step`]; the stages
//! around them in [`stages`], what they measure in [`evaluate`], what they say in [`events`] and
//! [`report`].

pub mod anchors;
pub mod answers;
pub mod base;
pub mod cached;
pub mod commands;
pub mod config;
pub mod device;
pub mod durable {
    //! Files that are either whole or absent, and digests.
    pub use d2o_record::digest::*;
    pub use d2o_record::durable::*;
}
pub mod error;
pub mod evaluate {
    //! Judges, refusal rules, intervals: `d2o-eval`.
    pub use d2o_eval::*;
}
pub mod events {
    //! Events and those who watch them: `d2o-record`.
    pub use d2o_record::{Event, ObserveError, Observer, Observers};
}
pub mod fetch;
pub mod figures {
    //! All figures of an evaluation: `d2o-eval`.
    pub use d2o_eval::figures::*;
}
pub mod measured;
pub mod meter {
    //! Time, processor time and memory of this process: `d2o-record`.
    pub use d2o_record::meter::*;
}
pub mod observe;
pub mod prepared;
pub mod pretrain;
pub mod report {
    //! The page about a run: `d2o-report`.
    pub use d2o_report::*;
}
pub mod reproduce;
pub mod stages;
pub mod trainer;
pub(crate) mod vocabulary;
