//! Gradients of every parameter, and the weights after three steps.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;
use d2o_model::CausalLm;
use d2o_model::responses::Chunking;
use d2o_objective::ObjectiveConfig;
use d2o_record::{Event, ObserveError, Observer, Observers};
use d2o_train::gradient::group::accumulate;
use d2o_train::optim::adamw::AdamW;
use d2o_train::optim::gradients::GradientSum;
use d2o_train::optim::schedule::{Decay, Schedule, WarmUp};
use d2o_train::{StopRules, Trainer};
use safetensors::SafeTensors;
use serde_json::Value;

use crate::file::{Anchors, Golden, fixtures, goldens, number};

/// Norms of gradients, relative; losses, relative.
const TOLERANCE: f64 = 1e-4;
/// Small chunks, so that a group takes several passes.
const CHUNKING: Chunking = Chunking { tokens: 24, head_rows: 7 };

struct GradientValues<'a>(&'a GradientsParams, Vec<(Vec<usize>, Vec<f64>)>);

impl ModuleVisitor for GradientValues<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let gradient = self.0.get::<D>(param.id).expect("every parameter has a gradient");
        self.1.push((gradient.dims().to_vec(), gradient.into_data().iter::<f64>().collect()));
    }
}

/// `Σ g²` under the root, and `Σ g_i cos i` over Hugging Face's order of the values.
fn figures(transposed: bool, shape: &[usize], gradient: &[f64]) -> (f64, f64) {
    let norm = gradient.iter().map(|g| g * g).sum::<f64>().sqrt();
    let terms = gradient.iter().enumerate().map(|(index, g)| g * (in_file(transposed, shape, index) as f64).cos());
    (norm, terms.sum())
}

/// Place in Hugging Face's layout of the value at `index` here.
fn in_file(transposed: bool, shape: &[usize], index: usize) -> usize {
    match shape {
        [input, out] if transposed => index % out * input + index / out,
        _ => index,
    }
}

/// Shape and values of each parameter's gradient.
type Gradients = BTreeMap<String, (Vec<usize>, Vec<f64>)>;

/// Mean loss and gradients of all groups, by Hugging Face's names.
fn gradients(golden: &Golden, objective: &ObjectiveConfig, anchors: Anchors) -> (f64, Gradients) {
    let policy = golden.policy();
    let groups = golden.groups(anchors);
    let scale = 1.0 / groups.len() as f64;
    let mut sum = GradientSum::default();
    let mut loss = 0.0;
    for group in &groups {
        let scored = accumulate(&policy, objective, group, scale, CHUNKING, &mut sum);
        loss += scale * objective.forward(&scored).per_example.into_data().iter::<f64>().sum::<f64>();
    }
    let sum = sum.take().unwrap();
    let mut values = GradientValues(&sum, Vec::new());
    policy.visit(&mut values);
    let names = policy.trainable().into_iter().map(|(name, _)| name);
    (loss, names.zip(values.1).collect())
}

#[test]
fn every_gradient_is_that_of_float64() {
    let beta = 0.1;
    let objectives = [
        ("d2o", ObjectiveConfig::D2o { beta, alpha: 0.25 }, Anchors::Own),
        ("dpo", ObjectiveConfig::Dpo { beta, label_smoothing: 0.0 }, Anchors::Chosen),
        ("npo", ObjectiveConfig::Npo { beta }, Anchors::Chosen),
        ("unlikelihood", ObjectiveConfig::Unlikelihood {}, Anchors::Chosen),
    ];
    for golden in goldens() {
        for (name, objective, anchors) in objectives {
            let expected = &golden.file["gradients"][name];
            let (loss, found) = gradients(&golden, &objective, anchors);
            let off = (loss / number(&expected["loss"]) - 1.0).abs();
            golden.parity.check(&format!("whole-step loss, {name}"), TOLERANCE, off);
            golden.parity.check(
                &format!("gradient of every parameter, {name}"),
                TOLERANCE,
                farthest(golden.family, &found, &expected["parameters"]),
            );
        }
    }
}

/// The largest difference of a parameter's figures, relative to the norm of its gradient.
fn farthest(family: &str, found: &Gradients, expected: &Value) -> f64 {
    let expected = expected.as_object().unwrap();
    assert_eq!(found.len(), expected.len());
    let off = |(name, expected): (&String, &Value)| {
        let (shape, gradient) = &found[name];
        let (norm, cosine_sum) = figures(is_transposed(family, name), shape, gradient);
        let (norm_there, sum_there) = (number(&expected["norm"]), number(&expected["cosine_sum"]));
        (norm - norm_there).abs().max((cosine_sum - sum_there).abs()) / norm_there
    };
    expected.iter().map(off).fold(0.0, f64::max)
}

