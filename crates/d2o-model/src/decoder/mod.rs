//! The decoder: from token ids and their places to hidden states, logits and log-probabilities.

pub(crate) mod activation;
pub(crate) mod attention;
pub(crate) mod cache;
pub(crate) mod causal_lm;
pub(crate) mod context;
mod decoding;
pub(crate) mod feed_forward;
mod head;
pub(crate) mod keys_values;
pub(crate) mod layer;
pub(crate) mod linear;
pub(crate) mod norm;
pub(crate) mod placement;
mod precision;
mod prompt;
pub(crate) mod rotary;
mod sampling;
pub(crate) mod tracking;

pub use cache::KvCache;
pub use causal_lm::CausalLm;
pub use keys_values::KeysValues;
pub use placement::{PackedGroup, Placement};
pub use precision::Precision;
