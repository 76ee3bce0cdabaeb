//! What both passes read, and the rows that they compute together.

use std::ops::Range;

use crate::spans::Span;

/// Query rows whose scores are held at once.
const BLOCK: usize = 64;

/// The slices that one attention reads, token after token.
#[derive(Clone, Copy)]
pub(crate) struct Inputs<'a> {
    pub(crate) queries: &'a [f32],
    pub(crate) keys: &'a [f32],
    pub(crate) values: &'a [f32],
}

/// Rows of a span that are computed together: `rows` of the row of tokens, which see the prefix and
/// `own` of their span; the first of them sees `own` up to itself.
pub(super) struct Block {
    pub(super) rows: Range<usize>,
    pub(super) prefix: Range<usize>,
    pub(super) own: Range<usize>,
}

impl Block {
    /// The blocks of a span.
    pub(super) fn of(span: &Span) -> impl Iterator<Item = Self> + '_ {
        span.tokens.clone().step_by(BLOCK).map(|start| {
            let end = (start + BLOCK).min(span.tokens.end);
            Self { rows: start..end, prefix: span.prefix.clone(), own: span.tokens.start..end }
        })
    }

    /// Keys that the block's last row sees.
    pub(super) fn keys(&self) -> usize {
        self.prefix.len() + self.own.len()
    }

    /// Keys that row `index` of the block sees.
    pub(super) fn visible(&self, index: usize) -> usize {
        self.prefix.len() + self.rows.start + index + 1 - self.own.start
    }
}
