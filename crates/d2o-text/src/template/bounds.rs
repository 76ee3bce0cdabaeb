//! What a template may use up: steps, memory, output, length.

use std::io::{self, Write};

use minijinja::{Error, State};

/// Steps of the engine, each about an operation or 64 bytes of data that are made or gone through. A conversation of a
/// thousand turns takes some ten thousand.
pub(super) const STEPS: u64 = 4_000_000;

/// Longest rendered conversation, bytes.
pub(super) const OUTPUT: usize = 16 << 20;

/// Longest template, bytes; published ones have some ten thousand.
pub(super) const SOURCE: usize = 1 << 20;

/// Pays for data before it is made.
pub(super) fn charge(state: &State, bytes: usize) -> Result<(), Error> {
    state.consume_fuel(bytes as u64 / 64)
}

/// A text that takes no more than [`OUTPUT`] bytes.
#[derive(Default)]
pub(super) struct Bounded {
    bytes: Vec<u8>,
}

impl Bounded {
    pub(super) fn into_text(self) -> String {
        String::from_utf8(self.bytes).unwrap_or_default()
    }
}

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + bytes.len() > OUTPUT {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
