//! A run on the terminal: one bar a stage, or plain lines where nobody sees a bar.

mod describe;
mod plain;
mod progress;
mod understood;

pub use progress::Progress;
pub use understood::{Understood, tell_reading};
