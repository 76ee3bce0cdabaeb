//! Random numbers that belong to a request, not to a batch.

/// Uniform numbers in `[0, 1)`, each a function of a seed and a position.
///
/// `u_t = ⌊mix(k + (t + 1) γ) / 2¹¹⌋ · 2⁻⁵³` with the key `k = mix(seed + γ)`, where `mix` is the
/// finaliser and `γ` the increment of SplitMix64 (Steele, Lea and Flood, "Fast Splittable
/// Pseudorandom Number Generators", 2014). Nothing is carried from one number to the next, so rows
/// can be drawn in any order and in any company.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Uniforms {
    key: u64,
}

const GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

impl Uniforms {
    /// The sequence that belongs to `seed`.
    pub fn new(seed: u64) -> Self {
        Self { key: mix(seed.wrapping_add(GAMMA)) }
    }

    /// The number at `position`, counted from 0.
    pub fn at(&self, position: u64) -> f64 {
        let steps = position.wrapping_add(1).wrapping_mul(GAMMA);
        let bits = mix(self.key.wrapping_add(steps)) >> 11;
        bits as f64 / (1_u64 << 53) as f64
    }
}

/// A seed made of another seed and one more number; every bit of both matters.
pub(crate) fn derive(seed: u64, number: u64) -> u64 {
    mix(mix(seed.wrapping_add(GAMMA)) ^ number.wrapping_add(1).wrapping_mul(GAMMA))
}

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mixer_is_splitmix64() {
        // SplitMix64 started at 0 first adds γ and then mixes; its published first two outputs.
        assert_eq!(mix(GAMMA), 0xe220_a839_7b1d_cdaf);
        assert_eq!(mix(GAMMA.wrapping_mul(2)), 0x6e78_9e6a_a1b9_65f4);
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
