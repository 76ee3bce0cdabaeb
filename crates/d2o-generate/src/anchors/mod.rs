//! The anchors: the model's own answers, drawn once, scored once and kept.

pub mod draw;
pub mod instruction;
pub mod reference;
pub mod store;
