//! Those who watch a run: a file with one JSON object a line, and the terminal.

mod describe;
pub mod jsonl;
mod plain;
pub mod progress;

pub use jsonl::JsonLines;
pub use progress::Progress;

pub(crate) use describe::duration;
