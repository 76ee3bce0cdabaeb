//! Random numbers that belong to a request, not to a batch.

use rand_xoshiro::SplitMix64;
use rand_xoshiro::rand_core::{Rng, SeedableRng};

/// Uniform numbers in `[0, 1)`, each a function of a seed and a position.
///
/// `u_t = ⌊next(k + t γ) / 2¹¹⌋ · 2⁻⁵³` with the key `k = next(seed)`, where `next(state)` is the first
/// output of [`SplitMix64`] from that state and `γ` the step of its state (Steele, Lea and Flood, "Fast
/// Splittable Pseudorandom Number Generators", 2014). Nothing is carried from one number to the next, so
/// rows can be drawn in any order and in any company.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Uniforms {
    key: u64,
}

/// By how much SplitMix64 moves its state at each output.
const GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

impl Uniforms {
    /// The sequence that belongs to `seed`.
    pub fn new(seed: u64) -> Self {
        Self { key: next(seed) }
    }

    /// The number at `position`, counted from 0.
    pub fn at(&self, position: u64) -> f64 {
        let bits = next(self.key.wrapping_add(position.wrapping_mul(GAMMA))) >> 11;
        bits as f64 / (1_u64 << 53) as f64
    }
}

/// A seed made of another seed and one more number; every bit of both matters.
pub(crate) fn derive(seed: u64, number: u64) -> u64 {
    let step = number.wrapping_add(1).wrapping_mul(GAMMA);
    next((next(seed) ^ step).wrapping_sub(GAMMA))
}

/// The first output of SplitMix64 from this state.
fn next(state: u64) -> u64 {
    SplitMix64::seed_from_u64(state).next_u64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generator_is_splitmix64() {
        // Its published first two outputs from the state 0; the state moves by γ between them.
        assert_eq!(next(0), 0xe220_a839_7b1d_cdaf);
        assert_eq!(next(GAMMA), 0x6e78_9e6a_a1b9_65f4);
    }

    #[test]
    fn numbers_and_derived_seeds_keep_their_bits() {
        // Worked out in Python from the finaliser of SplitMix64, with integers modulo 2⁶⁴: runs of earlier
        // versions are drawn again only if these stay.
        let cases = [
            (0, 0, 0x14_e0db_a5e9_a32f_u64),
            (0, 1, 0x16_7054_60be_8829),
            (17, 3, 0x12_5002_1f58_100a),
            (u64::MAX, u64::MAX, 0x8_8a03_1c60_b021),
        ];
        for (seed, position, bits) in cases {
            assert_eq!(Uniforms::new(seed).at(position), bits as f64 / (1_u64 << 53) as f64);
        }
        assert_eq!(derive(0, 0), 0x0397_ab29_7406_81d9);
        assert_eq!(derive(17, 2), 0x598c_2dfd_e006_2f41);
        assert_eq!(derive(u64::MAX, u64::MAX), 0x4450_18e3_0581_0b78);
    }

    #[test]
    fn numbers_spread_evenly_over_the_unit_interval() {
        // 64,000 numbers in 16 equal bins: 4,000 expected in each, standard deviation 61.
        let mut bins = [0_u32; 16];
        for seed in 0..64 {
            let uniforms = Uniforms::new(seed);
            for position in 0..1000 {
                let u = uniforms.at(position);
                assert!((0.0..1.0).contains(&u));
                bins[(u * 16.0) as usize] += 1;
            }
        }
        assert!(bins.iter().all(|&n| n.abs_diff(4000) < 350), "{bins:?}");
    }

    #[test]
    fn neighbouring_seeds_are_unrelated() {
        // The correlation of 4,000 pairs of independent uniforms has standard deviation 0.016.
        let pairs = (0..4000_u64).map(|s| (Uniforms::new(s).at(0), Uniforms::new(s + 1).at(0)));
        let covariance: f64 = pairs.map(|(a, b)| (a - 0.5) * (b - 0.5)).sum::<f64>() / 4000.0;
        assert!((covariance * 12.0).abs() < 0.08, "{covariance}");
    }

    #[test]
    fn derived_seeds_tell_their_parts_apart() {
        let seeds = [derive(derive(1, 2), 3), derive(derive(1, 3), 2), derive(derive(2, 1), 3)];
        assert!(seeds[0] != seeds[1] && seeds[0] != seeds[2] && seeds[1] != seeds[2]);
        assert_eq!(seeds[0], derive(derive(1, 2), 3));
    }
}
