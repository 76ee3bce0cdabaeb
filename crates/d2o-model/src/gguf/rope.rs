//! Stretched rotary frequencies: Llama 3 keeps a divisor for each frequency as a tensor, others one number.

use serde_json::{Value as Json, json};

use crate::config::{Rope, RopeScaling};

/// The tensor of divisors.
pub(super) const FACTORS: &str = "rope_freqs.weight";

/// What all published Llama 3.1, 3.2 and 3.3 models have beside their factor.
const LOW: f64 = 1.0;
const HIGH: f64 = 4.0;
const ORIGINAL: f64 = 8192.0;

/// The divisor of each frequency, for a scaling that is kept so.
pub(super) fn factors(rope: &Rope) -> Option<Vec<f32>> {
    let RopeScaling::Llama3 { .. } = rope.scaling else { return None };
    let plain = Rope { scaling: RopeScaling::None, ..rope.clone() }.frequencies();
    Some(plain.iter().zip(rope.frequencies()).map(|(plain, scaled)| (plain / scaled) as f32).collect())
}

/// The `rope_scaling` that gives these divisors: none for ones, or Llama 3's with the usual boundaries.
///
/// # Errors
/// A divisor that no such scaling explains.
pub(super) fn scaling(divisors: &[f32], theta: f64, dim: usize) -> Result<Json, f32> {
    let Some(&odd) = divisors.iter().find(|&&divisor| divisor != 1.0) else { return Ok(Json::Null) };
    let factor = f64::from(divisors.iter().fold(1f32, |largest, &divisor| largest.max(divisor)));
    let scaling = RopeScaling::Llama3 { factor, low: LOW, high: HIGH, original: ORIGINAL };
    let explained = factors(&Rope { theta, dim, scaling }).filter(|expected| expected.len() == divisors.len());
    let near = |(a, b): (&f32, &f32)| (a - b).abs() <= 1e-4 * b.abs();
    match explained {
        Some(expected) if divisors.iter().zip(&expected).all(near) => Ok(json!({
            "rope_type": "llama3",
            "factor": factor,
            "low_freq_factor": LOW,
            "high_freq_factor": HIGH,
            "original_max_position_embeddings": ORIGINAL as u64,
        })),
        _ => Err(odd),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn llama3(factor: f64) -> Rope {
        let scaling = RopeScaling::Llama3 { factor, low: LOW, high: HIGH, original: ORIGINAL };
        Rope { theta: 500_000.0, dim: 128, scaling }
    }

    #[test]
    fn llama_3_is_recognised_by_its_divisors() {
        for factor in [8.0, 32.0] {
            let divisors = factors(&llama3(factor)).unwrap();
            // Short waves stay, the longest are divided by the whole factor.
            assert_eq!((divisors[0], divisors[63]), (1.0, factor as f32));
            let read = scaling(&divisors, 500_000.0, 128).unwrap();
            assert_eq!((&read["rope_type"], read["factor"].as_f64()), (&json!("llama3"), Some(factor)));
        }
        assert_eq!(scaling(&[1.0; 64], 500_000.0, 128), Ok(Json::Null));
    }

    #[test]
    fn other_divisors_are_not_explained_away() {
        let mut divisors = factors(&llama3(8.0)).unwrap();
        divisors[63] *= 1.01;
        assert!(scaling(&divisors, 500_000.0, 128).is_err());
        assert_eq!(scaling(&[1.0, 4.0], 500_000.0, 4), Err(4.0));
        assert_eq!(scaling(&[1.0, 4.0], 500_000.0, 128), Err(4.0));
        let unscaled = Rope { scaling: RopeScaling::None, ..llama3(8.0) };
        assert_eq!(factors(&unscaled), None);
    }
}
