//! Kernels on slices of the processor's memory: they know no tensor, and call nothing above them.

pub(crate) mod adamw;
pub(crate) mod attention;
pub(crate) mod bf16;
pub(crate) mod buffer;
pub(crate) mod gated;
pub(crate) mod head;
pub(crate) mod level;
pub(crate) mod math;
pub(crate) mod matrix;
pub(crate) mod norm;
pub(crate) mod rotary;
pub(crate) mod vectors;
