//! Two adapters on top of each other as one.

use burn::module::Param;
use burn::tensor::Tensor;

use crate::decoder::CausalLm;
use crate::decoder::linear::Adapter;
use crate::error::ModelError;

impl CausalLm {
    /// The adapters of this model, which were trained on the merged weights of `under`, and those of `under` as one
    /// set of adapters on the base of `under`; untracked.
    ///
    /// `W + s₁ A₁ B₁ + s₂ A₂ B₂ = W + [A₁ A₂] [s₁ B₁; s₂ B₂]`: ranks add up, and a map that only one of the two
    /// adapts is filled with zeros, so that one rank holds for all.
    ///
    /// # Errors
    /// [`ModelError::Trainable`] if the two are not of one shape.
    pub fn stack_adapters(&self, under: &Self) -> Result<Self, ModelError> {
        let mut model = under.frozen();
        let mut top = self.frozen();
        let ranks = [&model, &top].map(largest_rank);
        if model.layers.len() != top.layers.len() {
            let reason = "adapters of different models do not stack".to_owned();
            return Err(ModelError::Trainable { reason });
        }
        for ((_, _, linear), (_, _, above)) in model.linears_mut().zip(top.linears_mut()) {
            let parts = [linear.adapter.take(), above.adapter.take()];
            if parts.iter().any(Option::is_some) {
                linear.adapter = Some(stacked(parts, ranks, linear.weight.val().dims()));
            }
        }
        Ok(model)
    }
}

fn largest_rank(model: &CausalLm) -> usize {
    let adapters = model.linears().filter_map(|(_, _, linear)| linear.adapter.as_ref());
    adapters.map(Adapter::rank).max().unwrap_or_default()
}

/// Factors side by side, each filled up to its rank, with the scales inside the second.
fn stacked(parts: [Option<Adapter>; 2], ranks: [usize; 2], [input, out]: [usize; 2]) -> Adapter {
    let ids = parts.iter().flatten().next().map(|adapter| (adapter.a.id, adapter.b.id));
    let (id_a, id_b) = ids.expect("one of the two is there");
    let device = parts.iter().flatten().next().expect("one of the two is there").a.val().device();
    let (mut first, mut second) = (Vec::new(), Vec::new());
    for (adapter, rank) in parts.into_iter().zip(ranks) {
        let mut filled = 0;
        if let Some(adapter) = adapter {
            filled = adapter.rank();
            second.push(adapter.b.val().mul_scalar(adapter.scale()));
            first.push(adapter.a.val());
        }
        if filled < rank {
            first.push(Tensor::zeros([input, rank - filled], &device));
            second.push(Tensor::zeros([rank - filled, out], &device));
        }
    }
    let [a, b] = [Tensor::cat(first, 1), Tensor::cat(second, 0)];
    Adapter { a: Param::initialized(id_a, a), b: Param::initialized(id_b, b), alpha: (ranks[0] + ranks[1]) as f64 }
}
