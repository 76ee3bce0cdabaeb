//! Sentences with places for words, filled in and recognised.

/// A slot of a kind of request: its name and the words that can stand there.
pub(super) type Slot = (String, Vec<String>);

/// The word chosen for each slot of a kind, by index; `None` where a sentence leaves it open.
pub(super) type Binding = Vec<Option<usize>>;

/// One piece of a template.
#[derive(Clone, Debug, PartialEq)]
enum Piece {
    Text(String),
    /// A slot by index. Behind an indefinite article its word decides between `a` and `an`.
    Slot {
        slot: usize,
        article: bool,
    },
}

/// A text with places for the words of slots, such as `Rinse the {grain} first.`
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Template(Vec<Piece>);

impl Template {
    /// Compiles `text`; `{name}` is a place for a word of the slot `name`.
    ///
    /// # Errors
    /// A sentence about a brace without its partner or a slot that the kind does not have.
    pub(super) fn parse(text: &str, slots: &[Slot]) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((before, behind)) = rest.split_once('{') {
            let (name, behind) = behind.split_once('}').ok_or_else(|| format!("`{text}`: a brace is not closed"))?;
            let slot = slots.iter().position(|(known, _)| known == name);
            let slot = slot.ok_or_else(|| format!("`{text}`: there is no slot `{name}`"))?;
            let article = before == "a " || before == "A " || before.ends_with(" a ");
            let literal = if article { before.trim_end_matches(' ') } else { before };
            if !literal.is_empty() {
                pieces.push(Piece::Text(literal.to_owned()));
            }
            pieces.push(Piece::Slot { slot, article });
            rest = behind;
        }
        if !rest.is_empty() {
            pieces.push(Piece::Text(rest.to_owned()));
        }
        Ok(Self(pieces))
    }

    /// The text with the words `values` (one index for each slot of the kind).
    pub(super) fn fill(&self, slots: &[Slot], values: &[usize]) -> String {
        self.0
            .iter()
            .map(|piece| match piece {
                Piece::Text(text) => text.clone(),
                Piece::Slot { slot, article } => written(&slots[*slot].1[values[*slot]], *article),
            })
            .collect()
    }

    /// All ways in which `text` is this template with words filled in.
    pub(super) fn read(&self, slots: &[Slot], text: &str) -> Vec<Binding> {
        let mut found = Vec::new();
        read(&self.0, slots, text, &mut vec![None; slots.len()], &mut found);
        found
    }
}

fn read(pieces: &[Piece], slots: &[Slot], text: &str, bound: &mut Binding, found: &mut Vec<Binding>) {
    let Some((piece, rest)) = pieces.split_first() else {
        if text.is_empty() {
            found.push(bound.clone());
        }
        return;
    };
    match piece {
        Piece::Text(literal) => {
            if let Some(behind) = text.strip_prefix(literal.as_str()) {
                read(rest, slots, behind, bound, found);
            }
        }
        Piece::Slot { slot, article } => {
            let before = bound[*slot];
            for (value, word) in slots[*slot].1.iter().enumerate() {
                let agrees = before.is_none_or(|known| known == value);
                if let Some(behind) = text.strip_prefix(written(word, *article).as_str()).filter(|_| agrees) {
                    bound[*slot] = Some(value);
                    read(rest, slots, behind, bound, found);
                    bound[*slot] = before;
                }
            }
        }
    }
}

/// A word, with the end of the article that stands before it.
fn written(word: &str, article: bool) -> String {
    match article {
        true if begins_with_vowel(word) => format!("n {word}"),
        true => format!(" {word}"),
        false => word.to_owned(),
    }
}

fn begins_with_vowel(word: &str) -> bool {
    word.starts_with(['a', 'e', 'i', 'o', 'u']) && !word.starts_with("use") && !word.starts_with("uni")
}

/// The sentences of a text, each with its mark at the end and without the space around it; what stands after the
/// last mark is a piece of its own.
pub(super) fn sentences(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let ends = rest.char_indices().filter(|(_, c)| matches!(c, '.' | '!' | '?')).map(|(at, _)| at + 1);
        let end = ends.into_iter().find(|&end| rest[end..].is_empty() || rest[end..].starts_with(char::is_whitespace));
        let (sentence, behind) = rest.split_at(end.unwrap_or(rest.len()));
        found.push(sentence);
        rest = behind.trim_start();
    }
    found
}

#[cfg(test)]
impl Template {
    /// Slots that the template mentions.
    pub(super) fn slots(&self) -> impl Iterator<Item = usize> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Slot { slot, .. } => Some(*slot),
            Piece::Text(_) => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slots() -> Vec<Slot> {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        vec![("pet".to_owned(), words(&["cat", "owl", "cat food"])), ("place".to_owned(), words(&["bed", "hall"]))]
    }

    #[test]
    fn what_is_filled_in_is_read_back() {
        let slots = slots();
        let template = Template::parse("Put a {pet} to {place}, the {pet} said.", &slots).unwrap();
        assert_eq!(template.fill(&slots, &[1, 0]), "Put an owl to bed, the owl said.");
        for (pet, place) in [(0, 0), (1, 1), (2, 0)] {
            let text = template.fill(&slots, &[pet, place]);
            assert_eq!(template.read(&slots, &text), [vec![Some(pet), Some(place)]], "{text}");
        }
        // One slot is one word, whatever the places.
        assert!(template.read(&slots, "Put a cat to bed, the owl said.").is_empty());
        assert!(template.read(&slots, "Put a owl to bed, the owl said.").is_empty());
        assert!(template.read(&slots, "Put a cat to bed, the cat said. ").is_empty());
    }

    #[test]
    fn slots_that_are_not_there_are_named() {
        assert!(Template::parse("the {dog}", &slots()).unwrap_err().contains("no slot `dog`"));
        assert!(Template::parse("the {pet", &slots()).unwrap_err().contains("not closed"));
    }

    #[test]
    fn sentences_end_at_marks_before_spaces() {
        assert_eq!(sentences(" Yes!  At 3.5 it is done.\nWhat? no"), ["Yes!", "At 3.5 it is done.", "What?", "no"]);
        assert!(sentences("  ").is_empty());
        assert_eq!(sentences("Wait..."), ["Wait..."]);
    }
}
