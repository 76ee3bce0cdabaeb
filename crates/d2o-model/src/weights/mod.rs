//! The weights: Hugging Face's names and layout, reading them, drawing them, writing them.

pub(crate) mod build;
pub(crate) mod layout;
pub(crate) mod names;
pub(crate) mod numbers;
pub(crate) mod random;
pub(crate) mod safetensors_dir;
pub(crate) mod save;

pub use safetensors_dir::weight_files;
pub use save::{Dtype, save_hf};
