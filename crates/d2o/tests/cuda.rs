//! A step on a CUDA device against the same step on the processor: `cargo test -p d2o --features cuda --test cuda --
//! --ignored` where there is such a device. Everywhere else the test runner lists it as ignored; asked for without a
//! device it fails, so that it never passes without having computed anything.

use std::path::Path;

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;
use d2o::device;
use d2o_model::responses::Chunking;
use d2o_model::{Trainable, load};
use d2o_objective::ObjectiveConfig;
use d2o_train::gradient::group::accumulate;
use d2o_train::group::{Response, TrainingGroup};
use d2o_train::optim::gradients::GradientSum;

/// What the NVIDIA driver makes on Linux.
const DRIVER: &str = "/dev/nvidiactl";

struct Squares<'a>(&'a GradientsParams, f64);

impl ModuleVisitor for Squares<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let gradient = self.0.get::<D>(param.id).expect("every parameter has a gradient");
        self.1 += gradient.into_data().iter::<f64>().map(|g| g * g).sum::<f64>();
    }
}

/// Scores of two anchors and a rejected answer, and the gradient's norm.
fn step(backend: &str) -> (Vec<f64>, f64) {
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("../d2o-model/tests/fixtures/golden-llama/policy");
    let device = device::open(backend).unwrap();
    let policy = load(&model, &device).unwrap().model.train_on(&Trainable::All {}, 0, &device.autodiff()).unwrap();
    let response = |ids: &[u32], reference: f64| Response { ids: ids.to_vec(), reference };
    let group = TrainingGroup {
        id: "g".to_owned(),
        prompt: vec![30, 31, 32, 33],
        anchors: vec![response(&[40, 41, 42], -17.0), response(&[50, 51], -11.0)],
        rejected: response(&[60, 61, 62, 63], -23.0),
    };
    let objective = ObjectiveConfig::D2o { beta: 0.1, alpha: 0.1 };
    let mut sum = GradientSum::default();
    let scored = accumulate(&policy, &objective, &group, 1.0, Chunking { tokens: 10, head_rows: 3 }, &mut sum);
    let gradients = sum.take().unwrap();
    let mut squares = Squares(&gradients, 0.0);
    policy.visit(&mut squares);
    let scores = [scored.anchors.policy.into_data(), scored.rejected.policy.into_data()];
    (scores.iter().flat_map(|data| data.iter::<f64>()).collect(), squares.1.sqrt())
}

#[test]
#[ignore = "needs a CUDA device; there: --features cuda and -- --ignored"]
fn a_step_on_cuda_is_the_step_on_the_processor() {
    assert!(Path::new(DRIVER).exists(), "there is no CUDA device: {DRIVER} is missing");
    let ((scores, norm), (expected, expected_norm)) = (step("cuda"), step("flex"));
    for (score, expected) in scores.iter().zip(&expected) {
        assert!((score - expected).abs() < 5e-4, "{scores:?} {expected}");
    }
    assert!((norm / expected_norm - 1.0).abs() < 1e-3, "{norm} {expected_norm}");
}
