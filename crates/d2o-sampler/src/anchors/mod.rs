//! Filling the anchor slots of every prompt.

mod check;
mod config;
mod draws;
mod filling;

pub use check::{DraftCheck, DraftVerdict, Fallback};
pub use config::AnchorConfig;
pub use draws::{AnchorDraft, AnchorDraws, AnchorSlot, DropCounts, anchor_seed};

use crate::config::ensure;
use crate::{Draft, NextLogits, SamplerError, generate};
use filling::Filling;

/// Draws an anchor for every slot.
///
/// All slots are drawn first, in batches of `batch` rows; those whose draft is rejected are drawn
/// again with another seed, together, at most `config.redraws` times. What a slot holds in the end
/// depends on its group's slots, the model and `seed`, not on `batch` or on other groups.
/// `accept` is the caller's own test: it sees all drafts of a round at once and says of each, in their
/// order, whether it suits; `config.check.unsuited` says what becomes of one that does not and has no
/// other fault. It is not asked where that is [`Fallback::Keep`].
/// `progress` receives the number of drafts drawn so far and of drafts planned so far; the second
/// grows with each round of redraws.
///
/// # Errors
/// As [`generate`], with the index into `slots` for the request; and [`SamplerError::Setting`] for
/// a `min_distinct` out of range.
///
/// # Panics
/// As [`generate`]; and if `accept` gives another number of answers than there are drafts.
pub fn draw_anchors<M: NextLogits + ?Sized>(
    model: &mut M,
    slots: &[AnchorSlot],
    config: &AnchorConfig,
    seed: u64,
    batch: usize,
    mut accept: impl FnMut(&[(&AnchorSlot, &Draft)]) -> Vec<bool>,
    mut progress: impl FnMut(usize, usize),
) -> Result<AnchorDraws, SamplerError<M::Error>> {
    check_share(config.check.min_distinct)?;
    let attempts = if config.sampler.is_greedy() { 1 } else { 1 + config.redraws };
    let mut filling = Filling::new(slots, config, seed);
    let mut drawn = 0;
    for attempt in 0..attempts {
        let pending = filling.pending();
        if pending.is_empty() {
            break;
        }
        let requests = filling.requests(&pending, attempt);
        let planned = drawn + pending.len();
        let report = |done, _| progress(drawn + done, planned);
        let drafts = generate(model, &requests, &config.sampler, batch, report)
            .map_err(|error| error.renumber(|request| pending[request]))?;
        drawn = planned;
        let suits = match config.check.unsuited {
            Fallback::Keep => vec![true; drafts.len()],
            _ => accept(&pending.iter().map(|&index| &slots[index]).zip(&drafts).collect::<Vec<_>>()),
        };
        assert_eq!(suits.len(), drafts.len(), "`accept` has to judge every draft");
        for ((&index, draft), suits) in pending.iter().zip(drafts).zip(suits) {
            filling.judge(index, draft, attempt, suits);
        }
    }
    Ok(filling.finish())
}

fn check_share<E>(min_distinct: f64) -> Result<(), SamplerError<E>> {
    let valid = (0.0..=1.0).contains(&min_distinct);
    ensure("min_distinct", min_distinct, valid, "a number from 0 to 1")
}
