//! Model files: GGUF, configurations, safetensors, adapters.

use std::path::Path;
use std::sync::OnceLock;

use burn::tensor::Device;
use d2o_gguf::GgufFile;
use d2o_model::{CausalLm, ModelConfig, load, load_adapter};
use d2o_text::{ChatTemplate, TextTokenizer};
use serde_json::{Value, json};

use crate::files::{in_directory, parts, with_file, write};

/// Header, metadata, vocabulary and tensors, and the whole as a model.
pub fn gguf(data: &[u8]) {
    with_file("model.gguf", data, |path| {
        if let Ok(file) = GgufFile::open(path) {
            file.all_metadata().for_each(drop);
            if let Ok(vocabulary) = file.vocabulary() {
                drop(TextTokenizer::from_gguf(path, &vocabulary));
                drop(ChatTemplate::from_gguf(&vocabulary));
            }
            for name in file.tensor_names().take(8) {
                drop(file.tensor_f32(name));
            }
        }
        drop(load(path, &Device::flex()));
    });
}

/// config.json of any family.
pub fn config(data: &[u8]) {
    if let Ok(value) = serde_json::from_slice::<Value>(data) {
        drop(ModelConfig::from_json(Path::new("config.json"), value));
    }
    with_file("config.json", data, |path| drop(ModelConfig::from_file(path)));
}

/// A tiny Llama's configuration.
fn tiny() -> Value {
    json!({
        "architectures": ["LlamaForCausalLM"], "vocab_size": 8, "hidden_size": 4, "intermediate_size": 4,
        "num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 1, "rms_norm_eps": 1e-5,
        "max_position_embeddings": 16, "tie_word_embeddings": true,
    })
}

/// A safetensors file beside a configuration, and an index that names it.
pub fn weights(data: &[u8]) {
    let [index, tensors] = parts::<2>(data);
    let config = tiny().to_string();
    in_directory(|dir| {
        write(dir, "config.json", config.as_bytes());
        if index.is_empty() {
            write(dir, "model.safetensors", tensors);
        } else {
            write(dir, "model.safetensors.index.json", index);
            write(dir, "model-00001-of-00001.safetensors", tensors);
        }
        drop(load(dir, &Device::flex()));
    });
}

/// A Llama of a few weights, always the same.
#[must_use]
pub fn tiny_model() -> CausalLm {
    let config = ModelConfig::from_json(Path::new("config.json"), tiny()).expect("the tiny configuration is one");
    CausalLm::init(&config, 1, &Device::flex())
}

/// adapter_config.json and adapter_model.safetensors on a tiny base.
pub fn adapter(data: &[u8]) {
    static BASE: OnceLock<CausalLm> = OnceLock::new();
    let base = BASE.get_or_init(tiny_model);
    let [config, tensors] = parts::<2>(data);
    in_directory(|dir| {
        write(dir, "adapter_config.json", config);
        write(dir, "adapter_model.safetensors", tensors);
        drop(load_adapter(base, dir));
    });
}