/// Whether the file holds the matrix as `[out, in]`, the other way round than here. GPT-2's maps are `[in, out]`
/// there too, and embeddings are `[vocab, width]` everywhere.
fn is_transposed(family: &str, name: &str) -> bool {
    family != "gpt2" && name != "model.embed_tokens.weight"
}

/// Losses and gradient norms as the loop tells them.
#[derive(Default, Clone)]
struct Told(std::rc::Rc<std::cell::RefCell<Vec<(f64, f64)>>>);

impl Observer for Told {
    fn observe(&mut self, event: &Event) -> Result<(), ObserveError> {
        if let Event::Step { figures, .. } = event {
            self.0.borrow_mut().push((figures.loss, figures.grad_norm));
        }
        Ok(())
    }
}

/// Runs the real loop on all groups at once and returns the model with what it told.
fn trained(golden: &Golden) -> (CausalLm, Vec<(f64, f64)>) {
    let adamw = &golden.file["adamw"];
    let groups = golden.groups(Anchors::Own);
    let steps = adamw["trace"].as_array().unwrap().len();
    let trainer = Trainer::builder(&groups)
        .objective(ObjectiveConfig::D2o { beta: 0.1, alpha: 0.25 })
        .groups_per_step(groups.len())
        .schedule(Schedule {
            peak: number(&adamw["lr"]),
            warmup_steps: 0,
            warmup: WarmUp::Zero,
            steps,
            decay: Decay::Constant,
            final_fraction: 1.0,
        })
        .optimizer(AdamW {
            beta1: number(&adamw["betas"][0]),
            beta2: number(&adamw["betas"][1]),
            epsilon: number(&adamw["epsilon"]),
            weight_decay: number(&adamw["weight_decay"]),
        })
        .max_grad_norm(number(&adamw["clip"]))
        .chunking(CHUNKING)
        .stop(StopRules::off())
        .build()
        .unwrap();
    let told = Told::default();
    let mut observers = Observers::new().with(told.clone());
    let trained = trainer.run(golden.policy(), None, &mut observers, &AtomicBool::new(false)).unwrap();
    let told = told.0.borrow().clone();
    (trained.model, told)
}

#[test]
fn three_steps_of_adamw_are_those_of_torch() {
    for golden in goldens() {
        let (model, told) = trained(&golden);
        let trace = golden.file["adamw"]["trace"].as_array().unwrap();
        assert_eq!(told.len(), trace.len());
        let relative = |found: f64, expected: &Value| (found / number(expected) - 1.0).abs();
        let losses = told.iter().zip(trace).map(|((loss, _), step)| relative(*loss, &step["loss"]));
        let norms = told.iter().zip(trace).map(|((_, norm), step)| relative(*norm, &step["norm"]));
        golden.parity.check("AdamW, loss of each step", TOLERANCE, losses.fold(0.0, f64::max));
        golden.parity.check("AdamW, gradient norm of each step", TOLERANCE, norms.fold(0.0, f64::max));
        let mut off = differences(&golden, &model);
        off.sort_by(f64::total_cmp);
        golden.parity.check("AdamW, 99 % of weights", 1e-6, off[off.len() * 99 / 100]);
        // A gradient near zero whose sign flips moves a weight by twice the rate at every step.
        let most = 2.0 * number(&golden.file["adamw"]["lr"]) * trace.len() as f64;
        golden.parity.check("AdamW, every weight", most, off[off.len() - 1]);
    }
}

/// `|θ − θ_torch|` of every fifth weight in Hugging Face's order.
fn differences(golden: &Golden, model: &CausalLm) -> Vec<f64> {
    let bytes = std::fs::read(fixtures().join(format!("{}-adamw.safetensors", golden.family))).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let stride = golden.file["adamw"]["stride"].as_u64().unwrap() as usize;
    let mut off = Vec::new();
    for (name, data) in model.trainable() {
        let mut values = vec![0.0; data.num_elements()];
        for (index, value) in data.iter::<f64>().enumerate() {
            values[in_file(is_transposed(golden.family, &name), data.shape(), index)] = value;
        }
        let view = file.tensor(&name).unwrap();
        let expected = view.data().as_chunks().0.iter().map(|&b| f64::from(f32::from_le_bytes(b)));
        let found = values.iter().step_by(stride);
        assert_eq!(found.len(), expected.len());
        off.extend(found.zip(expected).map(|(found, expected)| (found - expected).abs()));
    }
    off
}
