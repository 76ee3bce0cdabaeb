//! Products of matrices that lie in slices, by the library that Burn's processor backend uses as well.

use gemm::Parallelism;

/// A matrix in a slice: element `(row, column)` stands at `row · row_stride + column · column_stride`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View<'a> {
    values: &'a [f32],
    rows: usize,
    columns: usize,
    row_stride: usize,
    column_stride: usize,
}

impl<'a> View<'a> {
    /// Rows of `columns` values, `row_stride` apart.
    pub(crate) fn new(values: &'a [f32], rows: usize, columns: usize, row_stride: usize) -> Self {
        assert!(fits(values.len(), rows, columns, row_stride), "{rows}×{columns} in {} values", values.len());
        Self { values, rows, columns, row_stride, column_stride: 1 }
    }

    pub(crate) fn rows(self) -> usize {
        self.rows
    }

    pub(crate) fn columns(self) -> usize {
        self.columns
    }

    /// Whether the values of a row stand side by side; of the transpose of such a matrix, those of a column do.
    pub(crate) fn lies_by_rows(self) -> bool {
        self.column_stride == 1
    }

    /// One row of a matrix that lies by rows.
    #[inline(always)]
    pub(crate) fn row(self, row: usize) -> &'a [f32] {
        debug_assert!(self.lies_by_rows() && row < self.rows, "row {row} of {self:?}");
        &self.values[row * self.row_stride..][..self.columns]
    }

    /// The transpose, without moving anything.
    pub(crate) fn t(self) -> Self {
        Self {
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
            ..self
        }
    }
}

/// Whether rows of `columns` values, `row_stride` apart, lie within `len` values.
fn fits(len: usize, rows: usize, columns: usize, row_stride: usize) -> bool {
    rows == 0 || columns == 0 || (rows - 1) * row_stride + columns <= len
}

/// Where a weight's inputs and outputs lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WeightLayout {
    /// `[inputs, outputs]`.
    Straight,
    /// `[outputs, inputs]`: an embedding that serves as the head, too.
    Transposed,
}

impl WeightLayout {
    /// Values of `rows` rows, laid out so, as the matrix `[inputs, outputs]`.
    pub(crate) fn matrix(self, values: &[f32], [rows, columns]: [usize; 2]) -> View<'_> {
        let matrix = View::new(values, rows, columns, columns);
        match self {
            Self::Straight => matrix,
            Self::Transposed => matrix.t(),
        }
    }
}

/// What becomes of the values that the result already holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Output {
    /// They are overwritten.
    Overwrite,
    /// The product is added to them.
    Accumulate,
}

/// `result ← scale · a b`, or the same added; the result's rows lie `row_stride` apart.
///
/// The order of every sum is fixed, so any number of threads gives the same bits.
///
/// # Panics
/// If shapes disagree or the result does not fit.
#[allow(unsafe_code)]
pub(crate) fn multiply(
    result: &mut [f32],
    row_stride: usize,
    a: View<'_>,
    b: View<'_>,
    scale: f32,
    output: Output,
    parallel: bool,
) {
    assert_eq!(a.columns, b.rows, "inner sizes");
    assert!(fits(result.len(), a.rows, b.columns, row_stride), "the result fits");
    let parallelism = if parallel { Parallelism::Rayon(0) } else { Parallelism::None };
    let step = |stride: usize| stride as isize;
    // SAFETY: `View::new` and `t` keep every element of `a` and `b` inside their slices, the assertion
    // above does so for the result, whose rows do not overlap (`row_stride` of at least a row's length is
    // implied by `fits` for more than one row of callers' matrices), and `&mut` keeps it apart from both.
    unsafe {
        gemm::gemm(
            a.rows,
            b.columns,
            a.columns,
            result.as_mut_ptr(),
            1,
            step(row_stride),
            output == Output::Accumulate,
            a.values.as_ptr(),
            step(a.column_stride),
            step(a.row_stride),
            b.values.as_ptr(),
            step(b.column_stride),
            step(b.row_stride),
            1.0,
            scale,
            false,
            false,
            false,
            parallelism,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_close, noise};

    fn by_definition(a: View<'_>, b: View<'_>) -> Vec<f32> {
        let at = |m: View<'_>, r: usize, c: usize| m.values[r * m.row_stride + c * m.column_stride];
        let element = |r, c| (0..a.columns).map(|k| at(a, r, k) * at(b, k, c)).sum();
        (0..a.rows).flat_map(|r| (0..b.columns).map(move |c| (r, c))).map(|(r, c)| element(r, c)).collect()
    }

    #[test]
    fn strided_and_transposed_products_equal_the_definition() {
        let (x, y) = (noise(40 * 13, 1), noise(40 * 17, 2));
        // 7 rows of 5 out of rows of 13, times the transpose of 9 rows of 5 out of rows of 17.
        let (a, b) = (View::new(&x[3..], 7, 5, 13), View::new(&y[2..], 9, 5, 17).t());
        let mut result = vec![1.0; 7 * 9];
        multiply(&mut result, 9, a, b, 1.0, Output::Overwrite, false);
        assert_close(&result, &by_definition(a, b), 1e-6, "replaced");
        multiply(&mut result, 9, a, b, 2.0, Output::Accumulate, true);
        let thrice: Vec<f32> = by_definition(a, b).iter().map(|value| 3.0 * value).collect();
        assert_close(&result, &thrice, 1e-6, "added twice more");
    }

    #[test]
    #[should_panic(expected = "in 10 values")]
    fn a_view_beyond_its_values_is_refused() {
        let _ = View::new(&[0.0; 10], 3, 4, 4);
    }
}
