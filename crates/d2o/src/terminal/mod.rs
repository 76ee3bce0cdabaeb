//! A run on the terminal: one bar a stage, or plain lines where nobody sees a bar.

mod describe;
mod plain;
mod progress;

pub use progress::Progress;
