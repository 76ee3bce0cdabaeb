//! Writing a model so that other tools load it.

pub(crate) mod encode;
pub(crate) mod file;
mod hf;
pub(crate) mod tensors;

pub use encode::Dtype;
pub use hf::save_hf;
