//! Sums of parameter gradients, scaled on the device.

use burn::module::{Module, ModuleVisitor, Param, ParamId};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;

/// A running sum of gradients, keyed by parameter.
#[derive(Default)]
pub struct GradientSum {
    sum: Option<GradientsParams>,
}

impl GradientSum {
    /// Adds `scale · gradients`; `scale` is a one-element tensor, so nothing is read back.
    pub fn add_scaled<M: Module>(&mut self, module: &M, gradients: GradientsParams, scale: Option<Tensor<1>>) {
        let sum = self.sum.take().unwrap_or_default();
        let mut visitor = AddScaled { sum, gradients, scale };
        module.visit(&mut visitor);
        self.sum = Some(visitor.sum);
    }

    /// The sum, leaving an empty one behind. `None` if nothing was added.
    pub fn take(&mut self) -> Option<GradientsParams> {
        self.sum.take()
    }
}

/// All gradients as one vector, parameter by parameter in the module's order; empty if there are none.
pub fn flattened<M: Module>(module: &M, gradients: Option<GradientsParams>) -> Vec<f32> {
    let mut flat = Flat { gradients: gradients.unwrap_or_default(), values: Vec::new() };
    module.visit(&mut flat);
    flat.values
}

struct Flat {
    gradients: GradientsParams,
    values: Vec<f32>,
}

impl ModuleVisitor for Flat {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = self.gradients.remove::<D>(param.id) {
            self.values.extend(gradient.into_data().iter::<f32>());
        }
    }
}

struct AddScaled {
    sum: GradientsParams,
    gradients: GradientsParams,
    scale: Option<Tensor<1>>,
}

impl ModuleVisitor for AddScaled {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let Some(gradient) = self.gradients.remove::<D>(param.id) else {
            return;
        };
        let gradient = match &self.scale {
            Some(scale) => gradient * scale.clone().reshape([1i64; D]),
            None => gradient,
        };
        let total = match self.sum.remove::<D>(param.id) {
            Some(sum) => sum + gradient,
            None => gradient,
        };
        self.sum.register(param.id, total);
    }
}

/// Scales all gradients by `min(1, limit / norm)` over their joint Euclidean norm, as one vector.
///
/// Returns the norm before clipping, `[1]`; nothing is read back from the device.
/// `limit = 0` leaves the gradients as they are. Burn's own clipping works tensor by tensor and is
/// a different operation. Source: Pascanu et al., arXiv 1211.5063; the `1e-6` in the denominator is
/// that of `torch.nn.utils.clip_grad_norm_`.
///
/// # Panics
/// If there is no gradient at all: a step that trains nothing is a bug.
pub fn clip_global_norm<M: Module>(module: &M, gradients: GradientsParams, limit: f64) -> (GradientsParams, Tensor<1>) {
    let mut squares = SquaredNorm { gradients, total: None, ids: Vec::new() };
    module.visit(&mut squares);
    let norm = squares.total.expect("at least one parameter has a gradient").sqrt();
    let gradients = if limit > 0.0 {
        let scale = (norm.clone() + 1e-6).recip().mul_scalar(limit).clamp_max(1.0);
        let mut sum = GradientSum::default();
        sum.add_scaled(module, squares.gradients, Some(scale));
        sum.take().unwrap_or_default()
    } else {
        squares.gradients
    };
    (gradients, norm)
}

struct SquaredNorm {
    gradients: GradientsParams,
    total: Option<Tensor<1>>,
    ids: Vec<ParamId>,
}

impl ModuleVisitor for SquaredNorm {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let Some(gradient) = self.gradients.get::<D>(param.id) else {
            return;
        };
        self.ids.push(param.id);
        let square = (gradient.clone() * gradient).sum();
        self.total = Some(match self.total.take() {
            Some(total) => total + square,
            None => square,
        });
    }
}
