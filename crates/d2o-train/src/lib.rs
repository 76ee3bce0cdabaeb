//! d2o-train

pub mod evaluate;
pub mod events;
pub mod observe;
pub mod report;
