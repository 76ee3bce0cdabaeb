//! Responses of one prompt, packed: the prompt once, then several responses that see only it and themselves; their
//! scores, and how far two models differ on them.

mod divergence;
mod packed;
mod prompt_cache;
mod score;

pub use divergence::{divergence, weighted_divergence};
pub use packed::{Continuation, Packed, chunk_ranges, group_ranges};
pub use prompt_cache::{PromptCache, entering};
pub use score::{Chunking, score, score_pairs, token_batches};
