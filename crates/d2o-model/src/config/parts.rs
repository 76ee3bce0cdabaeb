//! The parts of an architecture that families differ in.

use super::rope::Rope;

/// What differs from layer to layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerSpec {
    /// A token sees itself and the `window − 1` positions before it; absent where it sees all.
    pub window: Option<usize>,
    /// Which of the model's rotary embeddings rotates queries and keys; absent where none does.
    pub rope: Option<usize>,
}

/// Attention, the same in all layers but for [`LayerSpec`].
#[derive(Clone, Debug, PartialEq)]
pub struct AttentionSpec {
    /// How queries, keys and values are made.
    pub inputs: AttentionInputs,
    /// Which maps add a bias.
    pub bias: AttentionBias,
    /// Whether each head's queries and keys are normalised before they are rotated.
    pub head_norms: bool,
    /// Factor on the scores.
    pub scale: f64,
    /// Scores are squashed to ±cap by `cap · tanh(score / cap)`.
    pub score_cap: Option<f64>,
}

/// How queries, keys and values are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttentionInputs {
    /// By a map each.
    Separate,
    /// By one map, in this order.
    Fused,
}

/// Which maps of attention add a bias.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttentionBias {
    /// None.
    None,
    /// Those of queries, keys and values.
    Inputs,
    /// These and the one behind attention.
    All,
}

/// The block behind attention.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeedForwardSpec {
    /// What goes into the last map.
    pub inputs: FeedForwardInputs,
    /// The nonlinearity.
    pub activation: Activation,
    /// Whether all maps add a bias.
    pub bias: bool,
}

/// What goes into the last map of the feed-forward block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeedForwardInputs {
    /// `act(x G) · x U`, by a map each.
    GateAndUp,
    /// The same by one map, in this order.
    GateUpFused,
    /// `act(x U)`.
    Up,
}

/// A nonlinearity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// `x · σ(x)`.
    Silu,
    /// `x/2 · (1 + tanh(√(2/π) (x + 0.044715 x³)))`, which transformers calls `gelu_pytorch_tanh` and `gelu_new`.
    GeluTanh,
}

/// Normalisation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NormSpec {
    /// Its equation.
    pub kind: NormKind,
    /// Inside its root.
    pub epsilon: f64,
    /// Whether the outputs of attention and feed-forward are normalised too, before they are added.
    pub post_norms: bool,
}

/// The equation of a normalisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NormKind {
    /// `x / √(mean(x²) + ε) · w` (arXiv 1910.07467).
    Rms,
    /// The same with `1 + w`, as Gemma has it.
    RmsPlusOne,
    /// `(x − mean(x)) / √(var(x) + ε) · w + b` (arXiv 1607.06450).
    Layer,
}

/// How a token learns where it stands.
#[derive(Clone, Debug, PartialEq)]
pub enum Positions {
    /// Queries and keys are rotated; layers refer to these by index.
    Rotary(Vec<Rope>),
    /// A learned vector for each position is added to the embedding.
    Learned,
}
