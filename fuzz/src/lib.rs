//! Fuzz targets: one function for each reader that takes bytes from outside.
//!
//! A target may return whatever it likes and refuse whatever it likes; it must not panic, hang or fill memory.
//! `cargo xtask fuzz NAME` runs one under libFuzzer. The test `replay` runs every seed, and everything that ever made
//! a target fail, without it.

mod files;
pub mod targets;

pub use files::SEPARATOR;
pub use targets::tiny_model;

/// A target: its name, which is the folder of its seeds too, and the function.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: [Target; 15] = [
    ("rows", targets::rows),
    ("tables", targets::tables),
    ("packed", targets::packed),
    ("parquet", targets::parquet),
    ("prompts", targets::prompts),
    ("tokenizer", targets::tokenizer),
    ("template", targets::template),
    ("gguf", targets::gguf),
    ("config", targets::config),
    ("weights", targets::weights),
    ("adapter", targets::adapter),
    ("run_file", targets::run_file),
    ("events", targets::events),
    ("checkpoint", targets::checkpoint),
    ("anchors", targets::anchors),
];
