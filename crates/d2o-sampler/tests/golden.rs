//! Filtered distributions against transformers' logits processors; `tests/fixtures/README.md` says what
//! is in the file.

use d2o_sampler::{Distribution, SamplerConfig};
use d2o_testing::parity::{Parity, worst_absolute};
use serde_json::Value;

/// Logits are given in `f32`, and the penalty divides them in it: 6e-8 of a logit of some nats.
const TOLERANCE: f64 = 1e-6;

#[test]
fn filters_leave_the_tokens_and_probabilities_that_transformers_leaves() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/distributions.json");
    let golden: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let logits: Vec<f32> = serde_json::from_value(golden["logits"].clone()).unwrap();
    let context: Vec<u32> = serde_json::from_value(golden["context"].clone()).unwrap();
    // The filters run on the processor, whatever computes the logits.
    let parity = Parity::new("llama", "processor");
    let filtered = golden["filtered"].as_array().unwrap();
    assert!(!filtered.is_empty());
    for case in filtered {
        let config: SamplerConfig = serde_json::from_value(case["settings"].clone()).unwrap();
        let (ids, found): (Vec<u32>, Vec<f64>) = Distribution::new(&logits, &context, &config).probs().unzip();
        let expected: Vec<u32> = serde_json::from_value(case["ids"].clone()).unwrap();
        assert_eq!(ids, expected, "{}", case["settings"]);
        let expected: Vec<f64> = serde_json::from_value(case["probabilities"].clone()).unwrap();
        let settings: Vec<_> = case["settings"].as_object().unwrap().keys().map(String::as_str).collect();
        let quantity = format!("distribution after {}", settings.join(", "));
        parity.check(&quantity, TOLERANCE, worst_absolute(&found, &expected));
    }
}
