//! Where every token stands and what it may attend to.

use burn::tensor::{Device, Tensor, TensorData};
use d2o_kernels::{Span, Spans};

/// Added to forbidden scores: far below any score, and finite so that `softmax` stays finite.
const FORBIDDEN: f32 = -1e9;

/// Positions of a batch's tokens and the mask of their attention, shared by all layers.
#[derive(Clone, Debug)]
pub struct Placement {
    /// Position of every query token, row by row.
    positions: Vec<Vec<u32>>,
    /// Position of every key, row by row; absent where the keys are the queries' own tokens.
    key_positions: Option<Vec<Vec<u32>>>,
    pattern: AttentionPattern,
    /// Where masks are made: a constant of any graph.
    device: Device,
}

/// What attends to what.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "there is one for each batch")]
pub(crate) enum AttentionPattern {
    /// Spans of the tokens of all rows, one row after the other; rows of a batch are alike.
    Spans(Spans),
    /// `[batch or 1, 1, 1, queries, keys]`, 0 where allowed; absent where all is allowed.
    Mask(Option<Tensor<5>>),
}

/// Tokens that several sequences begin with, and how many each goes on for.
#[derive(Clone, Copy, Debug)]
pub struct PackedGroup<'a> {
    /// Tokens of the common beginning.
    pub prefix: usize,
    /// Tokens of each continuation.
    pub continuations: &'a [usize],
}

impl Placement {
    /// Every token sees itself and all before it; positions count from 0.
    pub fn causal(batch: usize, len: usize, device: &Device) -> Self {
        let positions = vec![(0..len as u32).collect(); batch];
        let spans = (0..batch).map(|row| Span { tokens: row * len..(row + 1) * len, prefix: 0..0 });
        Self::own(positions, AttentionPattern::Spans(Spans::new(spans.collect())), device)
    }

    /// One row that holds a prompt once and then several responses.
    ///
    /// Each response sees the prompt and its own earlier tokens; its positions go on after the prompt,
    /// as if it were alone. So its hidden states equal those of the row `prompt + response`, also in layers
    /// with a sliding window, which counts positions.
    pub fn packed(prompt_len: usize, response_lens: &[usize], device: &Device) -> Self {
        Self::packed_groups(&[PackedGroup { prefix: prompt_len, continuations: response_lens }], device)
    }

    /// One row that holds several such groups, none of which sees another.
    pub fn packed_groups(groups: &[PackedGroup<'_>], device: &Device) -> Self {
        let (mut positions, mut spans) = (Vec::new(), Vec::new());
        for group in groups {
            let prefix = positions.len()..positions.len() + group.prefix;
            positions.extend(0..group.prefix as u32);
            if !prefix.is_empty() {
                spans.push(Span { tokens: prefix.clone(), prefix: 0..0 });
            }
            for &len in group.continuations.iter().filter(|&&len| len > 0) {
                let start = positions.len();
                positions.extend((group.prefix..group.prefix + len).map(|position| position as u32));
                spans.push(Span { tokens: start..start + len, prefix: prefix.clone() });
            }
        }
        Self::own(vec![positions], AttentionPattern::Spans(Spans::new(spans)), device)
    }

    /// The responses of [`packed`](Self::packed) alone, behind a prompt whose keys and values are at hand.
    pub fn continued(prompt_len: usize, response_lens: &[usize], device: &Device) -> Self {
        let mut keys: Vec<u32> = (0..prompt_len as u32).collect();
        let mut spans = Vec::new();
        for &len in response_lens.iter().filter(|&&len| len > 0) {
            spans.push(Span { tokens: keys.len()..keys.len() + len, prefix: 0..prompt_len });
            keys.extend((prompt_len..prompt_len + len).map(|position| position as u32));
        }
        let queries = vec![keys[prompt_len..].to_vec()];
        Self {
            key_positions: Some(vec![keys]),
            ..Self::own(queries, AttentionPattern::Spans(Spans::new(spans)), device)
        }
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
        Self { key_positions: Some(keys.to_vec()), ..Self::own(queries.to_vec(), AttentionPattern::Mask(mask), device) }
    }

    /// Tokens at these positions, for attention that knows by itself who sees whom.
    pub(crate) fn unmasked(positions: Vec<u32>, device: &Device) -> Self {
        Self::own(vec![positions], AttentionPattern::Mask(None), device)
    }

    fn own(positions: Vec<Vec<u32>>, pattern: AttentionPattern, device: &Device) -> Self {
        Self { positions, key_positions: None, pattern, device: device.clone().without_autodiff() }
    }

    /// What attends to what, where tokens see a prefix and their own span; windows are not told here.
    pub(crate) fn spans(&self) -> Option<&Spans> {
        match &self.pattern {
            AttentionPattern::Spans(spans) => Some(spans),
            AttentionPattern::Mask(_) => None,
        }
    }

    pub(crate) fn positions(&self) -> &[Vec<u32>] {
        &self.positions
    }

    /// The mask of a layer that sees the last `window` positions, or all.
    pub(crate) fn mask(&self, window: Option<usize>) -> Option<Tensor<5>> {
        let seen = match &self.pattern {
            AttentionPattern::Spans(spans) => self.span_mask(spans),
            AttentionPattern::Mask(mask) => mask.clone(),
        };
        match (window.and_then(|window| self.window_mask(window)), seen) {
            (None, mask) => mask,
            (Some(beyond), None) => Some(beyond),
            (Some(beyond), Some(mask)) => Some(mask + beyond),
        }
    }

    /// The mask of the first row's spans: rows of a batch are alike.
    fn span_mask(&self, spans: &Spans) -> Option<Tensor<5>> {
        let keys = self.keys().first().map_or(0, Vec::len);
        let queries = self.positions.first().map_or(0, Vec::len);
        // Keys of a prompt that asks nothing itself come first.
        let before = keys - queries;
        let mut allowed = vec![false; queries * keys];
        for span in spans.list().iter().filter(|span| span.tokens.end <= keys) {
            for query in span.tokens.clone() {
                let row = &mut allowed[(query - before) * keys..][..keys];
                row[span.prefix.clone()].fill(true);
                row[span.tokens.start..=query].fill(true);
            }
        }
        mask([1, queries, keys], |_, query, key| allowed[query * keys + key], &self.device)
    }

    fn keys(&self) -> &[Vec<u32>] {
        self.key_positions.as_ref().unwrap_or(&self.positions)
    }

    /// Whether a window of this width hides anything that would be seen without it.
    pub(crate) fn window_hides(&self, window: usize) -> bool {
        let far = |(queries, keys): (&Vec<u32>, &Vec<u32>)| match (queries.iter().max(), keys.iter().min()) {
            (Some(&last), Some(&first)) => last as usize >= window + first as usize,
            _ => false,
        };
        self.positions.iter().zip(self.keys()).any(far)
    }

    /// Forbids what stands `window` positions back or further; absent where nothing does.
    fn window_mask(&self, window: usize) -> Option<Tensor<5>> {
        let keys = self.keys();
        let near = |query: u32, key: u32| (query as usize) < window + key as usize;
        if !self.window_hides(window) {
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
