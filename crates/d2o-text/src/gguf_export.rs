//! The vocabulary of a GGUF file from a tokenizer: the way back of `gguf_vocabulary`.

use std::collections::BTreeMap;

use d2o_gguf::Vocabulary;
use d2o_gguf::token_type::{CONTROL, NORMAL, UNUSED, USER_DEFINED};
use serde_json::Value;

use crate::encoder::Encoder;
use crate::error::TextError;
use crate::gguf_vocabulary::known_splittings;
use crate::tokenizer::{TextTokenizer, named_token, tokenizer_error};

impl TextTokenizer {
    /// The tokenizer as a GGUF file holds it; [`from_gguf`](Self::from_gguf) gives it back.
    ///
    /// # Errors
    /// [`TextError::Tokenizer`] for anything but byte-level BPE, and for a way of splitting texts that llama.cpp
    /// has no name for among those that are known here.
    pub fn to_gguf(&self) -> Result<Vocabulary, TextError> {
        let place = self.source().map_or_else(|| "tokenizer.json".into(), |dir| dir.join("tokenizer.json"));
        let wrong = |reason: String| tokenizer_error(&place, reason);
        let json: Value = serde_json::from_str(&self.to_json()?).map_err(|error| wrong(error.to_string()))?;
        let (tokens, token_types) = tokens(&json).map_err(wrong)?;
        let special = |key: &str| -> Result<Option<u32>, TextError> {
            let text = self.source().map(|dir| named_token(dir, key)).transpose()?.flatten();
            Ok(text.and_then(|text| self.token_id(&text)))
        };
        Ok(Vocabulary {
            model: "gpt2".to_owned(),
            pre: splitting_name(&json).map_err(wrong)?,
            tokens,
            token_types,
            merges: merges(&json),
            bos: self.bos(),
            eos: self.eos(),
            unk: special("unk_token")?,
            pad: special("pad_token")?,
            add_bos: begins_with_bos(&json["post_processor"]),
            ..Vocabulary::default()
        })
    }
}

impl Encoder {
    /// Tokenizer, end tokens and template as a GGUF file holds them.
    ///
    /// The tokenizer's end of sequence is `eos`, and the other end tokens are `eot` and `eom`.
    ///
    /// # Errors
    /// As [`TextTokenizer::to_gguf`]; [`TextError::EndTokens`] for more end tokens than the file has places for.
    pub fn to_gguf(&self) -> Result<Vocabulary, TextError> {
        let vocabulary = self.tokenizer().to_gguf()?;
        let eos = vocabulary.eos.unwrap_or(self.end_token());
        let others: Vec<u32> = self.end_tokens().iter().copied().filter(|&end| end != eos).collect();
        if others.len() > 2 {
            return Err(TextError::EndTokens { ids: self.end_tokens().to_vec() });
        }
        Ok(Vocabulary {
            eos: Some(eos),
            eot: others.first().copied(),
            eom: others.get(1).copied(),
            chat_template: self.template().map(|template| template.source().to_owned()),
            ..vocabulary
        })
    }
}

/// llama.cpp's name for how the tokenizer splits texts.
fn splitting_name(json: &Value) -> Result<String, String> {
    let model = &json["model"];
    let byte_level =
        model["type"] == "BPE" && model["byte_fallback"] != true && holds(&json["pre_tokenizer"], "ByteLevel");
    if !byte_level {
        return Err("only byte-level BPE is written as a GGUF vocabulary".to_owned());
    }
    let ours = (relevant(&json["normalizer"]), relevant(&json["pre_tokenizer"]), model["ignore_merges"] == true);
    let known = known_splittings();
    let found = known.iter().find(|splitting| {
        (relevant(&splitting.normalizer), relevant(&splitting.pre_tokenizer), splitting.ignore_merges) == ours
    });
    let names = || known.iter().map(|splitting| splitting.name).collect::<Vec<_>>().join(", ");
    found.map(|splitting| splitting.name.to_owned()).ok_or_else(|| {
        format!("its way of splitting texts is none of those that have a name in GGUF here: {}", names())
    })
}

/// What of a splitting decides ids: offsets do not, and a sequence of one part is that part.
fn relevant(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            if let Some([only]) = fields.get("pretokenizers").and_then(Value::as_array).map(Vec::as_slice) {
                return relevant(only);
            }
            let kept = fields.iter().filter(|(key, _)| key.as_str() != "trim_offsets");
            // Sorted, so that the order in a file does not count.
            let sorted: BTreeMap<String, Value> = kept.map(|(key, value)| (key.clone(), relevant(value))).collect();
            Value::Object(sorted.into_iter().collect())
        }
        Value::Array(items) => items.iter().map(relevant).collect(),
        other => other.clone(),
    }
}

fn holds(value: &Value, kind: &str) -> bool {
    match value {
        Value::Object(fields) => value["type"] == kind || fields.values().any(|value| holds(value, kind)),
        Value::Array(items) => items.iter().any(|value| holds(value, kind)),
        _ => false,
    }
}

