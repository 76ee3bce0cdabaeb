//! Against the losses that torch computed in float64 and TRL in float32; `tests/fixtures/README.md` says
//! what is in the files.

use std::collections::BTreeMap;

use d2o_objective::{Divergence, ObjectiveConfig};
use serde_json::Value;

use crate::sample::{Columns, Place, Sample, values};
use d2o_testing::device::backend;
use d2o_testing::parity::{Parity, worst_absolute, worst_relative};

/// For single precision, as `tests/fixtures/README.md` derives it.
const TOLERANCE: f64 = 1e-4;
const BETA: f64 = 0.1;

struct Golden {
    file: Value,
    parity: Parity,
}

fn goldens() -> impl Iterator<Item = Golden> {
    ["llama", "gpt2"].into_iter().map(|family| {
        let path = format!("{}/tests/fixtures/{family}.json", env!("CARGO_MANIFEST_DIR"));
        let file = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        Golden { file, parity: Parity::new(family, &backend()) }
    })
}

/// All numbers below `value`, in order.
fn numbers(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(values) => values.iter().flat_map(numbers).collect(),
        value => vec![value.as_f64().unwrap()],
    }
}

impl Golden {
    fn at(&self, pointer: &str) -> &Value {
        self.file.pointer(pointer).unwrap_or_else(|| panic!("the file has {pointer}"))
    }

    fn numbers(&self, pointer: &str) -> Vec<f64> {
        numbers(self.at(pointer))
    }

    fn columns(&self, kind: &str, reference: &str) -> Columns {
        Columns {
            policy: self.numbers(&format!("/scores/policy/{kind}")),
            reference: self.numbers(&format!("/scores/{reference}/{kind}")),
            tokens: self.numbers(&format!("/lengths/{kind}")),
        }
    }

    /// The chosen answers as anchors, `k = 1`.
    fn pairs(&self) -> Sample {
        let anchors = self.columns("chosen", "reference");
        let avoidance = self.numbers("/avoidance");
        Sample { batch: avoidance.len(), k: 1, anchors, rejected: self.columns("rejected", "reference"), avoidance }
    }

    /// The anchors against the reference, the rejected answers against the more helpful one.
    fn groups(&self) -> Sample {
        let pairs = self.pairs();
        let anchors = self.columns("anchors", "reference");
        let k = anchors.policy.len() / pairs.batch;
        Sample { k, anchors, rejected: self.columns("rejected", "reference_plus"), ..pairs }
    }

    fn check(&self, quantity: &str, found: &[f64], expected: &[f64]) {
        self.parity.check(quantity, TOLERANCE, worst_relative(found, expected));
    }
}

/// Losses in single precision on the device under test.
fn losses(config: &ObjectiveConfig, sample: &Sample) -> Vec<f64> {
    values(config.forward(&sample.group(&Place::single())).per_example)
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Names in the files → objectives with the same hyperparameters.
fn named() -> BTreeMap<&'static str, ObjectiveConfig> {
    use ObjectiveConfig::*;
    let (beta, label_smoothing) = (BETA, 0.1);
    BTreeMap::from([
        ("sigmoid", Dpo { beta, label_smoothing: 0.0 }),
        ("smoothed", Dpo { beta, label_smoothing }),
        ("hinge", Hinge { beta }),
        ("ipo", Ipo { tau: beta }),
        ("exo_pair", ExoPair { beta, label_smoothing }),
        ("nca_pair", NcaPair { beta }),
        ("robust", Robust { beta, label_smoothing }),
        ("bco_pair", BcoPair { beta }),
        ("sppo_hard", SppoHard { beta }),
        ("apo_zero", ApoZero { beta }),
        ("apo_down", ApoDown { beta }),
        ("discopop", Discopop { beta, tau: 0.05 }),
        ("sigmoid_norm", SigmoidNorm { beta }),
        ("aot", Aot { beta, label_smoothing }),
        ("aot_unpaired", AotUnpaired { beta, label_smoothing }),
        ("f_forward_kl", FDpo { beta, divergence: Divergence::ForwardKl }),
        ("f_js_divergence", FDpo { beta, divergence: Divergence::JensenShannon }),
        ("f_alpha_divergence", FDpo { beta, divergence: Divergence::Alpha(0.5) }),
        ("sft", Sft {}),
        ("rpo", Rpo { beta, nll_weight: 1.0 }),
        ("slic", Slic { delta: 1.0, lambda: 0.1 }),
        ("simpo", SimPo { beta: 2.0, gamma: 0.5 }),
        ("dpop", Dpop { beta: 0.3, lambda: 50.0 }),
        ("cal_dpo", CalDpo { beta }),
        ("kto", Kto { beta, desirable: 1.0, undesirable: 1.0, reference_point: 0.0 }),
        ("cpo", Cpo { beta, nll_weight: 1.0 }),
        ("orpo", Orpo { beta }),
        ("gradient_ascent", GradientAscent {}),
        ("npo", Npo { beta }),
        ("simnpo", SimNpo { beta: 2.5, gamma: 0.5 }),
        ("unlikelihood", Unlikelihood {}),
    ])
}

