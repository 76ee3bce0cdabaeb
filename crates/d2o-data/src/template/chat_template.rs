//! A chat template with what Hugging Face lets it see.

use std::path::Path;

use minijinja::value::{Serde, Value};
use minijinja::{Environment, Error, ErrorKind};

use super::bounds::{Bounded, OUTPUT, SOURCE, STEPS};
use super::calendar::Date;
use super::jinja::{RAISED, environment};
use super::source;
use super::syntax::{self, Unreadable};
use crate::contained::contained;
use crate::error::{DataError, TemplateFault};
use crate::fingerprint::Fingerprint;
use crate::sample::Message;
use crate::tokenizer::{SpecialTokens, TextTokenizer};

const NAME: &str = "chat_template";

/// A model's chat template.
#[derive(Clone)]
pub struct ChatTemplate {
    environment: Environment<'static>,
    source: String,
    tokens: SpecialTokens,
    date: Date,
}

impl ChatTemplate {
    /// Compiles a template; `bos` and `eos` are the tokens' texts, empty where there is none.
    ///
    /// # Errors
    /// As [`with_tokens`](Self::with_tokens).
    pub fn new(source: &str, bos: &str, eos: &str) -> Result<Self, DataError> {
        let named = [("bos_token", bos), ("eos_token", eos)];
        Self::with_tokens(source, named.into_iter().filter(|(_, text)| !text.is_empty()).collect())
    }

    /// Compiles a template that sees these special tokens under their names; others are undefined.
    ///
    /// Templates see what transformers shows them: `trim_blocks` and `lstrip_blocks`, every line end as `\n`, Jinja2's
    /// filters and tests, methods of Python's strings, lists and dictionaries, `break` and `continue`, `generation`,
    /// `raise_exception`, `strftime_now` (see [`with_date`](Self::with_date)), a `tojson` that writes as Python does,
    /// and no tools or documents. A template is no longer than 1 MiB.
    ///
    /// # Errors
    /// [`DataError::Template`] with line and reason.
    pub fn with_tokens(source: &str, tokens: SpecialTokens) -> Result<Self, DataError> {
        let source = syntax::with_line_feeds(source);
        if source.len() > SOURCE {
            let reason = format!("it has {} bytes; at most {SOURCE} are read", source.len());
            return Err(DataError::Template { line: None, reason, fault: TemplateFault::Bound });
        }
        let invalid = |error: Error| template_error(&error, TemplateFault::Syntax);
        let mut environment = environment().map_err(invalid)?;
        let translated = syntax::translated(&source)
            .map_err(|Unreadable { line, reason, fault }| DataError::Template { line: Some(line), reason, fault })?;
        environment.add_template_owned(NAME, translated).map_err(invalid)?;
        Ok(Self { environment, source, tokens, date: Date::default() }.with_clock())
    }

    /// The same template on another day, as year, month and day.
    ///
    /// A template that asks for today's date would give other prompts every day, and what was drawn
    /// yesterday would not fit today's model inputs. So `strftime_now` always says the same day:
    /// 26 July 2024, unless another is set here. Transformers says the current one.
    ///
    /// # Errors
    /// [`DataError::Template`] if there is no such day.
    pub fn with_date(self, year: i32, month: u32, day: u32) -> Result<Self, DataError> {
        let date = Date::new(year, month, day).ok_or_else(|| DataError::Template {
            line: None,
            reason: format!("{year}-{month:02}-{day:02} is no day of the calendar"),
            fault: TemplateFault::Date,
        })?;
        Ok(Self { date, ..self }.with_clock())
    }

    fn with_clock(mut self) -> Self {
        let date = self.date;
        self.environment.add_function("strftime_now", move |format: &str| {
            date.format(format).map_err(|reason| Error::new(ErrorKind::InvalidOperation, reason))
        });
        self
    }

    /// The template of a Hugging Face directory with the special tokens that it names.
    ///
    /// It is in `chat_template.jinja`, or inside `tokenizer_config.json`, or in `chat_template.json`. Of several with
    /// names, in a list or in `additional_chat_templates/`, the one named `default` is taken.
    ///
    /// # Errors
    /// A file that cannot be read, a template that cannot be compiled, several without a default.
    pub fn from_dir(dir: &Path) -> Result<Option<Self>, DataError> {
        let Some(source) = source::in_dir(dir)? else { return Ok(None) };
        Self::with_tokens(&source, SpecialTokens::from_dir(dir)?).map(Some)
    }

