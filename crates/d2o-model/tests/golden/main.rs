//! A tiny model of a family with two neighbours, its reference and its more helpful reference, against what
//! torch computed in float64; `tests/fixtures/README.md` says what is in the files.

use std::path::PathBuf;

use burn::tensor::activation::log_softmax;
use burn::tensor::{Int, Tensor, TensorData};
use d2o_model::{CausalLm, Placement, load};
use d2o_testing::device::{backend, device};
use d2o_testing::parity::{Parity, worst_absolute};
use safetensors::{Dtype, SafeTensors};
use serde_json::Value;

const FAMILIES: &[&str] = &["llama", "gpt2"];
/// Logits and log-probabilities of single tokens in `f32`, absolute.
const TOLERANCE: f64 = 1e-4;
/// Log-probabilities summed over an answer in `f32`, absolute, nats.
const SUMMED: f64 = 5e-4;

struct Golden {
    dir: PathBuf,
    file: Value,
    parity: Parity,
}

fn goldens() -> impl Iterator<Item = Golden> {
    FAMILIES.iter().map(|family| {
        let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(format!("golden-{family}"));
        let file = serde_json::from_slice(&std::fs::read(dir.join("golden.json")).unwrap()).unwrap();
        Golden { dir, file, parity: Parity::new(family, &backend()) }
    })
}

/// All numbers below `value`, in order.
fn numbers(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(values) => values.iter().flat_map(numbers).collect(),
        value => vec![value.as_f64().unwrap()],
    }
}

fn floats<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    tensor.into_data().iter::<f64>().collect()
}

fn int<const D: usize>(ids: &[u32], shape: [usize; D]) -> Tensor<D, Int> {
    let ids: Vec<i64> = ids.iter().map(|&id| i64::from(id)).collect();
    Tensor::from_data(TensorData::new(ids, shape), &device())
}

impl Golden {
    fn model(&self, name: &str) -> CausalLm {
        load(&self.dir.join(name), &device()).unwrap().model
    }

    fn ids(&self, row: &Value) -> Vec<u32> {
        serde_json::from_value(row.clone()).unwrap()
    }

    /// `(prompt, answer)` of every answer of a kind, anchors row by row.
    fn answers(&self, kind: &str) -> Vec<(Vec<u32>, Vec<u32>)> {
        let rows = self.file["examples"].as_array().unwrap();
        let of = |row: &Value| match row[kind].as_array().unwrap().first() {
            Some(Value::Array(_)) => row[kind].as_array().unwrap().iter().map(|answer| self.ids(answer)).collect(),
            _ => vec![self.ids(&row[kind])],
        };
        let pairs = |row: &Value| {
            let prompt = self.ids(&row["prompt"]);
            of(row).into_iter().map(move |answer: Vec<u32>| (prompt.clone(), answer))
        };
        rows.iter().flat_map(pairs).collect()
    }
}

/// Final hidden states that predict the answer's tokens, `[answer, width]`.
fn predicting(model: &CausalLm, prompt: &[u32], answer: &[u32]) -> Tensor<2> {
    let ids = [prompt, answer].concat();
    let at = Placement::causal(1, ids.len(), &device());
    let hidden = model.hidden(int(&ids, [1, ids.len()]), &at).squeeze_dim::<2>(0);
    hidden.narrow(0, prompt.len() - 1, answer.len())
}

fn token_log_probs(model: &CausalLm, prompt: &[u32], answer: &[u32]) -> Vec<f64> {
    floats(model.log_probs(predicting(model, prompt, answer), int(answer, [answer.len()]), 64))
}

