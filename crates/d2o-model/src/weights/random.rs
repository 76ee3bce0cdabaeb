//! Random numbers that depend on a seed and a name alone, not on the order of anything.

use rand_xoshiro::SplitMix64;
use rand_xoshiro::rand_core::{Rng, SeedableRng};

use super::names;

/// Numbers of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
pub(crate) struct Random(SplitMix64);

impl Random {
    /// The numbers that belong to the tensor `name`.
    pub(crate) fn of(seed: u64, name: &str) -> Self {
        // Neighbouring seeds are spread before the name comes in.
        let spread = SplitMix64::seed_from_u64(seed).next_u64();
        Self(SplitMix64::seed_from_u64(spread ^ names::param_id(name).val()))
    }

    /// Uniform in [0, 1).
    pub(crate) fn uniform(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// `count` numbers uniform in ±`bound`.
    pub(crate) fn uniforms(mut self, count: usize, bound: f64) -> Vec<f32> {
        (0..count).map(|_| ((self.uniform() * 2.0 - 1.0) * bound) as f32).collect()
    }

    /// `count` normal numbers of mean zero (Box and Muller, 1958).
    pub(crate) fn normals(mut self, count: usize, deviation: f64) -> Vec<f32> {
        (0..count)
            .map(|_| {
                // 1 − u lies in (0, 1], so the logarithm is finite.
                let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
                let angle = std::f64::consts::TAU * self.uniform();
                (radius * angle.cos() * deviation) as f32
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{Random, names};

    #[test]
    fn normals_have_the_asked_moments() {
        let values = Random::of(7, "a").normals(40_000, 2.0);
        let mean = values.iter().map(|&v| f64::from(v)).sum::<f64>() / 40_000.0;
        let second = values.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>() / 40_000.0;
        // Standard errors: 2/√n = 0.01 for the mean, 4·√(2/n) = 0.028 for the second moment.
        assert!(mean.abs() < 0.05, "mean {mean}");
        assert!((second - 4.0).abs() < 0.15, "second moment {second}");
    }

    #[test]
    fn uniforms_stay_within_the_bound_and_fill_it() {
        let values = Random::of(7, "a").uniforms(10_000, 0.5);
        let (low, high) = values.iter().fold((0f32, 0f32), |(l, h), &v| (l.min(v), h.max(v)));
        assert!((-0.5..-0.49).contains(&low) && (0.49..0.5).contains(&high), "{low} {high}");
    }

    /// The generator that the crate had before, by its definition: weights that it gave are given again.
    #[test]
    fn numbers_are_those_of_the_definition() {
        let next = |state: &mut u64| {
            *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = *state;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^ (z >> 31)
        };
        for (seed, name) in [(0, ""), (7, "model.norm.weight"), (u64::MAX, "lm_head.weight")] {
            let mut seeded = seed;
            let mut state = next(&mut seeded) ^ names::param_id(name).val();
            let expected: Vec<f32> = (0..8)
                .map(|_| {
                    let uniform = (next(&mut state) >> 11) as f64 / (1u64 << 53) as f64;
                    ((uniform * 2.0 - 1.0) * 3.0) as f32
                })
                .collect();
            assert_eq!(Random::of(seed, name).uniforms(8, 3.0), expected);
        }
    }

    #[test]
    fn another_seed_or_name_gives_other_numbers() {
        let draw = |seed, name| Random::of(seed, name).uniforms(4, 1.0);
        assert_eq!(draw(1, "a"), draw(1, "a"));
        assert_ne!(draw(1, "a"), draw(2, "a"));
        assert_ne!(draw(1, "a"), draw(1, "b"));
    }
}
