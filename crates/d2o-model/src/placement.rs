//! Where every token stands and what it may attend to.

use burn::tensor::{Device, Tensor, TensorData};

/// Added to forbidden scores: far below any score, and finite so that `softmax` stays finite.
const FORBIDDEN: f32 = -1e9;

/// Positions of a batch's tokens and the mask of their attention, shared by all layers.
#[derive(Clone, Debug)]
pub struct Placement {
    /// Position of every query token, row by row.
    positions: Vec<Vec<u32>>,
    /// `[batch or 1, 1, 1, queries, keys]`, 0 where allowed; absent where all is allowed.
    mask: Option<Tensor<5>>,
}

impl Placement {
    /// Every token sees itself and all before it; positions count from 0.
    pub fn causal(batch: usize, len: usize, device: &Device) -> Self {
        let positions = vec![(0..len as u32).collect(); batch];
        Self { positions, mask: mask([1, len, len], |_, query, key| key <= query, device) }
    }

    /// One row that holds a prompt once and then several responses.
    ///
    /// Each response sees the prompt and its own earlier tokens; its positions go on after the prompt,
    /// as if it were alone. So its hidden states equal those of the row `prompt + response`.
    pub fn packed(prompt_len: usize, response_lens: &[usize], device: &Device) -> Self {
        // 0 owns the prompt, n the n-th response.
        let mut owner = vec![0usize; prompt_len];
        let mut positions: Vec<u32> = (0..prompt_len as u32).collect();
        for (index, &len) in response_lens.iter().enumerate() {
            owner.extend(std::iter::repeat_n(index + 1, len));
            positions.extend((prompt_len..prompt_len + len).map(|position| position as u32));
        }
        let len = owner.len();
        let allowed = |_, query: usize, key: usize| key <= query && (owner[key] == 0 || owner[key] == owner[query]);
        Self { positions: vec![positions], mask: mask([1, len, len], allowed, device) }
    }

    /// Any placement: `allowed(row, query, key)` says what is seen.
    ///
    /// A query that sees nothing gives a finite, meaningless result.
    ///
    /// # Panics
    /// If `positions` is not `batch` rows of `queries` positions.
    pub fn from_fn(
        batch: usize,
        queries: usize,
        keys: usize,
        positions: &[Vec<u32>],
        allowed: impl Fn(usize, usize, usize) -> bool,
        device: &Device,
    ) -> Self {
        assert!(
            positions.len() == batch && positions.iter().all(|row| row.len() == queries),
            "one position for each query token"
        );
        Self { positions: positions.to_vec(), mask: mask([batch, queries, keys], allowed, device) }
    }

    pub(crate) fn positions(&self) -> &[Vec<u32>] {
        &self.positions
    }

    pub(crate) fn mask(&self) -> Option<&Tensor<5>> {
        self.mask.as_ref()
    }
}

fn mask(
    [batch, queries, keys]: [usize; 3],
    allowed: impl Fn(usize, usize, usize) -> bool,
    device: &Device,
) -> Option<Tensor<5>> {
    let mut values = Vec::with_capacity(batch * queries * keys);
    for row in 0..batch {
        for query in 0..queries {
            values.extend((0..keys).map(|key| if allowed(row, query, key) { 0.0 } else { FORBIDDEN }));
        }
    }
    if values.iter().all(|&value| value == 0.0) {
        return None;
    }
    // A constant of the graph, wherever the tokens are.
    let plain = device.clone().without_autodiff();
    Some(Tensor::from_data(TensorData::new(values, [batch, 1, 1, queries, keys]), &plain))
}
