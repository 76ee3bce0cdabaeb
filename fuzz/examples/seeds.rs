//! Writes the seeds that nobody types: binary files and JSON of the workspace's own making.
//!
//! `cargo run -p d2o-fuzz --example seeds` writes them anew below `fuzz/seeds`; seeds written by hand stay.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use burn::tensor::Device;
use d2o_fuzz::{SEPARATOR, tiny_model};
use d2o_generate::Origins;
use d2o_generate::anchors::AnchorStore;
use d2o_gguf::{GgmlType, GgufWriter, Metadata, TensorInfo, Vocabulary};
use d2o_model::gguf::{GgufDtype, save_gguf};
use d2o_model::{Dtype, Trainable, save_hf, save_peft};
use d2o_text::TextTokenizer;
use d2o_train::checkpoint::{Checkpoint, CheckpointState};
use d2o_train::optim::adamw::AdamW;
use d2o_train::redraw::Redrawn;
use flate2::{Compression, GzBuilder};

type Done = Result<(), Box<dyn std::error::Error>>;

fn main() -> Done {
    gguf()?;
    weights()?;
    adapter()?;
    checkpoint()?;
    anchors()?;
    tokenizer()?;
    packed()
}

fn seed(target: &str, name: &str, parts: &[&[u8]]) -> Done {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(target);
    fs::create_dir_all(&dir)?;
    Ok(fs::write(dir.join(name), parts.join(SEPARATOR))?)
}

fn gguf() -> Done {
    let dir = tempfile::tempdir()?;
    let path = dir.path().join("model.gguf");
    let vocabulary = Vocabulary {
        model: "gpt2".to_owned(),
        pre: "default".to_owned(),
        tokens: ["a", "b", "c", "ab", "<s>", "</s>"].map(str::to_owned).to_vec(),
        token_types: vec![1, 1, 1, 1, 3, 3],
        merges: vec!["a b".to_owned()],
        bos: Some(4),
        eos: Some(5),
        chat_template: Some("{% for m in messages %}{{ m.content }}{% endfor %}".to_owned()),
        ..Vocabulary::default()
    };
    for (name, dtype) in [("llama-f32", GgufDtype::F32), ("llama-bf16", GgufDtype::Bf16)] {
        save_gguf(&tiny_model(), &path, dtype, &vocabulary, "tiny")?;
        seed("gguf", name, &[&fs::read(&path)?])?;
    }
    let mut metadata = Metadata::default();
    metadata.text("general.architecture", "llama");
    metadata.texts("tokenizer.ggml.tokens", &["a", "b"]);
    let tensor = TensorInfo { name: "a".to_owned(), shape: vec![2, 32], ggml_type: GgmlType::Q8_0 };
    let mut writer = GgufWriter::new(Vec::new(), &path, &metadata, vec![tensor])?;
    writer.write_tensor(&[0.5; 64])?;
    seed("gguf", "one-tensor-q8", &[&writer.finish()?])
}

fn weights() -> Done {
    let dir = tempfile::tempdir()?;
    for (name, dtype) in [("f32", Dtype::F32), ("bf16", Dtype::Bf16)] {
        save_hf(&tiny_model(), dir.path(), dtype, None)?;
        let tensors = fs::read(dir.path().join("model.safetensors"))?;
        seed("weights", name, &[b"", &tensors])?;
        let index = br#"{"metadata": {}, "weight_map": {"model.norm.weight": "model-00001-of-00001.safetensors"}}"#;
        seed("weights", &format!("{name}-index"), &[index, &tensors])?;
    }
    Ok(())
}

fn adapter() -> Done {
    let dir = tempfile::tempdir()?;
    let lora = Trainable::Lora { rank: 2, alpha: 4.0, targets: vec!["q_proj".to_owned()], last_layers: None };
    save_peft(&tiny_model().train_on(&lora, 1, &Device::flex().autodiff())?, dir.path(), "tiny")?;
    let file = |name: &str| fs::read(dir.path().join(name));
    seed("adapter", "lora", &[&file("adapter_config.json")?, &file("adapter_model.safetensors")?])
}

fn checkpoint() -> Done {
    let dir = tempfile::tempdir()?;
    let model = tiny_model().train_on(&Trainable::LastLayers { layers: 1 }, 0, &Device::flex().autodiff())?;
    let state = CheckpointState::new(1, "fuzz", 12, 0.5, Default::default());
    let redrawn = Redrawn::new(BTreeMap::from([(0, Vec::new())]));
    let path = Checkpoint::write(dir.path(), state, (&model, &AdamW::default().optimizer()), &redrawn, 1)?;
    let file = |name: &str| fs::read(path.join(name));
    let parts = [file("state.json")?, file("trainable.safetensors")?, file("optimizer.bpk")?, file("redrawn.json")?];
    seed("checkpoint", "first-step", &parts.each_ref().map(Vec::as_slice))
}

fn anchors() -> Done {
    let dir = tempfile::tempdir()?;
    let group = serde_json::from_value(serde_json::json!({
        "id": "a", "prompt": [{"role": "user", "content": "Tea?"}], "prompt_ids": [1, 2],
        "rejected": {"text": "No.", "ids": [3], "reference": -1.5},
        "anchors": [{"slot": 0, "seed": 7, "redraws": 0, "answer": {"text": "Yes.", "ids": [4, 5], "reference": -2.5}}],
    }))?;
    let origins: Origins = [("data".to_owned(), "1234".to_owned())].into_iter().collect();
    AnchorStore::write(dir.path(), vec![group], origins, serde_json::json!({"k": 1}), 7, Default::default())?;
    let file = |name: &str| fs::read(dir.path().join(name));
    seed("anchors", "one-group", &[&file("manifest.json")?, &file("anchors.jsonl")?])
}

fn tokenizer() -> Done {
    let trained = TextTokenizer::train(["the kettle sings", "the kettle boils"], 262, &["<|end|>", "<|user|>"])?;
    let config = br#"{"eos_token": "<|end|>", "chat_template": "{{ messages[0].content }}"}"#;
    seed("tokenizer", "byte-level", &[trained.to_json()?.as_bytes(), config, b"the kettle <|end|>"])
}

fn packed() -> Done {
    let rows: PathBuf = "rows.jsonl".into();
    let mut packed =
        GzBuilder::new().filename(rows.to_string_lossy().as_bytes()).write(Vec::new(), Compression::best());
    packed.write_all(b"{\"prompt\": \"Tea?\", \"rejected\": \"No.\"}\n")?;
    seed("packed", "gz", &[&packed.finish()?])
}
