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
pub mod durable;
pub mod error;
pub mod evaluate;
pub mod events;
pub mod fetch;
pub mod figures;
pub mod measured;
pub mod meter;
pub mod observe;
pub mod prepared;
pub mod pretrain;
pub mod report;
pub mod reproduce;
pub mod stages;
pub mod trainer;
