//! What a run reads back: its run file, events, checkpoints and anchors.

use std::path::Path;

use burn::tensor::Device;
use d2o::config::RunConfig;
use d2o_generate::anchors::AnchorStore;
use d2o_model::Trainable;
use d2o_record::digest::sha256;
use d2o_record::jsonl;
use d2o_train::checkpoint::Checkpoint;
use d2o_train::optim::adamw::AdamW;
use serde_json::Value;

use super::models::tiny_model;
use crate::files::{in_directory, parts, write};

/// A run file and an assignment over it.
pub fn run_file(data: &[u8]) {
    let [text, assignment] = parts::<2>(data).map(String::from_utf8_lossy);
    let assignments: Vec<String> = assignment.lines().map(str::to_owned).collect();
    if let Ok(config) = RunConfig::parse("run.toml", &text, &assignments) {
        // What is accepted can be written down and says the same when it is read.
        let written = config.to_toml().expect("an accepted run file can be written");
        let again = RunConfig::parse("run.toml", &written, &[]).expect("a written run file is accepted");
        assert_eq!(again.to_toml().expect("it can be written"), written);
    }
}

/// events.jsonl, as resume and the report read it.
pub fn events(data: &[u8]) {
    let [events, evaluation, answers] = parts::<3>(data);
    in_directory(|dir| {
        for (name, bytes) in [("events.jsonl", events), ("eval.json", evaluation), ("answers.jsonl", answers)] {
            write(dir, name, bytes);
        }
        drop(jsonl::read(&dir.join("events.jsonl")));
        d2o_report::write(dir).expect("a report is drawn of whatever is there");
        drop(jsonl::truncate_after(&dir.join("events.jsonl"), 3));
    });
}

/// A checkpoint's state, tensors, optimizer and anchors; digests are made to fit, so that what they guard is read.
pub fn checkpoint(data: &[u8]) {
    let [state, tensors, optimizer, redrawn] = parts::<4>(data);
    in_directory(|dir| {
        let files = [("trainable.safetensors", tensors), ("optimizer.bpk", optimizer), ("redrawn.json", redrawn)];
        let state = serde_json::from_slice::<Value>(state).ok().and_then(|mut state| {
            let digests = state.get_mut("digests")?.as_object_mut()?;
            for (name, bytes) in files {
                if let Some(digest) = digests.get_mut(name) {
                    *digest = sha256(bytes).into();
                }
            }
            serde_json::to_vec(&state).ok()
        });
        for (name, bytes) in files {
            write(dir, &format!("step-000001/{name}"), bytes);
        }
        write(dir, "step-000001/state.json", state.as_deref().unwrap_or(b"{"));
        if let Ok((Some(checkpoint), _)) = Checkpoint::newest(dir, "fuzz") {
            let device = Device::flex().autodiff();
            let model = tiny_model().train_on(&Trainable::LastLayers { layers: 1 }, 0, &device);
            let model = model.expect("the tiny model has a last layer");
            drop(checkpoint.restore((model, AdamW::default().optimizer())));
        }
    });
}

/// An anchor store; its digest is made to fit.
pub fn anchors(data: &[u8]) {
    let [manifest, rows] = parts::<2>(data);
    let manifest = serde_json::from_slice::<Value>(manifest).ok().and_then(|mut manifest| {
        *manifest.get_mut("digest")? = sha256(rows).into();
        serde_json::to_vec(&manifest).ok()
    });
    in_directory(|dir| {
        write(dir, "manifest.json", manifest.as_deref().unwrap_or(b"{"));
        write(dir, "anchors.jsonl", rows);
        if let Ok(Some(store)) = AnchorStore::read(dir) {
            drop(store.check(Path::new("anchors"), &store.manifest.origins));
        }
    });
}
