#![doc = include_str!("../README.md")]

mod anchors;
mod answers;
mod change;
pub mod chart;
mod curves;
mod error;
pub mod escape;
mod evaluation;
#[cfg(test)]
mod fixture;
mod metric;
pub mod number;
mod page;
mod record;
mod run;
mod summary;
mod table;
mod tiles;
mod write;

pub use error::ReportError;
pub use table::table;
pub use write::{FILE_NAME, write};

#[cfg(test)]
mod tests;
