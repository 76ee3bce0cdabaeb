//! Seeded choices that are the same on every machine and in every version of every library.

use sha2::{Digest, Sha256};

/// A stream of draws: a function of its purpose, its seed and how many came before.
pub(super) struct Draw {
    purpose: &'static str,
    seed: u64,
    drawn: u64,
}

impl Draw {
    /// The stream of `purpose`; streams of other purposes or seeds are unrelated.
    pub(super) fn new(purpose: &'static str, seed: u64) -> Self {
        Self { purpose, seed, drawn: 0 }
    }

    /// Uniform in [0, 1).
    fn uniform(&mut self) -> f64 {
        self.drawn += 1;
        unit(hash(self.purpose, self.seed, &self.drawn.to_le_bytes()))
    }

    /// True with this probability.
    pub(super) fn chance(&mut self, probability: f64) -> bool {
        self.uniform() < probability
    }

    /// An index below `count`, all alike.
    ///
    /// # Panics
    /// If there is nothing to choose from.
    pub(super) fn below(&mut self, count: usize) -> usize {
        assert!(count > 0, "there is something to choose from");
        ((self.uniform() * count as f64) as usize).min(count - 1)
    }

    /// One of `items`, all alike.
    pub(super) fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }
}

/// 64 bits that depend on all three arguments; `purpose` keeps uses of one seed apart.
pub(super) fn hash(purpose: &str, seed: u64, bytes: &[u8]) -> u64 {
    let digest = Sha256::new().chain_update(purpose).chain_update(seed.to_le_bytes()).chain_update(bytes);
    let mut first = [0; 8];
    first.copy_from_slice(&digest.finalize()[..8]);
    u64::from_le_bytes(first)
}

/// A number in `[0, 1)` from the upper 53 bits.
pub(super) fn unit(bits: u64) -> f64 {
    (bits >> 11) as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_depends_on_purpose_and_seed() {
        let draws = |purpose, seed| {
            let mut draw = Draw::new(purpose, seed);
            (0..8).map(|_| draw.below(1000)).collect::<Vec<_>>()
        };
        assert_eq!(draws("a", 1), draws("a", 1));
        assert_ne!(draws("a", 1), draws("b", 1));
        assert_ne!(draws("a", 1), draws("a", 2));
    }

    #[test]
    fn chances_come_true_at_their_rate() {
        let mut draw = Draw::new("chance", 3);
        let hits = (0..4000).filter(|_| draw.chance(0.3)).count();
        // 1,200 expected, standard deviation 29.
        assert!(hits.abs_diff(1200) < 150, "{hits}");
        assert!((0..100).all(|_| draw.below(7) < 7));
    }
}
