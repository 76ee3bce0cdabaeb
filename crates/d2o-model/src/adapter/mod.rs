//! What trains: all weights, the last layers, or low-rank adapters, which are read and written in PEFT's layout.

mod config;
mod expressions;
mod files;
mod load;
mod lora;
mod save;
mod sketch;
mod stack;
mod targets;
mod trainable;
mod trained;

pub use load::{LoadedAdapter, has_adapter, is_adapter, load_adapter, named_base};
pub use save::save_peft;
pub use trainable::Trainable;
