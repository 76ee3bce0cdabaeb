//! The files, as models and groups.

use std::path::PathBuf;

use d2o_model::{CausalLm, Trainable, load};
use d2o_train::group::{Response, TrainingGroup};
use serde_json::Value;

use d2o_testing::device::{backend, device};
use d2o_testing::parity::Parity;

pub(crate) struct Golden {
    pub(crate) family: &'static str,
    pub(crate) file: Value,
    pub(crate) parity: Parity,
}

pub(crate) fn fixtures() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/golden")
}

pub(crate) fn json(name: &str) -> Value {
    serde_json::from_slice(&std::fs::read(fixtures().join(name)).unwrap()).unwrap()
}

pub(crate) fn goldens() -> impl Iterator<Item = Golden> {
    crate::FAMILIES.iter().map(|&family| Golden {
        family,
        file: json(&format!("{family}.json")),
        parity: Parity::new(family, &backend()),
    })
}

pub(crate) fn number(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

/// Which answers stand in the anchors' place.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Anchors {
    /// The K anchors, the rejected answer against the more helpful reference.
    Own,
    /// The chosen answer alone, one reference.
    Chosen,
}

impl Golden {
    /// The policy, all of it trained.
    pub(crate) fn policy(&self) -> CausalLm {
        let fixtures = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../d2o-model/tests/fixtures");
        let base = load(&fixtures.join(format!("golden-{}", self.family)).join("policy"), &device()).unwrap().model;
        base.train_on(&Trainable::All {}, 0, &device().autodiff()).unwrap()
    }

    pub(crate) fn groups(&self, anchors: Anchors) -> Vec<TrainingGroup> {
        let rows = self.file["examples"].as_array().unwrap();
        rows.iter().enumerate().map(|(index, row)| self.group(index, row, anchors)).collect()
    }

    fn group(&self, index: usize, row: &Value, anchors: Anchors) -> TrainingGroup {
        let ids = |value: &Value| serde_json::from_value::<Vec<u32>>(value.clone()).unwrap();
        let sum = |reference: &str, kind: &str| &self.file["sums"][reference][kind][index];
        let response = |value: &Value, sum: &Value| Response { ids: ids(value), reference: number(sum) };
        let (anchors, rejected_by) = match anchors {
            Anchors::Own => {
                let sums = sum("reference", "anchors").as_array().unwrap();
                let answers = row["anchors"].as_array().unwrap().iter().zip(sums);
                (answers.map(|(answer, sum)| response(answer, sum)).collect(), "reference_plus")
            }
            Anchors::Chosen => (vec![response(&row["chosen"], sum("reference", "chosen"))], "reference"),
        };
        TrainingGroup {
            id: index.to_string(),
            prompt: ids(&row["prompt"]),
            anchors,
            rejected: response(&row["rejected"], sum(rejected_by, "rejected")),
        }
    }
}
