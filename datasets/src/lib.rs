#![doc = include_str!("../README.md")]

pub mod hearth;
mod manifest;
mod prompt_sets;

pub use manifest::FETCH_MANIFEST;
pub use prompt_sets::{BENIGN, PROMPT_SETS, RETAIN, RETAIN_EVERYDAY, RETAIN_SOUNDING, SOUNDING_HARMFUL, prompt_set};
