//! A tokenizer from the vocabulary that a GGUF file carries.

use std::path::Path;

use d2o_gguf::Vocabulary;
use d2o_gguf::token_type::{CONTROL, USER_DEFINED};
use serde_json::{Map, Value, json};

use crate::error::TextError;
use crate::template::ChatTemplate;
use crate::tokenizer::{TextTokenizer, tokenizer_error};

/// How Llama 3 splits text before merging.
const LLAMA3: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
/// How Qwen 2 does: the same with single digits.
const QWEN2: &str =
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

impl TextTokenizer {
    /// Builds the tokenizer of a GGUF vocabulary; `path` is named in errors.
    ///
    /// # Errors
    /// [`TextError::Tokenizer`] naming a kind or pre-tokenizer that is not known, or what in the
    /// vocabulary contradicts itself.
    pub fn from_gguf(path: &Path, vocabulary: &Vocabulary) -> Result<Self, TextError> {
        let wrong = |reason: String| tokenizer_error(path, reason);
        check(vocabulary).map_err(wrong)?;
        let splitting = known_splittings().into_iter().find(|known| known.is_called(&vocabulary.pre));
        let splitting = splitting.ok_or_else(|| wrong(unknown_splitting(&vocabulary.pre)))?;
        let json = json!({
            "version": "1.0",
            "truncation": null,
            "padding": null,
            "added_tokens": added_tokens(vocabulary),
            "normalizer": splitting.normalizer,
            "pre_tokenizer": splitting.pre_tokenizer,
            "post_processor": post_processor(vocabulary),
            "decoder": byte_level(true),
            "model": bpe(vocabulary, splitting.ignore_merges).map_err(wrong)?,
        });
        let tokenizer = Self::parse(path, json.to_string().as_bytes())?;
        Ok(tokenizer.with_ends(vocabulary.eos, vocabulary.bos))
    }
}

impl ChatTemplate {
    /// The template of a GGUF vocabulary, if it has one.
    ///
    /// # Errors
    /// [`TextError::Template`] for a template that is not understood.
    pub fn from_gguf(vocabulary: &Vocabulary) -> Result<Option<Self>, TextError> {
        let Some(source) = &vocabulary.chat_template else { return Ok(None) };
        let named = [
            ("bos_token", vocabulary.bos),
            ("eos_token", vocabulary.eos),
            ("unk_token", vocabulary.unk),
            ("pad_token", vocabulary.pad),
        ];
        let text = |id: Option<u32>| vocabulary.tokens.get(id? as usize).map(String::as_str);
        let tokens = named.into_iter().filter_map(|(name, id)| Some((name, text(id)?)));
        Self::with_tokens(source, tokens.collect()).map(Some)
    }
}

fn check(vocabulary: &Vocabulary) -> Result<(), String> {
    if vocabulary.model != "gpt2" {
        return Err(format!("tokenizer model `{}` is not supported; `gpt2` (byte-level BPE) is", vocabulary.model));
    }
    let (tokens, types) = (vocabulary.tokens.len(), vocabulary.token_types.len());
    if types != 0 && types != tokens {
        return Err(format!("the vocabulary has {tokens} tokens, but {types} token types"));
    }
    let Vocabulary { bos, eos, eot, eom, unk, pad, .. } = *vocabulary;
    let named = [("bos", bos), ("eos", eos), ("eot", eot), ("eom", eom), ("unk", unk), ("pad", pad)];
    match named.into_iter().find(|(_, id)| id.is_some_and(|id| id as usize >= tokens)) {
        Some((name, Some(id))) => Err(format!("token `{name}` is {id}, but the vocabulary has {tokens} tokens")),
        _ => Ok(()),
    }
}

fn bpe(vocabulary: &Vocabulary, ignore_merges: bool) -> Result<Value, String> {
    let mut vocab = Map::new();
    for (id, token) in vocabulary.tokens.iter().enumerate() {
        if let Some(before) = vocab.insert(token.clone(), id.into()) {
            return Err(format!("tokens {before} and {id} are both `{token}`"));
        }
    }
    let pair = |merge: &String| {
        let halves = merge.split_once(' ').map(|(first, second)| json!([first, second]));
        halves.ok_or_else(|| format!("merge `{merge}` has no space"))
    };
    let merges = vocabulary.merges.iter().map(pair).collect::<Result<Vec<_>, _>>()?;
    Ok(json!({
        "type": "BPE",
        "dropout": null,
        "unk_token": null,
        "continuing_subword_prefix": null,
        "end_of_word_suffix": null,
        "fuse_unk": false,
        "byte_fallback": false,
        "ignore_merges": ignore_merges,
        "vocab": vocab,
        "merges": merges,
    }))
}

