//! The weights: Hugging Face's names and layout, reading them, drawing them, writing them.

pub(crate) mod build;
pub(crate) mod check;
mod head;
pub(crate) mod instead;
pub(crate) mod layout;
pub(crate) mod names;
pub(crate) mod numbers;
pub(crate) mod random;
pub(crate) mod safetensors_dir;
pub(crate) mod save;
pub(crate) mod wrappers;

pub use safetensors_dir::weight_files;
pub use save::{Dtype, save_hf};
