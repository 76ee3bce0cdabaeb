//! Curves and intervals as SVG, drawn here so that a report needs no library and no script.

mod bins;
mod coordinate;
mod lines;
mod range;
mod scale;

pub(crate) use bins::Bins;
pub(crate) use lines::reading;
pub use lines::{Chart, Series};
pub(crate) use range::Strip;
