//! A chat template with what Hugging Face lets it see.

use std::fs;
use std::path::Path;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Value;
use minijinja::{Environment, Error, ErrorKind, context};
use serde_json::Map;

use super::calendar::Date;
use super::python_json::to_json;
use crate::error::DataError;
use crate::fingerprint::Fingerprint;
use crate::sample::Message;
use crate::tokenizer::{TextTokenizer, named_token, read_config};

const NAME: &str = "chat_template";

/// A model's chat template.
#[derive(Clone)]
pub struct ChatTemplate {
    environment: Environment<'static>,
    source: String,
    bos: String,
    eos: String,
    date: Date,
}

impl ChatTemplate {
    /// Compiles a template; `bos` and `eos` are the tokens' texts, empty where there is none.
    ///
    /// Templates see what transformers shows them: `trim_blocks` and `lstrip_blocks`, methods of Python's
    /// strings, lists and dictionaries, `break` and `continue`, `raise_exception`, `strftime_now` (see
    /// [`with_date`](Self::with_date)), a `tojson` that writes as Python does, and no tools or documents.
    ///
    /// # Errors
    /// [`DataError::Template`] with line and reason.
    pub fn new(source: &str, bos: &str, eos: &str) -> Result<Self, DataError> {
        let mut environment = Environment::new();
        let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
        environment.set_syntax(syntax.map_err(template_error)?);
        environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
        environment.add_function("raise_exception", |message: String| -> Result<Value, Error> {
            Err(Error::new(ErrorKind::InvalidOperation, message))
        });
        environment.add_filter("tojson", to_json);
        let compiled = environment.add_template_owned(NAME, without_generation_marks(source));
        compiled.map_err(template_error)?;
        let (source, bos, eos) = (source.to_owned(), bos.to_owned(), eos.to_owned());
        Ok(Self { environment, source, bos, eos, date: Date::default() }.with_clock())
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
        let reason = || format!("{year}-{month:02}-{day:02} is no day of the calendar");
        let date = Date::new(year, month, day);
        let date = date.ok_or_else(|| DataError::Template { line: None, reason: reason() })?;
        Ok(Self { date, ..self }.with_clock())
    }

    fn with_clock(mut self) -> Self {
        let date = self.date;
        self.environment.add_function("strftime_now", move |format: &str| {
            date.format(format).map_err(|reason| Error::new(ErrorKind::InvalidOperation, reason))
        });
        self
    }

    /// The template of a Hugging Face directory: `chat_template.jinja`, or inside `tokenizer_config.json`,
    /// alone or in a list as the one named `default`.
    ///
    /// # Errors
    /// A file that cannot be read, a template that cannot be compiled.
    pub fn from_dir(dir: &Path) -> Result<Option<Self>, DataError> {
        let path = dir.join("chat_template.jinja");
        let source = if path.exists() {
            Some(fs::read_to_string(&path).map_err(|source| DataError::io(&path, source))?)
        } else {
            in_config(&read_config(&dir.join("tokenizer_config.json"))?)
        };
        let bos = named_token(dir, "bos_token")?.unwrap_or_default();
        let eos = named_token(dir, "eos_token")?.unwrap_or_default();
        source.map(|source| Self::new(&source, &bos, &eos)).transpose()
    }

    /// The conversation as text, with the beginning of the assistant's turn if asked for.
    ///
    /// # Errors
    /// [`DataError::Template`] if the template refuses the messages.
    pub fn render(&self, messages: &[Message], add_generation_prompt: bool) -> Result<String, DataError> {
        #[cfg(test)]
        crate::work::rendered();
        let template = self.environment.get_template(NAME).map_err(template_error)?;
        let turn = |message: &Message| context! { role => message.role.as_str(), content => message.content.as_str() };
        let turns: Vec<Value> = messages.iter().map(turn).collect();
        let context = context! {
            messages => turns,
            add_generation_prompt => add_generation_prompt,
            bos_token => self.bos.as_str(),
            eos_token => self.eos.as_str(),
            tools => Value::from(()),
            documents => Value::from(()),
        };
        template.render(context).map_err(template_error)
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

    /// The template's text.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Hexadecimal SHA-256 of the template, its tokens and its date.
    pub fn fingerprint(&self) -> String {
        [&self.source, &self.bos, &self.eos, &self.date.fingerprint()]
            .into_iter()
            .fold(Fingerprint::default(), |digest, part| digest.text(part))
            .finish()
    }
}

/// Turns the tags that mark an answer for training, which render as nothing, into ones that minijinja knows.
fn without_generation_marks(source: &str) -> String {
    let mut compiled = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(begin) = rest.find("{%") {
        let (before, tag) = rest.split_at(begin);
        compiled.push_str(before);
        let end = tag.find("%}").map_or(tag.len(), |end| end + 2);
        let (tag, behind) = tag.split_at(end);
        let name = tag.trim_matches(|c: char| "{%}+-".contains(c) || c.is_whitespace());
        compiled.push_str(&match name {
            "generation" => tag.replacen(name, "if true", 1),
            "endgeneration" => tag.replacen(name, "endif", 1),
            _ => tag.to_owned(),
        });
        rest = behind;
    }
    compiled.push_str(rest);
    compiled
}

fn in_config(config: &Map<String, serde_json::Value>) -> Option<String> {
    let template = config.get("chat_template")?;
    if let Some(text) = template.as_str() {
        return Some(text.to_owned());
    }
    let named = |entry: &&serde_json::Value| entry.get("name").and_then(|name| name.as_str()) == Some("default");
    template.as_array()?.iter().find(named)?.get("template")?.as_str().map(str::to_owned)
}

fn template_error(error: Error) -> DataError {
    let reason = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
    DataError::Template { line: error.line(), reason }
}

/// Whether the token is one of those that plain text never becomes.
fn is_special(tokenizer: &TextTokenizer, id: u32) -> bool {
    tokenizer.decode(&[id], true).is_empty() && !tokenizer.decode(&[id], false).is_empty()
}
