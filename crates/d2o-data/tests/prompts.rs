//! Prompts from JSON lines and from seed files.

use std::path::Path;

use d2o_data::{DataError, PromptRow, parse_prompts};
use d2o_text::Prompt;

fn parse(name: &str, text: &str) -> Result<Vec<PromptRow>, DataError> {
    parse_prompts(Path::new(name), text)
}

fn complaint(name: &str, text: &str) -> String {
    parse(name, text).unwrap_err().to_string()
}

const SEEDS: &str = "\
name: mild
description: 'Two kinds of

  - value: not a seed'
groups:
  - nobody
seeds:
- value: Name a colour.
  data_type: text
  harm_categories:
  - none
- value: |
    Two lines
    - value: inside a text
- data_type: text
  value: 'Third:
    still third'
";

#[test]
fn prompts_are_texts_or_conversations_with_or_without_an_answer() {
    let rows = parse(
        "p.jsonl",
        "{\"prompt\": \"a\", \"id\": \"x\"}\n\n{\"messages\": [{\"role\": \"user\", \"content\": \"b\"}], \"response\": \"c\"}\n{\"prompt\": \"d\", \"response\": null}\n",
    )
    .unwrap();
    assert_eq!(rows.iter().map(|row| row.id.as_str()).collect::<Vec<_>>(), ["x", "p.jsonl:3", "p.jsonl:4"]);
    assert_eq!(rows.iter().map(|row| row.response.as_deref()).collect::<Vec<_>>(), [None, Some("c"), None]);
    assert!(matches!(&rows[1].prompt, Prompt::Messages(turns) if turns.len() == 1));
}

#[test]
fn a_bad_row_is_named_by_line_and_field() {
    let fine = "{\"prompt\": \"a\"}\n";
    assert_eq!(complaint("p.jsonl", &format!("{fine}{{}}\n")), "p.jsonl:2: field `prompt` is missing; expected a text");
    let said = complaint("p.jsonl", &format!("{fine}{{\"prompt\": \"a\", \"response\": 1}}"));
    assert_eq!(said, "p.jsonl:2: field `response` is a number; expected a text");
    assert!(complaint("p.jsonl", &format!("{fine}{{\"prompt\"")).starts_with("p.jsonl:2: "));
}

#[test]
fn a_file_without_prompts_is_an_error() {
    assert!(complaint("p.jsonl", "\n\n").contains("p.jsonl"));
    assert!(complaint("p.prompt", "seeds: []\n").contains("p.prompt"));
}

#[test]
fn seed_files_give_the_values_of_their_seeds() {
    for name in ["mild.prompt", "mild.yaml", "mild.yml"] {
        let rows = parse(name, SEEDS).unwrap();
        let texts: Vec<_> = rows.iter().map(|row| row.prompt.text()).collect();
        assert_eq!(texts, ["Name a colour.", "Two lines\n- value: inside a text", "Third: still third"]);
        assert!(rows.iter().all(|row| row.response.is_none()));
        let ids: std::collections::HashSet<_> = rows.iter().map(|row| row.id.as_str()).collect();
        assert_eq!(ids.len(), 3);
    }
}

#[test]
fn seeds_stand_on_their_physical_lines() {
    let lines = |text: &str| parse("mild.prompt", text).unwrap().iter().map(|row| row.place.line).collect::<Vec<_>>();
    assert_eq!(lines(SEEDS), [8, 12, 15]);
    assert_eq!(
        lines("# comment\nseeds:\n  # comment\n  - value: a\n\n  - value: b\nname: x\nmore:\n  - value: c\n"),
        [4, 6]
    );
}

#[test]
fn bad_seeds_are_named_by_line_and_field() {
    let said = complaint("s.prompt", "seeds:\n- value: a\n- data_type: text\n");
    assert!(said.starts_with("s.prompt:3: field `seeds[1].value` "), "{said}");
    let said = complaint("s.prompt", "seeds:\n- value: a\n- value: ' '\n");
    assert!(said.starts_with("s.prompt:3: field `seeds[1].value` is empty"), "{said}");
    let said = complaint("s.prompt", "name: x\n");
    assert!(said.contains("`seeds`"), "{said}");
    let said = complaint("s.prompt", "seeds:\n- value: a\n  - b: [\n");
    assert!(said.starts_with("s.prompt:3: "), "{said}");
}