/// Texts and types by id; ids that the tokenizer leaves out are filled.
fn tokens(json: &Value) -> Result<(Vec<String>, Vec<i32>), String> {
    let mut by_id: BTreeMap<usize, (String, i32)> = BTreeMap::new();
    let id = |value: &Value| value.as_u64().and_then(|id| usize::try_from(id).ok()).ok_or("an id is no number");
    for (token, value) in json["model"]["vocab"].as_object().into_iter().flatten() {
        by_id.insert(id(value)?, (token.clone(), NORMAL));
    }
    for added in json["added_tokens"].as_array().into_iter().flatten() {
        let kind = if added["special"] == true { CONTROL } else { USER_DEFINED };
        by_id.insert(id(&added["id"])?, (added["content"].as_str().unwrap_or_default().to_owned(), kind));
    }
    let len = by_id.keys().next_back().map_or(0, |last| last + 1);
    Ok((0..len).map(|id| by_id.remove(&id).unwrap_or_else(|| (format!("[PAD{id}]"), UNUSED))).unzip())
}

/// Merges as two texts with a space between; files have them so, or as pairs.
fn merges(json: &Value) -> Vec<String> {
    let text = |merge: &Value| match merge {
        Value::Array(pair) => pair.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" "),
        other => other.as_str().unwrap_or_default().to_owned(),
    };
    json["model"]["merges"].as_array().into_iter().flatten().map(text).collect()
}

/// Whether a post-processor puts a special token in front.
fn begins_with_bos(post_processor: &Value) -> bool {
    match post_processor["type"].as_str() {
        Some("TemplateProcessing") => post_processor.pointer("/single/0/SpecialToken").is_some(),
        Some("Sequence") => post_processor["processors"].as_array().into_iter().flatten().any(begins_with_bos),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::json;

    use super::*;

    fn vocabulary(pre: &str) -> Vocabulary {
        let texts = |list: &[&str]| list.iter().map(|&text| text.to_owned()).collect();
        Vocabulary {
            model: "gpt2".to_owned(),
            pre: pre.to_owned(),
            // All of the probe's bytes have a token, by their byte-level spelling.
            tokens: byte_tokens().into_iter().chain(texts(&["ab", "<s>", "<tool>"]) as Vec<String>).collect(),
            token_types: [vec![NORMAL; 257], vec![CONTROL, USER_DEFINED]].concat(),
            merges: texts(&["a b"]),
            bos: Some(257),
            eos: Some(257),
            unk: None,
            pad: None,
            add_bos: true,
            ..Vocabulary::default()
        }
    }

    /// Bytes as byte-level tokenizers spell them.
    fn byte_tokens() -> Vec<String> {
        let printable = |byte: u8| matches!(byte, b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff);
        let mut others = (0x100u32..).filter_map(char::from_u32);
        (0..=255u8)
            .map(|byte| if printable(byte) { char::from(byte) } else { others.next().expect("a character") })
            .map(String::from)
            .collect()
    }

    #[test]
    fn vocabularies_go_there_and_back() {
        for splitting in known_splittings() {
            let vocabulary = vocabulary(splitting.name);
            let tokenizer = TextTokenizer::from_gguf(Path::new("x.gguf"), &vocabulary).unwrap();
            assert_eq!(tokenizer.to_gguf().unwrap(), vocabulary);
        }
    }

    #[test]
    fn other_tokenizers_are_refused_by_what_they_do() {
        let tokenizer = TextTokenizer::from_gguf(Path::new("x.gguf"), &vocabulary("gpt-2")).unwrap();
        let refusal = |change: &dyn Fn(&mut Value)| {
            let mut json: Value = serde_json::from_str(&tokenizer.to_json().unwrap()).unwrap();
            change(&mut json);
            let changed = TextTokenizer::from_bytes(json.to_string().as_bytes()).unwrap();
            changed.to_gguf().unwrap_err().to_string()
        };
        let splits = refusal(&|json| {
            json["pre_tokenizer"]["use_regex"] = json!(false);
        });
        assert!(splits.contains("way of splitting texts is none of those"), "{splits}");
        assert!(splits.contains("gpt-2") && splits.contains("llama-bpe"), "{splits}");
        let merges = refusal(&|json| json["model"]["ignore_merges"] = json!(true));
        assert!(merges.contains("way of splitting"), "{merges}");
        let words = refusal(&|json| json["pre_tokenizer"] = json!({"type": "Whitespace"}));
        assert!(words.contains("only byte-level BPE"), "{words}");
    }

    #[test]
    fn gaps_between_ids_are_filled() {
        let json = json!({
            "model": {"vocab": {"a": 0, "b": 3}},
            "added_tokens": [{"id": 5, "content": "<s>", "special": true}],
        });
        let (tokens, types) = tokens(&json).unwrap();
        assert_eq!(tokens, ["a", "[PAD1]", "[PAD2]", "b", "[PAD4]", "<s>"]);
        assert_eq!(types, [NORMAL, UNUSED, UNUSED, NORMAL, UNUSED, CONTROL]);
    }
}
