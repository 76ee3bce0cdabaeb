//! The seam between sampling and whatever computes the logits.

use burn::tensor::Tensor;

/// One live row of a batch, as a model sees it in one call.
///
/// A row's first call brings all of it (`fresh == ids.len()`), and whatever its slot held before is
/// over; each later call brings one token. Rows that finished are not passed again. Where the model
/// says that rows may [join](NextLogits::joins), new rows come into free slots at any call; elsewhere
/// only when no row is live, so that a model which keeps a cache for the batch starts a new one then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row<'a> {
    /// Place of the row: the same in each call, below the batch size, strictly increasing within a call.
    pub slot: usize,
    /// The whole sequence so far: the prompt and every token drawn since.
    pub ids: &'a [u32],
    /// How many of the last `ids` no earlier call has seen: all of them at first, one afterwards.
    pub fresh: usize,
}

/// Something that says how likely each token is to come next.
///
/// Closures `FnMut(&[Row]) -> Result<Tensor<2>, E>` implement it.
pub trait NextLogits {
    /// What can go wrong while computing logits. It also serves to interrupt a long generation.
    type Error;

    /// Logits of the token after each row's last one.
    ///
    /// # Shapes
    /// - output: `[rows, vocab]`, in the order of `rows`, with the same `vocab` in each call
    ///
    /// # Errors
    /// Whatever the model reports. Generation stops and hands it on as
    /// [`SamplerError::Model`](crate::SamplerError::Model).
    fn next_logits(&mut self, rows: &[Row<'_>]) -> Result<Tensor<2>, Self::Error>;

    /// Whether new rows may join rows that are on their way. Without, a batch runs until its last row
    /// has finished.
    fn joins(&self) -> bool {
        false
    }
}

impl<F, E> NextLogits for F
where
    F: FnMut(&[Row<'_>]) -> Result<Tensor<2>, E>,
{
    type Error = E;

    fn next_logits(&mut self, rows: &[Row<'_>]) -> Result<Tensor<2>, E> {
        self(rows)
    }
}
