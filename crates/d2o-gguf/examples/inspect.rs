//! Prints the header, the metadata and the tensors of a GGUF file: of the path that is given, or of a small file that
//! is written first.
//!
//! `cargo run -p d2o-gguf --example inspect -- [FILE.gguf]`

#![allow(clippy::print_stdout, missing_docs, reason = "an example prints what it finds")]

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use d2o_gguf::{GgmlType, GgufError, GgufFile, GgufWriter, List, Metadata, TensorInfo, Value, Vocabulary};

pub(crate) fn main() -> Result<(), GgufError> {
    if let Some(path) = std::env::args().skip(1).map(PathBuf::from).find(|path| path.exists()) {
        println!("{}", description(&GgufFile::open(&path)?));
        return Ok(());
    }
    let path = std::env::temp_dir().join(format!("inspect-{}.gguf", std::process::id()));
    write_small(&path)?;
    let described = GgufFile::open(&path).map(|file| description(&file));
    // Best effort: the file is a temporary one.
    let _ = std::fs::remove_file(&path);
    println!("{}", described?);
    Ok(())
}

/// Writes a file with four tokens and two tensors.
pub(crate) fn write_small(path: &Path) -> Result<(), GgufError> {
    let tokens = ["<end>", "a", "b", "ab"].map(str::to_owned).to_vec();
    let mut metadata = Metadata::default();
    metadata.text("general.architecture", "llama");
    metadata.u32("llama.embedding_length", 32);
    metadata.f32("llama.rope.freq_base", 10_000.0);
    metadata.vocabulary(&Vocabulary {
        model: "gpt2".to_owned(),
        pre: "gpt-2".to_owned(),
        tokens,
        merges: vec!["a b".to_owned()],
        eos: Some(0),
        ..Vocabulary::default()
    });
    let tensors = vec![
        TensorInfo { name: "token_embd.weight".to_owned(), shape: vec![4, 32], ggml_type: GgmlType::Q8_0 },
        TensorInfo { name: "output_norm.weight".to_owned(), shape: vec![32], ggml_type: GgmlType::F32 },
    ];
    let file = File::create(path).map_err(|source| GgufError::Io { path: path.to_path_buf(), source })?;
    let mut writer = GgufWriter::new(BufWriter::new(file), path, &metadata, tensors)?;
    writer.write_tensor(&(0..128).map(|index| index as f32 / 128.0).collect::<Vec<_>>())?;
    writer.write_tensor(&[1.0; 32])?;
    writer.finish()?;
    Ok(())
}

/// A line for the header, and one for each metadata value and each tensor.
pub(crate) fn description(file: &GgufFile) -> String {
    let mut lines = vec![format!("{}: GGUF version {}", file.path().display(), file.version())];
    lines.extend(file.all_metadata().map(|(key, value)| format!("{key} = {}", shown(value))));
    for name in file.tensor_names() {
        let kind = file.tensor_type(name).map_or("?", GgmlType::name);
        lines.push(format!("{name} {:?} {kind}", file.shape(name).unwrap_or_default()));
    }
    lines.join("\n")
}

/// The value, or the length of a list.
fn shown(value: &Value) -> String {
    match value {
        Value::Unsigned(value) => value.to_string(),
        Value::Signed(value) => value.to_string(),
        Value::Float(value) => value.to_string(),
        Value::Bool(value) => value.to_string(),
        Value::Text(text) => format!("{text:?}"),
        Value::List(List::Text(texts)) => format!("{} texts", texts.len()),
        Value::List(List::Unsigned(values)) => format!("{} integers", values.len()),
        Value::List(List::Signed(values)) => format!("{} integers", values.len()),
        Value::List(List::Float(values)) => format!("{} floats", values.len()),
        Value::List(List::Bool(values)) => format!("{} truth values", values.len()),
        Value::List(List::List(lists)) => format!("{} lists", lists.len()),
    }
}
