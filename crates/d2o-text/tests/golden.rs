//! Token ids and chat templates against transformers; `tests/fixtures/README.md` says what is in the files.

use std::path::Path;

use d2o_testing::parity::{Parity, worst_absolute};
use d2o_text::{ChatTemplate, Encoder, Message, Prompt, TextTokenizer};
use serde_json::Value;

struct Golden {
    tokenizer: TextTokenizer,
    template: ChatTemplate,
    expected: Value,
    parity: Parity,
}

fn golden() -> Golden {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/golden");
    let expected = serde_json::from_slice(&std::fs::read(dir.join("tokenization.json")).unwrap()).unwrap();
    Golden {
        tokenizer: TextTokenizer::from_dir(&dir).unwrap(),
        template: ChatTemplate::from_dir(&dir).unwrap().expect("the directory has a template"),
        expected,
        parity: Parity::new("byte-level BPE", "processor"),
    }
}

fn ids(value: &Value) -> Vec<u32> {
    serde_json::from_value(value.clone()).unwrap()
}

impl Golden {
    /// Ids are equal or not: the worst difference is the number of cases that differ.
    fn check(&self, quantity: &str, cases: impl Iterator<Item = bool>) {
        let equal: Vec<f64> = cases.map(f64::from).collect();
        assert!(!equal.is_empty());
        self.parity.check(quantity, 0.0, worst_absolute(&equal, &vec![1.0; equal.len()]));
    }

    fn list(&self, key: &str) -> &Vec<Value> {
        self.expected[key].as_array().unwrap()
    }
}

#[test]
fn texts_have_transformers_ids_and_come_back() {
    let golden = golden();
    let text = |case: &Value| case["text"].as_str().unwrap().to_owned();
    golden.check(
        "token ids",
        golden.list("texts").iter().map(|case| golden.tokenizer.encode(&text(case)) == ids(&case["ids"])),
    );
    let decoded =
        |case: &Value| golden.tokenizer.decode(&ids(&case["ids"]), false) == case["decoded"].as_str().unwrap();
    golden.check("decoded text", golden.list("texts").iter().map(decoded));
}

/// Prompt and answer are encoded apart, and the end token stands behind the answer.
#[test]
fn rows_have_transformers_ids() {
    let golden = golden();
    let end = golden.expected["end"].as_u64().unwrap() as u32;
    assert_eq!(golden.tokenizer.eos(), Some(end));
    let encoder = Encoder::new(golden.tokenizer.clone(), None, end);
    let same = |row: &Value| {
        let prompt = encoder.prompt_ids(&Prompt::Text(row["prompt"].as_str().unwrap().to_owned())).unwrap();
        let mut answer = ids(&row["answer_ids"]);
        answer.push(end);
        prompt == ids(&row["prompt_ids"]) && encoder.response_ids(row["answer"].as_str().unwrap()) == answer
    };
    golden.check("prompt and answer ids", golden.list("rows").iter().map(same));
}

#[test]
fn conversations_are_framed_as_in_transformers() {
    let golden = golden();
    let rendered = |case: &Value| {
        let turn =
            |message: &Value| Message::new(message["role"].as_str().unwrap(), message["content"].as_str().unwrap());
        let messages: Vec<Message> = case["messages"].as_array().unwrap().iter().map(turn).collect();
        golden.template.render(&messages, case["generation_prompt"].as_bool().unwrap()).unwrap()
    };
    golden.check(
        "chat template",
        golden.list("chats").iter().map(|case| rendered(case) == case["text"].as_str().unwrap()),
    );
    let same = |case: &Value| golden.tokenizer.encode(&rendered(case)) == ids(&case["ids"]);
    golden.check("ids of conversations", golden.list("chats").iter().map(same));
}
