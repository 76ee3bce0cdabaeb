//! The feed-forward block.

use burn::module::Module;
use burn::tensor::Tensor;

use super::linear::Linear;
use crate::config::Activation;

/// What goes through the nonlinearity, and a map behind it.
#[derive(Module, Debug)]
pub(crate) struct FeedForward {
    pub(crate) inputs: Inputs,
    pub(crate) down: Linear,
    #[module(skip)]
    pub(crate) activation: Activation,
}

/// The maps in front of the nonlinearity.
#[derive(Module, Debug)]
#[expect(clippy::large_enum_variant, reason = "there is one for each layer")]
pub(crate) enum Inputs {
    GateAndUp(GateAndUp),
    /// One map that gives the gate and then what it gates.
    GateUpFused(Linear),
    Up(Linear),
}

#[derive(Module, Debug)]
pub(crate) struct GateAndUp {
    pub(crate) gate: Linear,
    pub(crate) up: Linear,
}

impl FeedForward {
    pub(crate) fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let inner = match &self.inputs {
            Inputs::GateAndUp(GateAndUp { gate, up }) => gated(self.activation, gate.forward(x.clone()), up.forward(x)),
            Inputs::GateUpFused(map) => {
                let both = map.forward(x);
                let [_, _, width] = both.dims();
                let half = width / 2;
                gated(self.activation, both.clone().narrow(2, 0, half), both.narrow(2, half, half))
            }
            Inputs::Up(map) => self.activation.apply(map.forward(x)),
        };
        self.down.forward(inner)
    }
}

/// `act(gate) · up`; with SiLU this is SwiGLU (arXiv 2002.05202).
pub(crate) fn gated(activation: Activation, gate: Tensor<3>, up: Tensor<3>) -> Tensor<3> {
    match activation {
        Activation::Silu => d2o_kernels::swiglu(gate, up),
        other => other.apply(gate) * up,
    }
}
