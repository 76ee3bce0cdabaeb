//! Arithmetic on slices that every kernel shares.

use crate::cpu::level::madd;

/// Independent partial sums, so that a sum vectorises and its order is fixed.
pub(crate) const LANES: usize = 16;

/// `exp(x)` without branches, relative error below 2e-7; 0 below −87.3, infinite above 88.37, NaN kept.
///
/// `x = n ln 2 + r`, `exp(r)` by a polynomial of degree 7 (coefficients of Cephes' `expf`), `2ⁿ` by
/// building the exponent's bits.
#[inline(always)]
pub(crate) fn exp<const FMA: bool>(x: f32) -> f32 {
    // Adding 1.5 · 2²³ leaves the rounded integer in the mantissa's low bits.
    const ROUND: f32 = 12_582_912.0;
    const COEFFICIENTS: [f32; 6] = [1.987_569_1e-4, 1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 0.166_666_66, 0.5];
    let clamped = x.clamp(-87.3, 88.37);
    let shifted = madd::<FMA>(clamped, std::f32::consts::LOG2_E, ROUND);
    let n = shifted - ROUND;
    // ln 2 in two parts, so that the remainder keeps its low bits.
    let r = madd::<FMA>(n, 2.121_944_4e-4, madd::<FMA>(n, -0.693_359_4, clamped));
    let mut p = COEFFICIENTS[0];
    for &coefficient in &COEFFICIENTS[1..] {
        p = madd::<FMA>(p, r, coefficient);
    }
    let y = madd::<FMA>(p, r * r, r) + 1.0;
    let y = y * f32::from_bits((shifted.to_bits() << 23).wrapping_add(0x3f80_0000));
    let y = if x < -87.3 { 0.0 } else { y };
    let y = if x > 88.37 { f32::INFINITY } else { y };
    if x.is_nan() { x } else { y }
}

/// `f` folded over pairs, in 16 lanes that are summed at the end.
#[inline(always)]
pub(crate) fn fold2(x: &[f32], y: &[f32], f: impl Fn(f32, f32, f32) -> f32) -> f32 {
    let mut lanes = [0f32; LANES];
    let (xs, ys) = (x.chunks_exact(LANES), y.chunks_exact(LANES));
    let tail = xs.remainder().iter().zip(ys.remainder()).fold(0.0, |sum, (&x, &y)| f(sum, x, y));
    for (x, y) in xs.zip(ys) {
        for ((lane, &x), &y) in lanes.iter_mut().zip(x).zip(y) {
            *lane = f(*lane, x, y);
        }
    }
    total(lanes) + tail
}

/// `Σ x y`.
#[inline(always)]
pub(crate) fn dot<const FMA: bool>(x: &[f32], y: &[f32]) -> f32 {
    fold2(x, y, |sum, x, y| madd::<FMA>(x, y, sum))
}

/// `Σ x`.
#[inline(always)]
pub(crate) fn sum(x: &[f32]) -> f32 {
    fold2(x, x, |sum, x, _| sum + x)
}

/// The largest value; −∞ of nothing.
#[inline(always)]
pub(crate) fn max(x: &[f32]) -> f32 {
    let mut lanes = [f32::NEG_INFINITY; LANES];
    let chunks = x.chunks_exact(LANES);
    let tail = chunks.remainder().iter().fold(f32::NEG_INFINITY, |max, &x| if x > max { x } else { max });
    for chunk in chunks {
        for (lane, &x) in lanes.iter_mut().zip(chunk) {
            *lane = if x > *lane { x } else { *lane };
        }
    }
    lanes.iter().fold(tail, |max, &x| if x > max { x } else { max })
}

/// A tree, so that the additions do not wait for each other.
#[inline(always)]
fn total(mut lanes: [f32; LANES]) -> f32 {
    let mut half = LANES / 2;
    while half > 0 {
        for lane in 0..half {
            lanes[lane] += lanes[lane + half];
        }
        half /= 2;
    }
    lanes[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_is_right_to_two_units_in_the_last_place() {
        let mut worst = 0f64;
        for step in 0..40_000 {
            let x = -87.0 + step as f32 * 175.0 / 40_000.0;
            let exact = f64::from(x).exp();
            worst = worst.max(((f64::from(exp::<false>(x)) - exact) / exact).abs());
        }
        assert!(worst < 2.5e-7, "{worst}");
    }

    #[test]
    fn exp_keeps_its_ends() {
        assert_eq!(exp::<false>(0.0), 1.0);
        assert_eq!(exp::<false>(f32::NEG_INFINITY), 0.0);
        assert_eq!(exp::<false>(-1e9), 0.0);
        assert_eq!(exp::<false>(100.0), f32::INFINITY);
        assert!(exp::<false>(f32::NAN).is_nan());
    }

    #[test]
    fn sums_reach_the_tail() {
        // 1 + 2 + … + 37 = 703, with 37 = 2 · 16 + 5.
        let x: Vec<f32> = (1..=37).map(|i| i as f32).collect();
        assert_eq!(sum(&x), 703.0);
        assert_eq!(max(&x), 37.0);
        assert_eq!(dot::<false>(&x, &[1.0; 37]), 703.0);
        assert_eq!(max(&[]), f32::NEG_INFINITY);
    }
}
