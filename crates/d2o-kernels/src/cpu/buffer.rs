//! One output shared by threads that write different places of it.
#![allow(unsafe_code)]

use std::marker::PhantomData;

/// A matrix of which threads write different parts at the same time.
#[derive(Clone, Copy)]
pub(crate) struct SharedOutput<'a, T = f32> {
    start: *mut T,
    len: usize,
    buffer: PhantomData<&'a mut [T]>,
}

// SAFETY: the pointer is only used through `part`, whose callers promise that parts in use at the same
// time do not overlap; the elements may move between threads.
unsafe impl<T: Send> Send for SharedOutput<'_, T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for SharedOutput<'_, T> {}

impl<'a, T> SharedOutput<'a, T> {
    /// Shares `buffer` for as long as it is borrowed.
    pub(crate) fn new(buffer: &'a mut [T]) -> Self {
        Self { start: buffer.as_mut_ptr(), len: buffer.len(), buffer: PhantomData }
    }

    /// `len` values from `at` on.
    ///
    /// # Safety
    /// No other part in use overlaps this one.
    ///
    /// # Panics
    /// If the part reaches beyond the buffer.
    #[allow(clippy::mut_from_ref)]
    pub(crate) unsafe fn part(&self, at: usize, len: usize) -> &mut [T] {
        assert!(at <= self.len && len <= self.len - at, "a part lies inside the buffer");
        // SAFETY: inside the buffer by the assertion, exclusively ours by the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(at), len) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_one_buffer_are_written_from_several_threads() {
        let mut buffer = vec![0.0; 1000];
        let shared = SharedOutput::new(&mut buffer);
        std::thread::scope(|scope| {
            for thread in 0..4 {
                scope.spawn(move || {
                    // SAFETY: the parts are 250 values each, one after the other.
                    let part = unsafe { shared.part(thread * 250, 250) };
                    part.fill(thread as f32);
                });
            }
        });
        assert!(buffer.iter().enumerate().all(|(index, &value)| value == (index / 250) as f32));
    }

    #[test]
    #[should_panic(expected = "inside the buffer")]
    fn a_part_beyond_the_end_is_refused() {
        let mut buffer = vec![0.0; 10];
        let shared = SharedOutput::new(&mut buffer);
        // SAFETY: no other part is in use.
        let _ = unsafe { shared.part(8, 3) };
    }
}
