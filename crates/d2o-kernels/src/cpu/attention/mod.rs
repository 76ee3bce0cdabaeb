//! Attention over spans on slices: the scores of one head and block of rows are all that is ever held.

mod backward;
mod block;
mod forward;

pub(crate) use backward::{Results, backward};
pub(crate) use block::Inputs;
pub(crate) use forward::forward;