/// Tokens that are found in a text before it is split.
fn added_tokens(vocabulary: &Vocabulary) -> Vec<Value> {
    let kinds = vocabulary.token_types.iter().zip(&vocabulary.tokens).enumerate();
    let added = kinds.filter(|(_, (kind, _))| [CONTROL, USER_DEFINED].contains(kind));
    added
        .map(|(id, (kind, token))| {
            json!({
                "id": id, "content": token, "special": *kind == CONTROL,
                "single_word": false, "lstrip": false, "rstrip": false, "normalized": false,
            })
        })
        .collect()
}

/// What puts `bos` in front, for tools that ask the tokenizer to.
fn post_processor(vocabulary: &Vocabulary) -> Value {
    let Some(id) = vocabulary.bos.filter(|_| vocabulary.add_bos) else { return Value::Null };
    let token = &vocabulary.tokens[id as usize];
    let begin = json!({"SpecialToken": {"id": token, "type_id": 0}});
    let text = |name: &str| json!({"Sequence": {"id": name, "type_id": 0}});
    let special = Map::from_iter([(token.clone(), json!({"id": token, "ids": [id], "tokens": [token]}))]);
    json!({
        "type": "TemplateProcessing",
        "single": [begin, text("A")],
        "pair": [begin, text("A"), text("B")],
        "special_tokens": special,
    })
}

/// How texts are split before merging.
pub(crate) struct Splitting {
    /// llama.cpp's name for it, which is written.
    pub(crate) name: &'static str,
    /// Other names under which llama.cpp splits in the same way.
    aliases: &'static [&'static str],
    pub(crate) normalizer: Value,
    pub(crate) pre_tokenizer: Value,
    /// Whether a piece that is a token as it stands is not taken apart.
    pub(crate) ignore_merges: bool,
}

impl Splitting {
    fn is_called(&self, name: &str) -> bool {
        self.name == name || self.aliases.contains(&name)
    }
}

fn unknown_splitting(name: &str) -> String {
    let known: Vec<&str> = known_splittings()
        .iter()
        .flat_map(|known| [known.name].into_iter().chain(known.aliases.iter().copied()))
        .collect();
    format!("pre-tokenizer `{name}` is not known; {} are", known.join(", "))
}

/// Every splitting that has a name here. Of those that have the same normalizer, pre-tokenizer and merging the first
/// one's name is written.
pub(crate) fn known_splittings() -> [Splitting; 5] {
    let sequence = |first: Value, second: Value| json!({"type": "Sequence", "pretokenizers": [first, second]});
    let split = |pattern: &str| {
        let split = json!({"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": false});
        sequence(split, byte_level(false))
    };
    let digits = json!({"type": "Digits", "individual_digits": true});
    let plain = |name, aliases, pre_tokenizer| Splitting {
        name,
        aliases,
        normalizer: Value::Null,
        pre_tokenizer,
        ignore_merges: false,
    };
    [
        plain(
            "smollm",
            &["starcoder", "refact", "codeshell", "exaone", "minerva-7b"],
            sequence(digits, byte_level(true)),
        ),
        plain("gpt-2", &["phi-2", "gigachat", "a.x-4.0", "mellum", "exaone4"], byte_level(true)),
        Splitting {
            ignore_merges: true,
            ..plain(
                "llama-bpe",
                &["llama3", "llama-v3", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2"],
                split(LLAMA3),
            )
        },
        plain("smaug-bpe", &["dbrx"], split(LLAMA3)),
        Splitting {
            normalizer: json!({"type": "NFC"}),
            ..plain("qwen2", &["deepseek-r1-qwen", "kormo", "megrez"], split(QWEN2))
        },
    ]
}

fn byte_level(use_regex: bool) -> Value {
    json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": use_regex})
}
