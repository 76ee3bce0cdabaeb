//! Whole steps against torch in float64: gradients through the packed, streamed layout, three AdamW steps
//! of the real loop, learning-rate schedules. `tests/fixtures/golden/README.md` says what is in the files.

mod file;
mod schedules;
mod steps;

pub(crate) const FAMILIES: &[&str] = &["llama", "gpt2"];
