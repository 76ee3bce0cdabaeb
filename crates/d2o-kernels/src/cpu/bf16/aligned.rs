//! Words that begin where a cache line begins: a vector of 16 is one line, not parts of two.
#![allow(unsafe_code)]

use std::ops::{Deref, DerefMut};

#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([u32; 16]);

/// A buffer of words, aligned to 64 bytes.
#[derive(Clone)]
pub(super) struct Words {
    lines: Vec<Line>,
    len: usize,
}

impl Words {
    /// `len` zeros.
    pub(super) fn zeros(len: usize) -> Self {
        Self { lines: vec![Line([0; 16]); len.div_ceil(16)], len }
    }
}

impl Deref for Words {
    type Target = [u32];

    fn deref(&self) -> &[u32] {
        // SAFETY: lines are arrays of 16 words without padding, one after the other, and hold at least `len` words.
        unsafe { std::slice::from_raw_parts(self.lines.as_ptr().cast(), self.len) }
    }
}

impl DerefMut for Words {
    fn deref_mut(&mut self) -> &mut [u32] {
        // SAFETY: as above, and `&mut` makes the view the only one.
        unsafe { std::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), self.len) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_begin_on_a_line_and_are_as_many_as_asked_for() {
        for len in [0, 1, 16, 1000] {
            let mut words = Words::zeros(len);
            assert_eq!((words.len(), words.as_ptr().align_offset(64)), (len, 0));
            words.iter_mut().for_each(|word| *word = 7);
            assert_eq!(words.iter().sum::<u32>(), 7 * len as u32);
        }
    }
}
