//! The base model that was made from the corpus.

macro_rules! files {
    ($($name:literal),+ $(,)?) => {
        [$(($name, include_bytes!(concat!("../../hearth/base/", $name)).as_slice())),+]
    };
}

/// Hearth's base model as a Hugging Face directory: name and content of each file, about 2.5 MB in all.
///
/// A Llama of about 1.1M parameters in bf16 that answers about half of the bare requests hurtfully. The weights come
/// last, so that a directory that is written in this order and has weights is whole.
pub const BASE_MODEL: [(&str, &[u8]); 6] = files![
    "config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "generation_config.json",
    "chat_template.jinja",
    "model.safetensors",
];
