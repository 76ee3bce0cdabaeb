//! Whole steps against torch in float64: gradients through the packed, streamed layout, three AdamW steps
//! of the real loop, learning-rate schedules. `tests/fixtures/golden/README.md` says what is in the files.

mod file;
#[path = "../../../../xtask/testing/parity.rs"]
#[allow(dead_code, reason = "each test program uses its own part")]
mod parity;
mod schedules;
mod steps;

pub(crate) const FAMILIES: &[&str] = &["llama", "gpt2"];
