//! A few of a model's weights, by which another model of the same shapes is noticed.

use std::fmt;
use std::path::Path;

use burn::tensor::Tensor;
use half::bf16;

use crate::decoder::CausalLm;
use crate::error::ModelError;

/// Maps that are looked at, spread evenly over the model.
const MAPS: usize = 16;
/// Values taken of each.
const VALUES: usize = 32;
/// Least mean cosine of two sketches of one model. Rounding to bfloat16 leaves 1, 4-bit quantisation above
/// 0.99, 2-bit above 0.95; models trained apart come out near 0.
const LEAST: f64 = 0.9;

/// Rows of weights, `MAPS` of them.
pub(crate) struct Sketch(Vec<Vec<f32>>);

impl Sketch {
    /// Of the weights beside which adapters stand.
    pub(crate) fn of(model: &CausalLm) -> Self {
        let maps: Vec<Tensor<2>> = model.linears().map(|(_, _, linear)| linear.weight.val()).collect();
        let step = maps.len().div_ceil(MAPS).max(1);
        Self(maps.into_iter().step_by(step).enumerate().map(|(index, map)| row(map, index)).collect())
    }

    /// Compares with `theirs`, which `path` keeps.
    ///
    /// # Errors
    /// [`ModelError::OtherBase`] if the two are not of one model.
    pub(crate) fn refuse_other(&self, path: &Path, theirs: &str) -> Result<(), ModelError> {
        let alike = Self::parse(theirs).map_or(0.0, |theirs| self.cosine(&theirs));
        if alike >= LEAST {
            return Ok(());
        }
        let reason = format!(
            "the adapters were trained on other weights: cosine {alike:.3} with those of this base, at least {LEAST} expected"
        );
        Err(ModelError::OtherBase { path: path.to_path_buf(), reason, named: None })
    }

    fn parse(text: &str) -> Option<Self> {
        let value = |digits: &[u8]| u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok();
        let row = |row: &str| -> Option<Vec<f32>> {
            row.as_bytes().chunks(4).map(|digits| Some(bf16::from_bits(value(digits)?).to_f32())).collect()
        };
        text.split(',').map(row).collect::<Option<_>>().map(Self)
    }

    /// Mean cosine of the rows; 0 if their sizes differ.
    fn cosine(&self, other: &Self) -> f64 {
        let same = self.0.len() == other.0.len() && self.0.iter().zip(&other.0).all(|(a, b)| a.len() == b.len());
        if !same || self.0.is_empty() {
            return 0.0;
        }
        let sum: f64 = self.0.iter().zip(&other.0).map(|(a, b)| cosine(a, b)).sum();
        sum / self.0.len() as f64
    }
}

/// Four hexadecimal digits of bfloat16 a value, commas between rows.
impl fmt::Display for Sketch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, row) in self.0.iter().enumerate() {
            f.write_str(if index > 0 { "," } else { "" })?;
            row.iter().try_for_each(|&value| write!(f, "{:04x}", bf16::from_f32(value).to_bits()))?;
        }
        Ok(())
    }
}

/// The first values of one row, another row for each map.
fn row(map: Tensor<2>, index: usize) -> Vec<f32> {
    let [rows, columns] = map.dims();
    let row = index * 31 % rows;
    let values = map.without_autodiff().slice([row..row + 1, 0..columns.min(VALUES)]);
    values.into_data().iter::<f32>().collect()
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum::<f64>();
    let norms = (dot(a, a) * dot(b, b)).sqrt();
    if norms == 0.0 { f64::from(u8::from(dot(a, a) == dot(b, b))) } else { dot(a, b) / norms }
}