#[test]
fn hidden_states_and_logits_are_those_of_float64() {
    for golden in goldens() {
        let bytes = std::fs::read(golden.dir.join("states.safetensors")).unwrap();
        let file = SafeTensors::deserialize(&bytes).unwrap();
        let numbers = |name: &str| -> Vec<f64> {
            let view = file.tensor(name).unwrap();
            match view.dtype() {
                Dtype::F32 => view.data().as_chunks().0.iter().map(|&b| f64::from(f32::from_le_bytes(b))).collect(),
                Dtype::I64 => view.data().as_chunks().0.iter().map(|&b| i64::from_le_bytes(b) as f64).collect(),
                other => panic!("{name} is {other:?}"),
            }
        };
        let prefix = "2.rejected";
        let ids: Vec<u32> = numbers(&format!("{prefix}.ids")).into_iter().map(|id| id as u32).collect();
        let model = golden.model("policy");
        let at = Placement::causal(1, ids.len(), &device());
        let input = int(&ids, [1, ids.len()]);
        let mut hidden = vec![model.embed(input.clone(), &at)];
        for layer in 0..model.layers_len() {
            hidden.push(model.run_layers(hidden[layer].clone(), layer..layer + 1, &at));
        }
        let last = hidden.pop().unwrap();
        hidden.push(model.final_norm(last));
        let logits = model.logits(hidden[model.layers_len()].clone().squeeze_dim(0));
        for (layer, hidden) in hidden.into_iter().enumerate() {
            let expected = numbers(&format!("{prefix}.hidden.{layer}"));
            golden.parity.check(
                &format!("hidden states {layer}"),
                TOLERANCE,
                worst_absolute(&floats(hidden), &expected),
            );
        }
        golden.parity.check(
            "logits",
            TOLERANCE,
            worst_absolute(&floats(logits), &numbers(&format!("{prefix}.logits"))),
        );
    }
}

#[test]
fn token_log_probabilities_are_those_of_float64() {
    for golden in goldens() {
        let model = golden.model("policy");
        for kind in ["chosen", "rejected", "anchors"] {
            let found =
                golden.answers(kind).iter().flat_map(|(p, a)| token_log_probs(&model, p, a)).collect::<Vec<_>>();
            let expected = numbers(&golden.file["tokens"][kind]);
            let quantity = format!("token log-probabilities, {kind}");
            golden.parity.check(&quantity, TOLERANCE, worst_absolute(&found, &expected));
        }
    }
}

#[test]
fn summed_log_probabilities_are_those_of_float64() {
    for golden in goldens() {
        for name in ["policy", "reference", "reference_plus"] {
            if !golden.dir.join(name).exists() {
                continue;
            }
            let model = golden.model(name);
            for kind in ["chosen", "rejected", "anchors"] {
                let sum =
                    |(prompt, answer): &(Vec<u32>, Vec<u32>)| token_log_probs(&model, prompt, answer).iter().sum();
                let found: Vec<f64> = golden.answers(kind).iter().map(sum).collect();
                let expected = numbers(&golden.file["sums"][name][kind]);
                let quantity = format!("summed log-probabilities, {name}, {kind}");
                golden.parity.check(&quantity, SUMMED, worst_absolute(&found, &expected));
            }
        }
    }
}

#[test]
fn entropy_and_divergence_are_those_of_float64() {
    for golden in goldens() {
        let (policy, reference) = (golden.model("policy"), golden.model("reference"));
        let (mut entropy, mut divergence) = (Vec::new(), Vec::new());
        for (prompt, answer) in golden.answers("rejected") {
            let table = |model: &CausalLm| log_softmax(model.logits(predicting(model, &prompt, &answer)), 1);
            let (p, q) = (table(&policy), table(&reference));
            let mean = |per_token: Tensor<2>| floats((p.clone().exp() * per_token).sum_dim(1).mean())[0];
            entropy.push(-mean(p.clone()));
            divergence.push(mean(p.clone() - q));
        }
        golden.parity.check("entropy", TOLERANCE, worst_absolute(&entropy, &numbers(&golden.file["entropy"])));
        golden.parity.check(
            "KL from policy to reference",
            TOLERANCE,
            worst_absolute(&divergence, &numbers(&golden.file["kl"])),
        );
    }
}