    /// The conversation as text, with the beginning of the assistant's turn if asked for.
    ///
    /// # Errors
    /// [`DataError::Template`] if the template refuses the messages, cannot handle them, or takes too many steps or too
    /// much memory (4 million steps, an output of 16 MiB).
    pub fn render(&self, messages: &[Message], add_generation_prompt: bool) -> Result<String, DataError> {
        #[cfg(test)]
        crate::work::rendered();
        let failed = |error: Error| template_error(&error, TemplateFault::Failed);
        let template = self.environment.get_template(NAME).map_err(failed)?;
        let turns: Vec<Value> = messages.iter().map(|turn| Value::from(Serde(turn))).collect();
        let tokens = self.tokens.iter().map(|(name, text)| (name, Value::from(text)));
        let own = [
            ("messages", Value::from(turns)),
            ("add_generation_prompt", Value::from(add_generation_prompt)),
            ("tools", Value::from(())),
            ("documents", Value::from(())),
        ];
        let mut out = Bounded::default();
        let seen: Value = tokens.chain(own).collect::<std::collections::BTreeMap<_, _>>().into();
        // The engine panics on a few absurd things, such as turns through no items.
        let rendered = contained(|| template.render_captured_to(seen, &mut out).map(drop));
        let gave_up = |_| Err(Error::new(ErrorKind::InvalidOperation, "it makes the template engine give up"));
        rendered.unwrap_or_else(gave_up).map_err(failed)?;
        Ok(out.into_text())
    }

    /// The token with which the template ends an assistant's turn, if it is a single special one.
    ///
    /// Found by rendering a conversation and looking behind the answer.
    pub fn end_of_turn(&self, tokenizer: &TextTokenizer) -> Option<u32> {
        let answer = "d2o-answer";
        let turns = [Message::new("user", "d2o-question"), Message::new("assistant", answer)];
        let text = self.render(&turns, false).ok()?;
        let behind = &text[text.rfind(answer)? + answer.len()..];
        let first = *tokenizer.encode(behind).first()?;
        is_special(tokenizer, first).then_some(first)
    }

    /// The ids in front of what a user says first, and the token behind it: a model that goes on from the ones until it
    /// draws the other has written a request of its own (Magpie, arXiv 2406.08464).
    ///
    /// None if the template says nothing in front of the user's text or does not put a single special token behind it.
    pub fn empty_request(&self, tokenizer: &TextTokenizer) -> Option<(Vec<u32>, u32)> {
        let question = "d2o-question";
        let text = self.render(&[Message::new("user", question)], true).ok()?;
        let (before, behind) = text.split_once(question)?;
        let before = tokenizer.encode(before);
        let behind = *tokenizer.encode(behind).first()?;
        (!before.is_empty() && is_special(tokenizer, behind)).then_some((before, behind))
    }

    /// The template's text, its line ends as `\n`.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The special tokens that it sees.
    pub fn tokens(&self) -> &SpecialTokens {
        &self.tokens
    }

    /// Hexadecimal SHA-256 of the template, its date and its tokens: bos, eos, and the others that it speaks of.
    pub fn fingerprint(&self) -> String {
        let token = |name: &str| self.tokens.get(name).unwrap_or_default().to_owned();
        let known = ["bos_token", "eos_token"];
        let parts = [self.source.clone(), token(known[0]), token(known[1]), self.date.fingerprint()];
        let others = self.tokens.iter().filter(|(name, _)| !known.contains(name) && self.source.contains(name));
        let others = others.flat_map(|(name, text)| [name.to_owned(), text.to_owned()]);
        let digest = parts.into_iter().chain(others);
        digest.fold(Fingerprint::default(), |digest, part| digest.text(&part)).finish()
    }
}

fn template_error(error: &Error, fault: TemplateFault) -> DataError {
    let line = error.line();
    let said = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
    let (reason, fault) = match error.kind() {
        _ if let Some(words) = said.strip_prefix(RAISED) => (words.to_owned(), TemplateFault::Refused),
        ErrorKind::OutOfFuel => {
            (format!("it takes more than {STEPS} steps or more memory than they pay for"), TemplateFault::Bound)
        }
        ErrorKind::WriteFailure => (format!("it writes more than {OUTPUT} bytes"), TemplateFault::Bound),
        _ if said.contains("recursion limit") || said.contains("maximum recursion") => {
            (format!("it calls itself too deeply ({said})"), TemplateFault::Bound)
        }
        _ => (said, fault),
    };
    DataError::Template { line, reason, fault }
}

/// Whether the token is one of those that plain text never becomes.
fn is_special(tokenizer: &TextTokenizer, id: u32) -> bool {
    tokenizer.decode(&[id], true).is_empty() && !tokenizer.decode(&[id], false).is_empty()
}
