//! What holds the policy to the base beside the loss: on ordinary prompts, and at the anchors.

mod anchor_kl;
mod retain;

pub use anchor_kl::AnchorKl;
pub use retain::{OPENING, Retain};
