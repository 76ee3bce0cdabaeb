//! What tests count: templates rendered and texts tokenised on this thread.

use std::cell::{Cell, RefCell};

thread_local! {
    static RENDERED: Cell<usize> = const { Cell::new(0) };
    static TOKENIZED: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

pub fn rendered() {
    RENDERED.set(RENDERED.get() + 1);
}

pub fn tokenized(text: &str) {
    TOKENIZED.with_borrow_mut(|texts| texts.push(text.to_owned()));
}

/// What was counted since the last call: renderings, and the texts that were tokenised.
pub fn take() -> (usize, Vec<String>) {
    (RENDERED.take(), TOKENIZED.take())
}
