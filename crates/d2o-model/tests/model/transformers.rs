//! Against what transformers computed in float64; `tests/fixtures/README.md` says what is in the files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Gradients, Tensor};
use d2o_model::{CausalLm, Placement, Trainable, load};
use serde_json::Value;

use crate::tiny::{batch, device, floats, row, targets};

/// What the files' README advises for f32.
const TOLERANCE: f64 = 1e-4;

struct Golden {
    model: CausalLm,
    expected: Value,
    rows: Vec<Vec<u32>>,
    prompt: usize,
}

fn golden(name: &str) -> Golden {
    let dir: PathBuf = [env!("CARGO_MANIFEST_DIR"), "tests", "fixtures", name].iter().collect();
    let text = std::fs::read_to_string(dir.join("golden.json")).unwrap();
    let expected: Value = serde_json::from_str(&text).unwrap();
    let rows = serde_json::from_value(expected["ids"].clone()).unwrap();
    let prompt = serde_json::from_value(expected["prompt_len"].clone()).unwrap();
    Golden { model: load(Path::new(&dir), &device()).unwrap().model, expected, rows, prompt }
}

/// All numbers below `value`, in order.
fn numbers(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(values) => values.iter().flat_map(numbers).collect(),
        value => vec![value.as_f64().unwrap()],
    }
}

fn assert_near(found: &[f32], expected: &Value) {
    let expected = numbers(expected);
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert!((f64::from(*found) - expected).abs() < TOLERANCE, "{found} against {expected}");
    }
}

impl Golden {
    fn hidden(&self, model: &CausalLm) -> Tensor<3> {
        let at = Placement::causal(self.rows.len(), self.rows[0].len(), &device());
        model.hidden(batch(&self.rows), &at)
    }

    /// Log-probability of each row's response tokens, given what stands before them.
    fn log_probs(&self, model: &CausalLm) -> Tensor<1> {
        let hidden = self.hidden(model);
        let of = |(index, ids): (usize, &Vec<u32>)| {
            let response = &ids[self.prompt..];
            let rows = row(&hidden, index).narrow(0, self.prompt - 1, response.len());
            model.log_probs(rows, targets(response), 4)
        };
        Tensor::cat(self.rows.iter().enumerate().map(of).collect(), 0)
    }
}

#[test]
fn logits_and_log_probs_are_those_of_transformers() {
    for name in ["tiny-llama", "tiny-llama-tied"] {
        let golden = golden(name);
        let [batch, len, width] = golden.hidden(&golden.model).dims();
        let hidden = golden.hidden(&golden.model).reshape([batch * len, width]);
        assert_near(&floats(golden.model.logits(hidden)), &golden.expected["logits"]);
        assert_near(&floats(golden.log_probs(&golden.model)), &golden.expected["log_probs"]);
    }
}

struct Slopes<'a>(&'a Gradients, Vec<(Vec<usize>, Vec<f32>)>);

impl ModuleVisitor for Slopes<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let gradient = param.val().grad(self.0).expect("every parameter has a gradient");
        self.1.push((gradient.dims().to_vec(), floats(gradient)));
    }
}

/// `Σ g²` under the root, and `Σ g_i cos i` over Hugging Face's order of the values.
fn figures(name: &str, shape: &[usize], gradient: &[f32]) -> (f64, f64) {
    let norm = gradient.iter().map(|&g| f64::from(g).powi(2)).sum::<f64>().sqrt();
    let in_file = |index: usize| match shape {
        [input, out] if name != "model.embed_tokens.weight" => index % out * input + index / out,
        _ => index,
    };
    let terms = gradient.iter().enumerate().map(|(i, &g)| f64::from(g) * (in_file(i) as f64).cos());
    (norm, terms.sum())
}

#[test]
fn gradients_are_those_of_transformers() {
    for name in ["tiny-llama", "tiny-llama-tied"] {
        let golden = golden(name);
        let policy = golden.model.train_on(&Trainable::All {}, 0, &device().autodiff()).unwrap();
        let gradients = golden.log_probs(&policy).sum().neg().backward();
        let mut slopes = Slopes(&gradients, Vec::new());
        policy.visit(&mut slopes);
        let names = policy.trainable().into_iter().map(|(name, _)| name);
        let found: BTreeMap<_, _> = names.zip(slopes.1).collect();
        let expected = golden.expected["gradients"].as_object().unwrap();
        assert_eq!(found.len(), expected.len());
        for (tensor, expected) in expected {
            let (shape, gradient) = &found[tensor];
            let (norm, cosine_sum) = figures(tensor, shape, gradient);
            let (expected_norm, expected_sum) = (numbers(&expected["norm"])[0], numbers(&expected["cosine_sum"])[0]);
            let tolerance = TOLERANCE * expected_norm;
            assert!((norm - expected_norm).abs() < tolerance, "{name} {tensor}: norm {norm}");
            assert!((cosine_sum - expected_sum).abs() < tolerance, "{name} {tensor}: sum {cosine_sum}");
        }
    }
}
