//! What later tokens see of a prompt: computed once for several passes over its responses.

use burn::tensor::{Device, Int, Tensor, TensorData};

use crate::{CausalLm, KeysValues, Placement};

/// Keys and values that a prompt leaves in the layers, and its last hidden state.
#[derive(Clone, Debug)]
pub struct PromptCache {
    /// Of each layer from the first computed one on.
    pub layers: Vec<KeysValues>,
    /// Of the prompt's last token, before the final norm, `[1, width]`: it predicts the responses' first tokens.
    pub last: Tensor<2>,
}

impl PromptCache {
    /// Runs layers `first` and on over a prompt of `tokens` tokens, `entering` being what enters layer `first`,
    /// `[1, tokens, width]`; tracked where the weights are.
    ///
    /// # Panics
    /// If there is no token, or `first` lies beyond the layers.
    pub fn from_layer(model: &CausalLm, first: usize, entering: Tensor<3>, tokens: usize) -> Self {
        let at = Placement::causal(1, tokens, &model.device().without_autodiff());
        let (hidden, layers) = model.run_prompt(entering, first..model.layers_len(), &at);
        Self { layers, last: hidden.squeeze_dim::<2>(0).narrow(0, tokens - 1, 1) }
    }

    /// The same from the prompt's ids, through all layers.
    ///
    /// # Panics
    /// If the prompt is empty.
    pub fn new(model: &CausalLm, prompt: &[u32]) -> Self {
        let entering = entering(model, prompt, 0, &model.device().without_autodiff());
        Self::from_layer(model, 0, entering, prompt.len())
    }
}

/// What enters layer `first` for a prompt's tokens, `[1, tokens, width]`.
///
/// # Panics
/// If the prompt is empty, or `first` lies beyond the layers.
pub fn entering(model: &CausalLm, prompt: &[u32], first: usize, device: &Device) -> Tensor<3> {
    let at = Placement::causal(1, prompt.len(), device);
    let ids: Vec<i64> = prompt.iter().map(|&id| i64::from(id)).collect();
    let ids = Tensor::<2, Int>::from_data(TensorData::new(ids, [1, prompt.len()]), device);
    model.run_layers(model.embed(ids, &at), 0..first, &at)
}
