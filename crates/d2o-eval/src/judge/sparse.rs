//! Vectors that are mostly zeros.

/// Entries by column, in ascending order of columns.
pub(super) type SparseVector = Vec<(usize, f64)>;

/// `Σ_j vector_j · dense_j`.
pub(super) fn dot(vector: &SparseVector, dense: &[f64]) -> f64 {
    vector.iter().map(|&(column, value)| value * dense[column]).sum()
}

/// `dense += factor · vector`.
pub(super) fn add_scaled(dense: &mut [f64], factor: f64, vector: &SparseVector) {
    vector.iter().for_each(|&(column, value)| dense[column] += factor * value);
}

/// `Σ_j a_j · b_j`.
pub(super) fn dense_dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
