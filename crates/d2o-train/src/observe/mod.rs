//! Those who watch a run: a file with one JSON object a line, and the terminal.

mod describe;
mod plain;
pub mod progress;

pub use d2o_record::jsonl::{self, JsonLines};
pub use progress::Progress;
