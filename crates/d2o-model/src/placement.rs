//! Where every token stands and what it may attend to.

use burn::tensor::{Device, Tensor, TensorData};

/// Added to forbidden scores: far below any score, and finite so that `softmax` stays finite.
const FORBIDDEN: f32 = -1e9;

/// Positions of a batch's tokens and the mask of their attention, shared by all layers.
#[derive(Clone, Debug)]
pub struct Placement {
    /// Position of every query token, row by row.
    positions: Vec<Vec<u32>>,
    /// Position of every key, row by row; absent where the keys are the queries' own tokens.
    key_positions: Option<Vec<Vec<u32>>>,
    /// `[batch or 1, 1, 1, queries, keys]`, 0 where allowed; absent where all is allowed.
    mask: Option<Tensor<5>>,
    /// Where masks are made: a constant of any graph.
    device: Device,
}

impl Placement {
    /// Every token sees itself and all before it; positions count from 0.
    pub fn causal(batch: usize, len: usize, device: &Device) -> Self {
        let positions = vec![(0..len as u32).collect(); batch];
        Self::own(positions, mask([1, len, len], |_, query, key| key <= query, device), device)
    }

    /// One row that holds a prompt once and then several responses.
    ///
    /// Each response sees the prompt and its own earlier tokens; its positions go on after the prompt,
    /// as if it were alone. So its hidden states equal those of the row `prompt + response`, also in layers
    /// with a sliding window, which counts positions.
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
        Self::own(vec![positions], mask([1, len, len], allowed, device), device)
    }

    /// Any placement: `allowed(row, query, key)` says what is seen, and where queries and keys stand.
    ///
    /// The queries are rows of equal length, and so are the keys. A query that sees nothing gives a finite,
    /// meaningless result.
    ///
    /// # Panics
    /// If queries and keys are not for the same number of rows, or rows are of different lengths.
    pub fn from_fn(
        queries: &[Vec<u32>],
        keys: &[Vec<u32>],
        allowed: impl Fn(usize, usize, usize) -> bool,
        device: &Device,
    ) -> Self {
        assert_eq!(queries.len(), keys.len(), "as many rows of keys as of queries");
        let [queries_len, keys_len] = [queries, keys].map(|rows| {
            let len = rows.first().map_or(0, Vec::len);
            assert!(rows.iter().all(|row| row.len() == len), "rows of one length");
            len
        });
        let mask = mask([queries.len(), queries_len, keys_len], allowed, device);
        Self { key_positions: Some(keys.to_vec()), ..Self::own(queries.to_vec(), mask, device) }
    }

    fn own(positions: Vec<Vec<u32>>, mask: Option<Tensor<5>>, device: &Device) -> Self {
        Self { positions, key_positions: None, mask, device: device.clone().without_autodiff() }
    }

    pub(crate) fn positions(&self) -> &[Vec<u32>] {
        &self.positions
    }

    /// The mask of a layer that sees the last `window` positions, or all.
    pub(crate) fn mask(&self, window: Option<usize>) -> Option<Tensor<5>> {
        match (window.and_then(|window| self.beyond(window)), &self.mask) {
            (None, mask) => mask.clone(),
            (Some(beyond), None) => Some(beyond),
            (Some(beyond), Some(mask)) => Some(mask.clone() + beyond),
        }
    }

    /// Forbids what stands `window` positions back or further; absent where nothing does.
    fn beyond(&self, window: usize) -> Option<Tensor<5>> {
        let keys = self.key_positions.as_ref().unwrap_or(&self.positions);
        let near = |query: u32, key: u32| (query as usize) < window + key as usize;
        let far = |(queries, keys): (&Vec<u32>, &Vec<u32>)| match (queries.iter().max(), keys.iter().min()) {
            (Some(&last), Some(&first)) => !near(last, first),
            _ => false,
        };
        if !self.positions.iter().zip(keys).any(far) {
            return None;
        }
        // Rows that stand alike share a mask.
        let alike = |rows: &[Vec<u32>]| rows.windows(2).all(|pair| pair[0] == pair[1]);
        let rows = if alike(&self.positions) && alike(keys) { 1 } else { keys.len() };
        let shape = [rows, self.positions[0].len(), keys[0].len()];
        mask(shape, |row, query, key| near(self.positions[row][query], keys[row][key]), &self.device)
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
