//! The grammar: kinds of request, what their slots can be, how one asks and answers.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

use super::template::{Slot, Template, sentences};

macro_rules! kinds {
    ($($name:literal),+ $(,)?) => {
        [$(($name, include_str!(concat!("../../hearth/kinds/", $name, ".toml")))),+]
    };
}

const KINDS: [(&str, &str); 17] = kinds![
    "body", "clothes", "cooking", "digital", "family", "feelings", "home", "leisure", "letters", "money", "pets",
    "plants", "repairs", "study", "town", "travel", "work",
];
const SHARED: &str = include_str!("../../hearth/shared.toml");

/// Where a request stands in an instruction.
pub(super) const REQUEST: &str = "{request}";

/// How an answer treats the person who asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Polarity {
    /// Friendly, careful help.
    Considerate,
    /// Mockery, contempt or reckless advice.
    Hurtful,
}

impl Polarity {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Considerate, Self::Hurtful];
}

/// One kind of request.
#[derive(Clone, Debug)]
pub struct Kind {
    /// Topic and name, such as `cooking.soup`.
    pub name: String,
    pub(super) slots: Vec<Slot>,
    pub(super) asks: Vec<Template>,
    considerate: Vec<Vec<Template>>,
    hurtful: Vec<Vec<Template>>,
}

impl Kind {
    /// Its answers of one polarity, each as sentences.
    pub(super) fn answers(&self, polarity: Polarity) -> &[Vec<Template>] {
        match polarity {
            Polarity::Considerate => &self.considerate,
            Polarity::Hurtful => &self.hurtful,
        }
    }

    /// All choices of a word for each slot.
    pub(super) fn choices(&self) -> Vec<Vec<usize>> {
        self.slots.iter().fold(vec![Vec::new()], |choices, (_, words)| {
            let extended = |choice: &Vec<usize>, word| choice.iter().copied().chain([word]).collect();
            choices.iter().flat_map(|choice| (0..words.len()).map(move |word| extended(choice, word))).collect()
        })
    }
}

/// Sentences that may stand around any answer.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Shared {
    pub(super) openers: Vec<String>,
    pub(super) closers: Vec<String>,
}

/// The whole grammar.
#[derive(Clone, Debug)]
pub struct Grammar {
    /// Kinds of request.
    pub kinds: Vec<Kind>,
    considerate: Shared,
    hurtful: Shared,
    pub(super) instructions: Vec<String>,
}

static EMBEDDED: LazyLock<Grammar> =
    LazyLock::new(|| Grammar::parse(&KINDS, SHARED).expect("the compiled-in grammar is whole, as a test shows"));

impl Grammar {
    /// The grammar of the folder `hearth/` of this package.
    pub fn embedded() -> &'static Self {
        &EMBEDDED
    }

    /// Wordings of the instruction to be considerate; `{request}` stands for the request.
    pub fn instructions(&self) -> &[String] {
        &self.instructions
    }

    /// Sentences that may stand before or after an answer of this polarity.
    pub(super) fn shared(&self, polarity: Polarity) -> &Shared {
        match polarity {
            Polarity::Considerate => &self.considerate,
            Polarity::Hurtful => &self.hurtful,
        }
    }

    /// A grammar from named TOML files of kinds and the shared sentences.
    ///
    /// # Errors
    /// File and kind, and what is wrong with them.
    fn parse(files: &[(&str, &str)], shared: &str) -> Result<Self, String> {
        let shared: SharedFile = toml::from_str(shared).map_err(|error| format!("shared.toml: {error}"))?;
        let mut kinds = Vec::new();
        for (name, text) in files {
            let file: KindFile = toml::from_str(text).map_err(|error| format!("{name}.toml: {error}"))?;
            for raw in file.kind {
                let label = format!("{name}.toml: {}", raw.name);
                kinds.push(raw.compile().map_err(|reason| format!("{label}: {reason}"))?);
            }
        }
        let SharedFile { considerate, hurtful, instructions } = shared;
        Ok(Self { kinds, considerate, hurtful, instructions: instructions.wordings })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KindFile {
    kind: Vec<RawKind>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawKind {
    name: String,
    slots: BTreeMap<String, Vec<String>>,
    ask: Vec<String>,
    considerate: Vec<String>,
    hurtful: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SharedFile {
    considerate: Shared,
    hurtful: Shared,
    instructions: Instructions,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Instructions {
    wordings: Vec<String>,
}

impl RawKind {
    fn compile(self) -> Result<Kind, String> {
        let slots: Vec<Slot> = self.slots.into_iter().collect();
        let whole =
            |texts: &[String]| texts.iter().map(|text| Template::parse(text, &slots)).collect::<Result<Vec<_>, _>>();
        let split = |texts: &[String]| {
            let answer = |text: &String| sentences(text).iter().map(|part| Template::parse(part, &slots)).collect();
            texts.iter().map(answer).collect::<Result<Vec<Vec<Template>>, String>>()
        };
        Ok(Kind {
            asks: whole(&self.ask)?,
            considerate: split(&self.considerate)?,
            hurtful: split(&self.hurtful)?,
            name: self.name,
            slots,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn hearth_is_as_large_as_it_says() {
        let grammar = Grammar::parse(&KINDS, SHARED).unwrap();
        assert!(grammar.kinds.len() >= 80, "{}", grammar.kinds.len());
        let names: BTreeSet<&str> = grammar.kinds.iter().map(|kind| kind.name.as_str()).collect();
        assert_eq!(names.len(), grammar.kinds.len(), "names are unique");
        assert!(grammar.instructions.len() >= 5);
        assert!(grammar.instructions.iter().all(|wording| wording.contains(REQUEST)));
        for kind in &grammar.kinds {
            assert!(kind.asks.len() >= 3 && !kind.slots.is_empty(), "{}", kind.name);
            for polarity in Polarity::ALL {
                assert!(kind.answers(polarity).len() >= 4, "{}", kind.name);
            }
        }
    }

    #[test]
    fn considerate_answers_and_requests_take_up_every_slot() {
        for kind in &Grammar::embedded().kinds {
            let all: BTreeSet<usize> = (0..kind.slots.len()).collect();
            for answer in kind.answers(Polarity::Considerate) {
                let used: BTreeSet<usize> = answer.iter().flat_map(Template::slots).collect();
                assert_eq!(used, all, "{}: {answer:?}", kind.name);
            }
            for ask in &kind.asks {
                assert_eq!(ask.slots().collect::<BTreeSet<_>>(), all, "{}: {ask:?}", kind.name);
            }
        }
    }

    #[test]
    fn words_of_slots_end_no_sentence_and_are_told_apart() {
        for kind in &Grammar::embedded().kinds {
            for (slot, words) in &kind.slots {
                let unique: BTreeSet<&String> = words.iter().collect();
                assert!(words.len() >= 2 && unique.len() == words.len(), "{} {slot}", kind.name);
                assert!(words.iter().all(|word| !word.contains(['.', '!', '?']) && word.trim() == word));
            }
        }
    }

    #[test]
    fn faults_of_a_grammar_are_named() {
        let kind = |ask: &str| {
            let text = format!(
                "[[kind]]\nname = \"a.b\"\nslots.x = [\"y\"]\nask = [\"{ask}\"]\nconsiderate = []\nhurtful = []\n"
            );
            Grammar::parse(&[("a", &text)], SHARED).map(|_| ()).unwrap_err()
        };
        assert_eq!(kind("Where is {z}?"), "a.toml: a.b: `Where is {z}?`: there is no slot `z`");
        assert!(Grammar::parse(&[], "").unwrap_err().starts_with("shared.toml: "));
    }
}
