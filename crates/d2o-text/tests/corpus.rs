//! Chat templates in the shapes of many families, and small ones for each part of Jinja2, against transformers.
//!
//! `tests/fixtures/templates/` holds the templates, written for this project, and what transformers makes of them
//! according to `xtask/python/golden_templates.py`.

use std::fs;
use std::path::{Path, PathBuf};

use d2o_text::{ChatTemplate, Message, SpecialTokens, TextTokenizer};
use serde_json::Value;
use sha2::{Digest, Sha256};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

fn read(name: &str) -> Value {
    serde_json::from_slice(&fs::read(fixtures().join("templates").join(name)).unwrap()).unwrap()
}

fn tokens(golden: &Value) -> SpecialTokens {
    golden["tokens"].as_object().unwrap().iter().map(|(name, text)| (name.as_str(), text.as_str().unwrap())).collect()
}

fn messages(turns: &Value) -> Vec<Message> {
    serde_json::from_value(turns.clone()).unwrap()
}

/// The first 16 digits of the SHA-256 of the ids as Python writes a list.
fn digest(ids: &[u32]) -> String {
    let digest = Sha256::digest(format!("{ids:?}"));
    digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn templates_of_families_render_as_in_transformers() {
    let golden = read("families.json");
    let tokenizer = TextTokenizer::from_dir(&fixtures().join("golden")).unwrap();
    let families = golden["families"].as_object().unwrap();
    let mut wrong = Vec::new();
    for (name, cases) in families {
        let source = fs::read_to_string(fixtures().join("templates").join(format!("{name}.jinja"))).unwrap();
        let template = ChatTemplate::with_tokens(&source, tokens(&golden));
        let template = template.unwrap_or_else(|error| panic!("{name}: {error}"));
        for case in cases.as_array().unwrap() {
            let number = case["conversation"].as_u64().unwrap() as usize;
            let prompt = case["generation_prompt"].as_bool().unwrap();
            let got = template.render(&messages(&golden["conversations"][number]), prompt);
            let place = format!("{name}, conversation {number}, generation prompt {prompt}");
            match (case["text"].as_str(), got) {
                (Some(text), Ok(got)) if text == got => {
                    let ids = tokenizer.encode(&got);
                    assert_eq!(ids.len() as u64, case["tokens"].as_u64().unwrap(), "{place}");
                    assert_eq!(digest(&ids), case["ids"].as_str().unwrap(), "{place}");
                }
                (None, Err(_)) => {}
                (text, got) => wrong.push(format!("{place}:\n  transformers {text:?}\n  here         {got:?}")),
            }
        }
    }
    assert!(families.len() >= 40, "only {} templates", families.len());
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}

/// What transformers refuses may go on here: no template that works there can notice.
#[test]
fn every_part_of_jinja2_renders_as_in_transformers() {
    let golden = read("snippets.json");
    let turns = messages(&golden["messages"]);
    let mut wrong = Vec::new();
    let snippets = golden["snippets"].as_array().unwrap();
    for snippet in snippets {
        let (group, source) = (snippet["group"].as_str().unwrap(), snippet["template"].as_str().unwrap());
        let Some(text) = snippet["text"].as_str() else { continue };
        let got = ChatTemplate::with_tokens(source, tokens(&golden)).and_then(|template| template.render(&turns, true));
        if got.as_ref().ok().map(String::as_str) != Some(text) {
            wrong.push(format!("{group}: {source:?}\n  transformers {text:?}\n  here         {got:?}"));
        }
    }
    assert!(snippets.len() > 200, "only {} snippets", snippets.len());
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}
