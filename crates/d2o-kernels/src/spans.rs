//! Which tokens see which: spans of tokens that share prefixes, and the heads that attend to them.

use std::ops::Range;
use std::sync::Arc;

/// Consecutive tokens that see each other causally, and all of a prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// The tokens.
    pub tokens: Range<usize>,
    /// Tokens of one other span, all of which they see; may be empty.
    pub prefix: Range<usize>,
}

/// Heads of an attention and what scores are multiplied by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Heads {
    /// Heads of queries.
    pub queries: usize,
    /// Heads of keys and values; `queries / kv` query heads share one.
    pub kv: usize,
    /// Width of a head.
    pub dim: usize,
    /// Multiplies `q · k`.
    pub scale: f32,
}

impl Heads {
    /// Query heads that share one head of keys and values.
    pub(crate) fn group(&self) -> usize {
        self.queries / self.kv
    }
}

/// Spans that cover all tokens in order. Tokens before the first span are seen and see nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spans(Arc<Vec<Span>>);

impl Spans {
    /// # Panics
    /// If the spans leave a token out behind the first one, overlap, or a prefix is not wholly before its span.
    pub fn new(spans: Vec<Span>) -> Self {
        let mut end = spans.first().map_or(0, |span| span.tokens.start);
        for span in &spans {
            assert_eq!(span.tokens.start, end, "spans follow each other");
            assert!(span.tokens.end >= end && span.prefix.end <= end, "a prefix lies before its span");
            end = span.tokens.end;
        }
        Self(Arc::new(spans))
    }

    /// The spans.
    pub fn list(&self) -> &[Span] {
        &self.0
    }

    /// Tokens in all.
    pub fn tokens(&self) -> usize {
        self.0.last().map_or(0, |span| span.tokens.end)
    }

    /// Whether token `query` sees token `key`.
    pub fn sees(&self, query: usize, key: usize) -> bool {
        let span = self.0.iter().find(|span| span.tokens.contains(&query));
        span.is_some_and(|span| span.prefix.contains(&key) || (span.tokens.start <= key && key <= query))
    }
}
