//! Linear maps whose weights are held in bf16: for sampling, where a rounded logit does no harm.
//!
//! `y = x W` with `W` and `x` rounded to bf16 (8 bits of mantissa, to nearest even) and products summed
//! in f32. The weights are packed once, in the order in which the product reads them, so that a decoding
//! step neither packs nor transposes: it reads half the bytes of f32 and, with AVX-512 BF16, does two
//! multiplications where f32 does one.

use burn::tensor::Tensor;
use rayon::prelude::*;

use crate::cpu::buffer::SharedOutput;
use crate::cpu::level::{Level, madd, multiversion};
use crate::host;

#[cfg(target_arch = "x86_64")]
mod avx512;
mod pack;

use pack::{PANEL, bf16, pack_row};

/// Rows of one task: their inputs stay in the second-level cache.
const ROWS: usize = 128;
/// Panels of one task.
const PANELS: usize = 8;
/// Rows that the portable kernel computes together.
const TILE: usize = 4;

/// A matrix `[inputs, outputs]` in bf16.
#[derive(Clone)]
pub struct Bf16Matrix {
    inputs: usize,
    outputs: usize,
    /// `[panel][pair of inputs][PANEL]`: two inputs' weights of one output in one word, the first in the
    /// lower half; what is beyond the matrix is zero.
    panels: Vec<u32>,
}

impl std::fmt::Debug for Bf16Matrix {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Bf16Matrix[{}, {}]", self.inputs, self.outputs)
    }
}

impl Bf16Matrix {
    /// A matrix `[inputs, outputs]`, or with `transposed` one that stands as `[outputs, inputs]`, rounded
    /// to bf16. `None` for weights that are tracked, not f32, or not on the processor.
    pub fn of(weights: &Tensor<2>, transposed: bool) -> Option<Self> {
        if !host::is_untracked_on_cpu(weights) {
            return None;
        }
        let [rows, columns] = weights.dims();
        let values = host::values(weights.clone());
        let values: &[f32] = &values;
        Some(if transposed {
            Self::pack(columns, rows, |input, output| values[output * columns + input])
        } else {
            Self::pack(rows, columns, |input, output| values[input * columns + output])
        })
    }

    /// `x W`.
    ///
    /// # Shapes
    /// - `x`: `[rows, inputs]`; output: `[rows, outputs]`
    ///
    /// # Panics
    /// If `x` is not plain (see [`is_untracked_on_cpu`](crate::is_untracked_on_cpu)) or has another width.
    pub fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let [rows, _] = x.dims();
        host::tensor(self.apply(Level::best(), &host::values(x)), [rows, self.outputs])
    }

    /// Rounds and packs `weights`, where `weights(input, output)` gives the element.
    pub(crate) fn pack(inputs: usize, outputs: usize, weights: impl Fn(usize, usize) -> f32 + Sync) -> Self {
        let pairs = inputs.div_ceil(2);
        let mut panels = vec![0u32; outputs.div_ceil(PANEL) * pairs * PANEL];
        let half = |input: usize, output: usize| {
            if input < inputs && output < outputs { bf16(weights(input, output)) } else { 0 }
        };
        panels.par_chunks_exact_mut((pairs * PANEL).max(1)).enumerate().for_each(|(panel, words)| {
            for (pair, words) in words.chunks_exact_mut(PANEL).enumerate() {
                for (lane, word) in words.iter_mut().enumerate() {
                    let output = panel * PANEL + lane;
                    *word = half(2 * pair, output) | half(2 * pair + 1, output) << 16;
                }
            }
        });
        Self { inputs, outputs, panels }
    }

    /// Rows of the matrix.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// Columns of the matrix.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// `x W` for rows `x: [rows, inputs]`; output `[rows, outputs]`. The same bits for any number of threads.
    ///
    /// # Panics
    /// If `x` is not a whole number of rows.
    pub(crate) fn apply(&self, level: Level, x: &[f32]) -> Vec<f32> {
        let rows = x.len() / self.inputs.max(1);
        assert_eq!(rows * self.inputs, x.len(), "whole rows of {} inputs", self.inputs);
        let pairs = self.inputs.div_ceil(2);
        let mut packed = vec![0u32; rows * pairs];
        packed.par_chunks_mut((64 * pairs).max(1)).zip(x.par_chunks((64 * self.inputs).max(1))).for_each(
            |(packed, x)| {
                for (packed, x) in packed.chunks_exact_mut(pairs).zip(x.chunks_exact(self.inputs)) {
                    pack_row(level, x, packed);
                }
            },
        );
        let mut output = vec![0f32; rows * self.outputs];
        let shared = SharedOutput::new(&mut output);
        let groups = self.outputs.div_ceil(PANEL * PANELS);
        let blocks = rows.div_ceil(ROWS);
        (0..groups * blocks).into_par_iter().for_each(|task| {
            let (group, block) = (task % groups, task / groups);
            let rows = block * ROWS..((block + 1) * ROWS).min(rows);
            let x = &packed[rows.start * pairs..rows.end * pairs];
            for panel in group * PANELS..((group + 1) * PANELS).min(self.outputs.div_ceil(PANEL)) {
                self.panel(level, panel, x, rows.start, shared);
            }
        });
        output
    }

    /// One panel of columns for some rows, written to its place in the output.
    #[allow(unsafe_code)]
    fn panel(&self, level: Level, panel: usize, x: &[u32], first_row: usize, output: SharedOutput<'_>) {
        let pairs = self.inputs.div_ceil(2);
        let weights = &self.panels[panel * pairs * PANEL..(panel + 1) * pairs * PANEL];
        let column = panel * PANEL;
        let width = PANEL.min(self.outputs - column);
        let mut tile = [0f32; 8 * PANEL];
        let mut row = first_row;
        let step = tile_rows(level);
        for x in x.chunks((step * pairs).max(1)) {
            let rows = x.len() / pairs.max(1);
            multiply(level, x, weights, rows, &mut tile[..rows * PANEL]);
            for sums in tile[..rows * PANEL].chunks_exact(PANEL) {
                // SAFETY: each row and panel belongs to one task, so these columns are written here only.
                let place = unsafe { output.part(row * self.outputs + column, width) };
                place.copy_from_slice(&sums[..width]);
                row += 1;
            }
        }
    }
}

