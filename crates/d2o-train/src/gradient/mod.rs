//! The exact gradient of the loss, streamed, so that memory does not grow with the number of anchors.

pub mod batch;
mod chunks;
pub mod group;
mod shared_prompt;
pub(crate) mod step;

pub use crate::guarded::GuardedObjective;
