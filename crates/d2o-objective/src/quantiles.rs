//! Pairing two samples by rank, which is what optimal transport on the line comes to.

use burn::tensor::{Int, Tensor};

/// `M[i][j] = 1` where `rank(a_i) = rank(b_j)`, a constant permutation: `M · b` sets beside every `a_i`
/// the value of `b` at the same quantile. Equal values are ranked in their order.
///
/// Written with comparisons, because sorting reads the device back on some backends.
///
/// # Shapes
/// - `a`, `b`: `[n]`; output: `[n, n]`
pub(crate) fn matching(a: &Tensor<1>, b: &Tensor<1>) -> Tensor<2> {
    let [n] = a.dims();
    let column = |ranks: Tensor<1>| ranks.unsqueeze_dim::<2>(1).expand([n, n]);
    let (of_a, of_b) = (column(ranks(a)), column(ranks(b)).transpose());
    let same = of_a.equal(of_b);
    indicator(a, same)
}

/// How many values are smaller, or equal and earlier.
fn ranks(values: &Tensor<1>) -> Tensor<1> {
    let values = values.clone().without_autodiff();
    let [n] = values.dims();
    let own = values.clone().unsqueeze_dim::<2>(1).expand([n, n]);
    let other = own.clone().transpose();
    let places = Tensor::<1, Int>::arange(0..n as i64, &values.device()).unsqueeze_dim::<2>(1).expand([n, n]);
    let earlier = indicator(&values, places.clone().greater(places.transpose()));
    let smaller = indicator(&values, other.clone().lower(own.clone()));
    let equal = indicator(&values, other.equal(own));
    (smaller + equal * earlier).sum_dim(1).squeeze_dim(1)
}

/// Ones where `holds`, in the floating type of `like`.
fn indicator(like: &Tensor<1>, holds: Tensor<2, burn::tensor::Bool>) -> Tensor<2> {
    let shape = holds.dims();
    let zeros = like.clone().without_autodiff().zeros_like().unsqueeze_dim::<2>(1).expand(shape);
    zeros.mask_fill(holds, 1.0)
}
