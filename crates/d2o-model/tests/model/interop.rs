//! Writes what `xtask/python/interop_families.py` compares in transformers and PEFT.

use std::path::PathBuf;

use d2o_model::{Dtype, Trainable, save_hf, save_peft};
use serde_json::json;

use crate::golden::{FAMILIES, golden};
use crate::tiny::{device, moved};

/// Below the folder that `D2O_INTEROP_DIR` names, for every family: `base` (one file), `adapter` (PEFT),
/// `merged` (the same adapters folded in, in shards), and `logits.json` with our logits of both.
#[test]
#[ignore = "for `cargo xtask interop`, which names a folder in D2O_INTEROP_DIR"]
fn every_family_is_written_for_other_tools() {
    let out = PathBuf::from(std::env::var_os("D2O_INTEROP_DIR").expect("D2O_INTEROP_DIR names a folder"));
    for name in FAMILIES {
        let golden = golden(name);
        let dir = out.join(name);
        save_hf(&golden.model, &dir.join("base"), Dtype::F32, None).unwrap();
        let lora = Trainable::Lora { rank: 2, alpha: 4.0, targets: Vec::new(), last_layers: None };
        let adapted = moved(golden.model.train_on(&lora, 1, &device().autodiff()).unwrap());
        save_peft(&adapted, &dir.join("adapter"), &dir.join("base").to_string_lossy()).unwrap();
        save_hf(&adapted, &dir.join("merged"), Dtype::F32, Some(8_000)).unwrap();
        let logits = json!({
            "ids": golden.rows,
            "base": golden.logits(&golden.model),
            "adapted": golden.logits(&adapted.frozen()),
        });
        std::fs::write(dir.join("logits.json"), logits.to_string()).unwrap();
    }
}