#[test]
fn d2o_is_that_of_the_equation_in_float64() {
    for golden in goldens() {
        let config = ObjectiveConfig::D2o { beta: BETA, alpha: 0.25 };
        let loss = config.forward(&golden.groups().group(&Place::single()));
        let check = |quantity: &str, found, field: &str| {
            let expected = golden.numbers(&format!("/d2o/{field}"));
            golden.parity.check(quantity, TOLERANCE, worst_absolute(&values(found), &expected));
        };
        check("d2o: h", loss.diagnostics.h, "h");
        check("d2o: loss", loss.per_example, "loss");
        check("d2o: weight", loss.diagnostics.w, "weight");
        let mut one = golden.groups().only_anchor(0);
        one.rejected = golden.pairs().rejected;
        let equal = ObjectiveConfig::D2o { beta: BETA, alpha: BETA };
        golden.check("d2o: K = 1 is DPO", &losses(&equal, &one), &golden.numbers("/d2o/one_anchor_is_dpo"));
    }
}

#[test]
fn every_loss_is_that_of_its_equation_in_float64() {
    for golden in goldens() {
        let pairs = golden.pairs();
        let configs = named();
        for part in ["pairs", "negatives"] {
            for (name, expected) in golden.at(&format!("/{part}")).as_object().unwrap() {
                let (mut found, mut expected) = (losses(&configs[name.as_str()], &pairs), numbers(expected));
                if name.starts_with("aot") {
                    // TRL lists the losses by rank, not by row.
                    found.sort_by(f64::total_cmp);
                    expected.sort_by(f64::total_cmp);
                }
                golden.check(&format!("loss {name}"), &found, &expected);
            }
        }
    }
}

/// What TRL's own trainer said of the same rows, in float32.
#[test]
fn every_loss_is_that_of_trl() {
    for golden in goldens() {
        let pairs = golden.pairs();
        let configs = named();
        for (name, told) in golden.at("/trl_float32").as_object().unwrap() {
            let found = match name.as_str() {
                "mixed" => mixed(&pairs),
                "length_desensitised" => losses(&configs["sigmoid"], &golden.desensitised()),
                "weighted" => {
                    let weights = golden.numbers("/agreement");
                    losses(&configs["sigmoid"], &pairs)
                        .iter()
                        .zip(weights)
                        .map(|(loss, weight)| loss * weight)
                        .collect()
                }
                name => losses(&configs[name], &pairs),
            };
            // Ranks need the whole batch; likelihood terms weigh a batch by tokens in TRL, by rows here.
            let (by_batch, by_row) = (!matches!(name.as_str(), "sft" | "mixed"), !name.starts_with("aot"));
            if by_row {
                golden.check(&format!("TRL {name}, by row"), &found, &numbers(&told["rows"]));
            }
            if by_batch {
                golden.check(&format!("TRL {name}, batch"), &[mean(&found)], &numbers(&told["batch"]));
            }
        }
    }
}

