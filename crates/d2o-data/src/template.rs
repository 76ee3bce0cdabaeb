//! Chat templates, rendered as Hugging Face renders them.

use std::fs;
use std::path::Path;

use minijinja::value::{Kwargs, Value};
use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, Error, ErrorKind, context};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::error::DataError;
use crate::sample::Message;
use crate::tokenizer::read_config;

const NAME: &str = "chat_template";

/// A model's chat template.
#[derive(Clone)]
pub struct ChatTemplate {
    environment: Environment<'static>,
    source: String,
    bos: String,
    eos: String,
}

impl ChatTemplate {
    /// Compiles a template; `bos` and `eos` are the tokens' texts, empty where there is none.
    ///
    /// # Errors
    /// [`DataError::Template`] with line and reason.
    pub fn new(source: &str, bos: &str, eos: &str) -> Result<Self, DataError> {
        let mut environment = Environment::new();
        let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build().map_err(template_error)?;
        environment.set_syntax(syntax);
        environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
        environment.add_function("raise_exception", |message: String| -> Result<Value, Error> {
            Err(Error::new(ErrorKind::InvalidOperation, message))
        });
        environment.add_function("strftime_now", strftime_now);
        environment.add_filter("tojson", to_json);
        environment.add_template_owned(NAME, source.to_owned()).map_err(template_error)?;
        Ok(Self { environment, source: source.to_owned(), bos: bos.to_owned(), eos: eos.to_owned() })
    }

    /// The template of a Hugging Face directory: `chat_template.jinja`, or inside `tokenizer_config.json`.
    ///
    /// # Errors
    /// A file that cannot be read, a template that cannot be compiled.
    pub fn from_dir(dir: &Path) -> Result<Option<Self>, DataError> {
        let config = read_config(dir)?;
        let path = dir.join("chat_template.jinja");
        let source = if path.exists() {
            Some(fs::read_to_string(&path).map_err(|source| DataError::Io { path, source })?)
        } else {
            in_config(&config)
        };
        let token = |key: &str| {
            let value = config.get(key);
            let text = value.and_then(|value| value.as_str().or_else(|| value.get("content")?.as_str()));
            text.unwrap_or_default().to_owned()
        };
        source.map(|source| Self::new(&source, &token("bos_token"), &token("eos_token"))).transpose()
    }

    /// The conversation as text, with the beginning of the assistant's turn if asked for.
    ///
    /// # Errors
    /// [`DataError::Template`] if the template refuses the messages.
    pub fn render(&self, messages: &[Message], add_generation_prompt: bool) -> Result<String, DataError> {
        let template = self.environment.get_template(NAME).map_err(template_error)?;
        let turn = |message: &Message| context! { role => message.role.as_str(), content => message.content.as_str() };
        let messages: Vec<Value> = messages.iter().map(turn).collect();
        template
            .render(context! {
                messages,
                add_generation_prompt,
                bos_token => self.bos.as_str(),
                eos_token => self.eos.as_str(),
            })
            .map_err(template_error)
    }

    /// The template's text.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Hexadecimal SHA-256 of the template and its tokens.
    pub fn fingerprint(&self) -> String {
        let text = format!("{}\0{}\0{}", self.source, self.bos, self.eos);
        Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// A template that stands in `tokenizer_config.json`, alone or as the one named `default`.
fn in_config(config: &serde_json::Value) -> Option<String> {
    let template = config.get("chat_template")?;
    if let Some(text) = template.as_str() {
        return Some(text.to_owned());
    }
    let named = template.as_array()?.iter().find(|entry| entry.get("name").and_then(|name| name.as_str()) == Some("default"))?;
    named.get("template")?.as_str().map(str::to_owned)
}

fn template_error(error: Error) -> DataError {
    let line = error.line().map_or_else(String::new, |line| format!(" (template line {line})"));
    DataError::Template { reason: format!("{}{line}", error.detail().map_or_else(|| error.to_string(), str::to_owned)) }
}

/// JSON as Python's `json.dumps` writes it: `, ` and `: ` between items, nothing escaped for HTML.
fn to_json(value: Value, options: Kwargs) -> Result<Value, Error> {
    let indent: Option<usize> = options.get("indent")?;
    options.get::<Option<bool>>("ensure_ascii")?;
    options.assert_all_used()?;
    let failed = |error: serde_json::Error| Error::new(ErrorKind::BadSerialization, error.to_string());
    let mut bytes = Vec::new();
    match indent {
        Some(width) => {
            let spaces = " ".repeat(width);
            let formatter = serde_json::ser::PrettyFormatter::with_indent(spaces.as_bytes());
            value.serialize(&mut serde_json::Serializer::with_formatter(&mut bytes, formatter)).map_err(failed)?;
        }
        None => value.serialize(&mut serde_json::Serializer::with_formatter(&mut bytes, PythonStyle)).map_err(failed)?,
    }
    Ok(Value::from_safe_string(String::from_utf8_lossy(&bytes).into_owned()))
}

struct PythonStyle;

impl serde_json::ser::Formatter for PythonStyle {
    fn begin_array_value<W: ?Sized + std::io::Write>(&mut self, writer: &mut W, first: bool) -> std::io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_key<W: ?Sized + std::io::Write>(&mut self, writer: &mut W, first: bool) -> std::io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_value<W: ?Sized + std::io::Write>(&mut self, writer: &mut W) -> std::io::Result<()> {
        writer.write_all(b": ")
    }
}

/// Today's date would make prompts differ from day to day, and a stored anchor stale: it is refused.
fn strftime_now(format: String) -> Result<Value, Error> {
    let message = format!("the template asks for today's date (`{format}`), so its prompts would change every day");
    Err(Error::new(ErrorKind::InvalidOperation, message))
}
