//! The anchors: the model's own answers, drawn once, scored once and kept.

mod blocks;
mod draw;
mod instruction;
mod reference;
mod refresh;
mod settings;
mod store;

pub use blocks::check_partial;
pub use draw::Drawer;
pub use instruction::{Instruction, PROMPT};
pub use refresh::Refresh;
pub use settings::{AnchorSource, Declining, DrawSettings, ReferencePrompt};
pub use store::{AnchorStore, DraftCounts, Manifest, StoredAnchor, StoredGroup, StoredResponse};
