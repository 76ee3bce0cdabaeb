//! The models in `tests/fixtures` and what is expected of them; the README there says what is in the files.

use std::collections::BTreeMap;
use std::path::PathBuf;

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Gradients, Tensor};
use d2o_model::{CausalLm, Placement, load};
use serde_json::Value;

use crate::tiny::{batch, device, floats, read, row, targets};

/// Every fixture, by the name of its folder.
pub(crate) const FAMILIES: [&str; 13] = [
    "tiny-llama",
    "tiny-llama-tied",
    "llama3",
    "llama-biased",
    "mistral",
    "qwen2",
    "qwen3",
    "phi3",
    "phi3-longrope",
    "gemma2",
    "gemma3",
    "smollm3",
    "gpt2",
];

pub(crate) struct Golden {
    pub(crate) model: CausalLm,
    /// Token ids, rows of one length.
    pub(crate) rows: Vec<Vec<u32>>,
    /// The response of each row begins here.
    pub(crate) prompt: usize,
    pub(crate) logits: Vec<f64>,
    /// Of the response tokens.
    pub(crate) log_probs: Vec<f64>,
    /// Of minus the sum of the log-probabilities: norm and cosine sum of each tensor.
    pub(crate) gradients: BTreeMap<String, [f64; 2]>,
}

pub(crate) fn golden(name: &str) -> Golden {
    let dir: PathBuf = [env!("CARGO_MANIFEST_DIR"), "tests", "fixtures", name].iter().collect();
    let text = std::fs::read_to_string(dir.join("golden.json")).unwrap();
    let expected: Value = serde_json::from_str(&text).unwrap();
    let logits = dir.join("logits.safetensors");
    let gradients = expected["gradients"].as_object().unwrap().iter();
    Golden {
        model: load(&dir, &device()).unwrap().model,
        rows: serde_json::from_value(expected["ids"].clone()).unwrap(),
        prompt: serde_json::from_value(expected["prompt_len"].clone()).unwrap(),
        logits: match logits.exists() {
            true => read(&logits)["logits"].1.iter().map(|&logit| f64::from(logit)).collect(),
            false => numbers(&expected["logits"]),
        },
        log_probs: numbers(&expected["log_probs"]),
        gradients: gradients
            .map(|(name, of)| (name.clone(), [&of["norm"], &of["cosine_sum"]].map(|number| number.as_f64().unwrap())))
            .collect(),
    }
}

/// All numbers below `value`, in order.
fn numbers(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(values) => values.iter().flat_map(numbers).collect(),
        value => vec![value.as_f64().unwrap()],
    }
}

impl Golden {
    /// Final hidden states of all rows.
    pub(crate) fn hidden(&self, model: &CausalLm) -> Tensor<3> {
        let at = Placement::causal(self.rows.len(), self.rows[0].len(), &device());
        model.hidden(batch(&self.rows), &at)
    }

    /// Logits of all rows, one after the other.
    pub(crate) fn logits(&self, model: &CausalLm) -> Vec<f32> {
        let hidden = self.hidden(model);
        let [batch, len, width] = hidden.dims();
        floats(model.logits(hidden.reshape([batch * len, width])))
    }

    /// Log-probability of each row's response tokens, given what stands before them.
    pub(crate) fn log_probs(&self, model: &CausalLm) -> Tensor<1> {
        let hidden = self.hidden(model);
        let of = |(index, ids): (usize, &Vec<u32>)| {
            let response = &ids[self.prompt..];
            let rows = row(&hidden, index).narrow(0, self.prompt - 1, response.len());
            model.log_probs(rows, targets(response), 4)
        };
        Tensor::cat(self.rows.iter().enumerate().map(of).collect(), 0)
    }
}

/// The gradient of every parameter, with its shape, by name; every parameter must have one.
pub(crate) fn gradients(policy: &CausalLm, gradients: &Gradients) -> BTreeMap<String, (Vec<usize>, Vec<f32>)> {
    let mut slopes = Slopes { of: gradients, found: Vec::new() };
    policy.visit(&mut slopes);
    let names = policy.trainable().into_iter().map(|(name, _)| name);
    let every = slopes.found.into_iter().map(|slope| slope.expect("every parameter has a gradient"));
    names.zip(every).collect()
}

/// The gradients of the parameters that train, by name.
pub(crate) fn tracked(policy: &CausalLm, gradients: &Gradients) -> BTreeMap<String, Vec<f32>> {
    let mut slopes = Slopes { of: gradients, found: Vec::new() };
    policy.visit(&mut slopes);
    let names = policy.trainable().into_iter().map(|(name, _)| name);
    names.zip(slopes.found.into_iter().flatten().map(|(_, slope)| slope)).collect()
}

/// Shape and values of a gradient, for the parameters that have one.
struct Slopes<'a> {
    of: &'a Gradients,
    found: Vec<Option<(Vec<usize>, Vec<f32>)>>,
}

impl ModuleVisitor for Slopes<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let value = param.val();
        let gradient = if value.is_autodiff() { value.grad(self.of) } else { None };
        self.found.push(gradient.map(|gradient| (gradient.dims().to_vec(), floats(gradient))));
    }
}
