//! Sizes of the attention that a cache serves, and what its rows bring.

/// New tokens of one row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fresh {
    /// The row's slot in the cache.
    pub slot: usize,
    /// How many tokens are new.
    pub tokens: usize,
}

/// Sizes of the attention that a cache serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheShape {
    /// Decoder layers.
    pub layers: usize,
    /// Heads of keys and values.
    pub kv_heads: usize,
    /// Width of a head.
    pub dim: usize,
}

/// How scores come about.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scoring {
    /// Multiplies `q · k`.
    pub scale: f64,
    /// Scores are bent to `cap · tanh(score / cap)`.
    pub cap: Option<f64>,
    /// A token sees this many last tokens, itself included; absent: all.
    pub window: Option<usize>,
}