fn tile_rows(level: Level) -> usize {
    #[cfg(target_arch = "x86_64")]
    if level.kind() == crate::cpu::level::Kind::Avx512Bf16 {
        return avx512::TILE;
    }
    let _ = level;
    TILE
}

/// `sums[row][lane] = Σ_pair x[row][pair] · weights[pair][lane]`, both halves of each word.
fn multiply(level: Level, x: &[u32], weights: &[u32], rows: usize, sums: &mut [f32]) {
    #[cfg(target_arch = "x86_64")]
    if level.kind() == crate::cpu::level::Kind::Avx512Bf16 {
        return avx512::multiply(level, x, weights, rows, sums);
    }
    multiply_plain(level, x, weights, rows, sums);
}

multiversion! {
    fn multiply_plain(x: &[u32], weights: &[u32], rows: usize, sums: &mut [f32]) = multiply_body
}

#[inline(always)]
fn multiply_body<const FMA: bool>(x: &[u32], weights: &[u32], rows: usize, sums: &mut [f32]) {
    let pairs = weights.len() / PANEL;
    for row in 0..rows {
        let mut total = [0f32; PANEL];
        for (&x, weights) in x[row * pairs..(row + 1) * pairs].iter().zip(weights.chunks_exact(PANEL)) {
            let (low, high) = (f32::from_bits(x << 16), f32::from_bits(x & 0xffff_0000));
            for (total, &weight) in total.iter_mut().zip(weights) {
                *total = madd::<FMA>(low, f32::from_bits(weight << 16), *total);
                *total = madd::<FMA>(high, f32::from_bits(weight & 0xffff_0000), *total);
            }
        }
        sums[row * PANEL..(row + 1) * PANEL].copy_from_slice(&total);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{noise, on_threads};

    /// bf16 keeps 8 bits: each factor is off by at most 2⁻⁹ of itself.
    const HALF_ULP: f32 = 1.0 / 512.0;

    #[test]
    fn products_are_right_to_the_rounding_of_their_factors() {
        for level in Level::all() {
            for (rows, inputs, outputs) in [(1, 1, 1), (3, 7, 50), (9, 32, 48), (17, 65, 131), (130, 16, 400)] {
                let (x, w) = (noise(rows * inputs, 1), noise(inputs * outputs, 2));
                let matrix = Bf16Matrix::pack(inputs, outputs, |i, o| w[i * outputs + o]);
                let y = matrix.apply(level, &x);
                for row in 0..rows {
                    for output in 0..outputs {
                        let terms = (0..inputs).map(|i| x[row * inputs + i] * w[i * outputs + output]);
                        let (exact, size) = terms.fold((0.0, 0.0), |(sum, size), term| (sum + term, size + term.abs()));
                        let error = (y[row * outputs + output] - exact).abs();
                        assert!(error <= 2.1 * HALF_ULP * size, "{}: {rows}×{inputs}×{outputs}: {error}", level.name());
                    }
                }
            }
        }
    }

    #[test]
    fn a_row_depends_on_neither_its_company_nor_the_threads() {
        let (inputs, outputs) = (40, 500);
        let (x, w) = (noise(300 * inputs, 3), noise(inputs * outputs, 4));
        let matrix = Bf16Matrix::pack(inputs, outputs, |i, o| w[i * outputs + o]);
        for level in Level::all() {
            let all = on_threads(1, || matrix.apply(level, &x));
            assert_eq!(all, on_threads(3, || matrix.apply(level, &x)), "{}", level.name());
            for row in [0, 7, 131, 299] {
                let alone = matrix.apply(level, &x[row * inputs..(row + 1) * inputs]);
                assert_eq!(alone, all[row * outputs..(row + 1) * outputs], "{}", level.name());
            }
        }
    }

    #[cfg(feature = "flex")]
    #[test]
    fn a_transposed_matrix_is_packed_alike() {
        let w = noise(6 * 5, 5);
        let device = burn::tensor::Device::flex();
        let weights = Tensor::<2>::from_data(burn::tensor::TensorData::new(w, [6, 5]), &device);
        let straight = Bf16Matrix::of(&weights, false).unwrap();
        let turned = Bf16Matrix::of(&weights.transpose(), true).unwrap();
        assert_eq!(straight.panels, turned.panels);
    }
}
