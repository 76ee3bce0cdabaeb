//! Rows, tables, prompts, tokenizers and chat templates.

use std::io::Cursor;
use std::path::Path;

use d2o_data::{Format, LoadOptions, load_labelled, load_negatives, load_prompts, parse_prompts, read_rows};
use d2o_text::{ChatTemplate, Message, TextTokenizer};

use crate::files::{in_directory, parts, with_file, write};

const FORMATS: [Format; 6] =
    [Format::Auto, Format::Jsonl, Format::SafetyPairs, Format::Exchanges, Format::HhTranscripts, Format::ScoredCsv];

/// JSON lines, or one JSON array, of any shape: the first byte says which format is asked for.
pub fn rows(data: &[u8]) {
    let Some((&first, bytes)) = data.split_first() else { return };
    let options = LoadOptions { format: FORMATS[usize::from(first) % FORMATS.len()], ..LoadOptions::default() };
    if let Ok(rows) = read_rows(Path::new("rows"), Cursor::new(bytes.to_vec()), &options) {
        rows.take(10_000).for_each(drop);
    }
}

/// Tables with a header.
pub fn tables(data: &[u8]) {
    if let Ok(rows) = read_rows(Path::new("rows.csv"), Cursor::new(data.to_vec()), &LoadOptions::default()) {
        rows.take(10_000).for_each(drop);
    }
    with_file("rows.csv", data, |path| drop(load_labelled(path)));
}

/// Files whose first bytes say how they are packed.
pub fn packed(data: &[u8]) {
    with_file("rows", data, |path| drop(load_negatives(path, &LoadOptions::default())));
}

/// Parquet, which its first bytes tell as well: a target of its own for seeds of its own.
pub fn parquet(data: &[u8]) {
    packed(data);
}

/// Prompts: JSON lines, and seeds in YAML.
pub fn prompts(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        for name in ["prompts.jsonl", "prompts.yaml"] {
            drop(parse_prompts(Path::new(name), text));
        }
    }
    with_file("prompts.jsonl", data, |path| drop(load_prompts(path)));
}

/// tokenizer.json, tokenizer_config.json and a text to encode.
pub fn tokenizer(data: &[u8]) {
    let [tokenizer, config, text] = parts::<3>(data);
    in_directory(|dir| {
        write(dir, "tokenizer.json", tokenizer);
        write(dir, "tokenizer_config.json", config);
        drop(ChatTemplate::from_dir(dir));
        if let Ok(tokenizer) = TextTokenizer::from_dir(dir) {
            let text = String::from_utf8_lossy(text);
            let ids = tokenizer.encode(&text);
            tokenizer.decode(&ids, false);
            tokenizer.encode_untrusted(&text);
        }
    });
}

/// A chat template and the text of a turn.
pub fn template(data: &[u8]) {
    let [template, text] = parts::<2>(data);
    let (Ok(template), Ok(text)) = (std::str::from_utf8(template), std::str::from_utf8(text)) else { return };
    let Ok(template) = ChatTemplate::new(template, "<s>", "</s>") else { return };
    let turns = [
        vec![Message::new("user", text)],
        vec![Message::new("system", "Be brief."), Message::new("user", text), Message::new("assistant", "Yes.")],
    ];
    for turns in turns {
        for prompt in [false, true] {
            drop(template.render(&turns, prompt));
        }
    }
}