/// TRL's `loss_type=["sigmoid", "bco_pair", "sft"]` with weights 0.8, 0.2 and 1: the caller adds losses up.
fn mixed(pairs: &Sample) -> Vec<f64> {
    let configs = named();
    let parts = [("sigmoid", 0.8), ("bco_pair", 0.2), ("sft", 1.0)];
    let parts = parts.map(|(name, weight)| (losses(&configs[name], pairs), weight));
    (0..pairs.batch).map(|row| parts.iter().map(|(losses, weight)| weight * losses[row]).sum()).collect()
}

impl Golden {
    /// Scores in which tokens beyond the shorter answer count half: the caller decides what a score is.
    fn desensitised(&self) -> Sample {
        let of = |model: &str, kind: &str| self.numbers(&format!("/desensitised/{model}/{kind}"));
        let mut pairs = self.pairs();
        (pairs.anchors.policy, pairs.anchors.reference) = (of("policy", "chosen"), of("reference", "chosen"));
        (pairs.rejected.policy, pairs.rejected.reference) = (of("policy", "rejected"), of("reference", "rejected"));
        pairs
    }
}

#[test]
fn preferences_are_those_of_trls_cpo_and_orpo() {
    for golden in goldens() {
        let pairs = golden.pairs();
        let check = |name: &str, config: ObjectiveConfig, without: Option<ObjectiveConfig>| {
            let mut found = losses(&config, &pairs);
            for (loss, other) in found.iter_mut().zip(without.iter().flat_map(|config| losses(config, &pairs))) {
                *loss -= other;
            }
            golden.check(&format!("TRL {name}"), &found, &golden.numbers(&format!("/trl_functions/{name}")));
        };
        check("simpo", ObjectiveConfig::SimPo { beta: 2.0, gamma: 0.5 }, None);
        check("cpo_preference", ObjectiveConfig::Cpo { beta: BETA, nll_weight: 0.0 }, None);
        check("orpo_preference", ObjectiveConfig::Orpo { beta: BETA }, Some(ObjectiveConfig::Sft {}));
    }
}

/// TRL alternates good and bad rows and estimates `z₀` from mismatched ones; given that, the losses agree.
#[test]
fn kto_is_that_of_trl_given_its_reference_point() {
    for golden in goldens() {
        for batch in golden.at("/trl_kto_float32").as_array().unwrap() {
            let first = batch["first"].as_u64().unwrap() as usize;
            let pairs = golden.pairs().matched([first, first + 2], [first + 1, first + 3]);
            let reference_point = batch["kl"].as_f64().unwrap();
            let config = ObjectiveConfig::Kto { beta: BETA, desirable: 0.8, undesirable: 1.3, reference_point };
            // Two pairs are four rows.
            let found = losses(&config, &pairs).iter().sum::<f64>() / 4.0;
            golden.check("TRL kto, batch", &[found], &numbers(&batch["loss"]));
        }
    }
}

impl Sample {
    /// The anchors of some rows beside the rejected answers of others, for `k = 1`.
    fn matched(&self, anchors: [usize; 2], rejected: [usize; 2]) -> Self {
        let pick = |columns: &Columns, rows: [usize; 2]| Columns {
            policy: rows.map(|row| columns.policy[row]).to_vec(),
            reference: rows.map(|row| columns.reference[row]).to_vec(),
            tokens: rows.map(|row| columns.tokens[row]).to_vec(),
        };
        Self {
            batch: 2,
            k: 1,
            anchors: pick(&self.anchors, anchors),
            rejected: pick(&self.rejected, rejected),
            avoidance: rejected.map(|row| self.avoidance[row]).to_vec(),
        }
    }
}
