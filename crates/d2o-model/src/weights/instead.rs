//! What a directory without readable weights holds instead, and what makes readable ones of it.

use std::fs;
use std::path::Path;

use crate::error::ModelError;

/// Files of a training run that hold no weights, though they end as pickled ones do.
const NO_WEIGHTS: [&str; 5] = ["training_args", "optimizer", "scheduler", "rng_state", "scaler"];

/// What to give.
pub(crate) const WANTED: &str = "give a directory with config.json and model.safetensors, or a .gguf file";

/// The refusal of `dir`, which has no weights that are read; `wanted` names the files that would be.
pub(crate) fn nothing(dir: &Path, wanted: &str) -> ModelError {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    let found = |is: &dyn Fn(&str) -> bool| names.iter().find(|name| is(name)).cloned();
    let refuse = |name: Option<String>, expected: String, remedy: String| ModelError::NoWeights {
        path: name.map_or_else(|| dir.to_path_buf(), |name| dir.join(name)),
        expected,
        remedy,
    };
    let place = dir.display();
    let resaved = format!(
        "transformers writes it: python -c \"from transformers import AutoModelForCausalLM; \
         AutoModelForCausalLM.from_pretrained('{place}').save_pretrained('{place}')\""
    );
    // The model itself before anything else that ends so.
    let pickled = found(&|name| name.starts_with("pytorch_model") && is_pickled(name)).or_else(|| found(&is_pickled));
    if let Some(name) = pickled {
        let expected = "model.safetensors; pickled weights can run code when opened and are not read".to_owned();
        let mistral = name.starts_with("consolidated");
        let layout = "fetch the files in Hugging Face's layout (config.json, model.safetensors) instead".to_owned();
        return refuse(Some(name), expected, if mistral { layout } else { resaved });
    }
    if let Some(name) = found(&|name| name.starts_with("consolidated") && name.ends_with(".safetensors")) {
        let expected = format!("{wanted}; this file has the layout of the model's makers, which is not read");
        let remedy = "fetch the files in Hugging Face's layout (config.json, model*.safetensors) from the same place, \
                      or convert them with transformers' convert_mistral_weights_to_hf.py";
        return refuse(Some(name), expected, remedy.to_owned());
    }
    if let Some(name) = found(&|name| name.ends_with(".h5") || name.ends_with(".msgpack")) {
        let expected = format!("{wanted}; TensorFlow's and Flax's weights are not read");
        return refuse(Some(name), expected, resaved.replace("')\"", "')\" (with from_tf=True or from_flax=True)"));
    }
    if let Some(name) = found(&|name| name.ends_with(".distcp") || name.starts_with("global_step")) {
        let expected = format!("{wanted}; this is a distributed checkpoint, which is not read");
        let remedy =
            "gather it where it was trained: DeepSpeed's zero_to_fp32.py, or accelerate merge-weights for FSDP";
        return refuse(Some(name), expected, remedy.to_owned());
    }
    if let Some(name) = found(&|name| name.ends_with(".safetensors") && !name.starts_with("adapter_model")) {
        let expected = format!("{wanted}; {name} has another name");
        return refuse(None, expected, format!("rename {name} to model.safetensors if it is the whole model"));
    }
    let holds_model = |name: &str| dir.join(name).join("config.json").exists();
    if let Some(name) = names.iter().rev().find(|name| holds_model(name)) {
        let expected = format!("{wanted}; {name} below it holds a model");
        return refuse(None, expected, format!("give {}", dir.join(name).display()));
    }
    refuse(None, wanted.to_owned(), WANTED.to_owned())
}

fn is_pickled(name: &str) -> bool {
    let extension = Path::new(name).extension().and_then(|extension| extension.to_str());
    matches!(extension, Some("bin" | "pt" | "pth" | "ckpt")) && !NO_WEIGHTS.iter().any(|other| name.starts_with(other))
}
