//! What can be wrong with a tokenizer or a chat template.

use std::path::{Path, PathBuf};

use thiserror::Error;

/// An error of this crate.
#[non_exhaustive]
#[derive(Debug, Error)]
pub enum TextError {
    /// A file cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A tokenizer cannot be read or built.
    #[error("{}: {reason}", path.display())]
    Tokenizer {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A model directory has no `tokenizer.json`.
    #[error("{}: expected tokenizer.json{}", dir.display(), there(beside.as_deref()))]
    NoTokenizer {
        /// The directory.
        dir: PathBuf,
        /// A tokenizer of another form that is there instead.
        beside: Option<String>,
    },
    /// A model ends its answers with more tokens than a GGUF file has places for.
    #[error("the model ends its answers with {} tokens ({ids:?}); GGUF has places for eos, eot and eom", ids.len())]
    EndTokens {
        /// The tokens.
        ids: Vec<u32>,
    },
    /// A chat template cannot be compiled, or refuses these messages.
    #[error("chat template{}: {reason}", line.map(|line| format!(" line {line}")).unwrap_or_default())]
    Template {
        /// Line inside the template, from 1.
        line: Option<usize>,
        /// What it said.
        reason: String,
        /// What kind of fault it is.
        fault: TemplateFault,
    },
    /// A prompt is empty once encoded.
    #[error("a prompt has no tokens")]
    EmptyPrompt,
}

/// What a chat template fails at.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TemplateFault {
    /// It is no template.
    Syntax,
    /// It refuses the conversation in words of its own.
    Refused,
    /// It cannot handle the conversation, or does something that Jinja2 forbids.
    Failed,
    /// It is too long, or takes too many steps, too much memory or too deep a recursion.
    Bound,
    /// There is no such day.
    Date,
}

impl TextError {
    /// A remedy, for a `hint:` line under the message.
    pub fn hint(&self) -> Option<String> {
        let text = match self {
            Self::Io { source, .. } if source.kind() == std::io::ErrorKind::StorageFull => {
                return d2o_record::remedy(source).map(str::to_owned);
            }
            Self::Io { .. } => "check that the path exists and that you may use it",
            Self::Tokenizer { path, .. } if path.extension().is_some_and(|end| end == "gguf") => {
                "give the Hugging Face directory of the same model, whose tokenizer.json says how texts are split"
            }
            Self::Tokenizer { .. } => "use the tokenizer files that were published with the weights",
            Self::NoTokenizer { dir, beside: Some(_) } => {
                let dir = dir.display();
                return Some(format!(
                    "transformers writes tokenizer.json from it: python -c \"from transformers import AutoTokenizer; \
                     AutoTokenizer.from_pretrained('{dir}').save_pretrained('{dir}')\""
                ));
            }
            Self::NoTokenizer { .. } => {
                "fetch tokenizer.json and tokenizer_config.json from where the weights came from"
            }
            Self::EndTokens { .. } => {
                "name three of them in generation_config.json, or export a Hugging Face directory"
            }
            Self::Template { fault, .. } => template_hint(*fault),
            Self::EmptyPrompt => "leave out rows whose prompt is blank",
        };
        Some(text.to_owned())
    }

    pub(crate) fn io(path: &Path, source: std::io::Error) -> Self {
        Self::Io { path: path.to_path_buf(), source }
    }
}

fn there(beside: Option<&str>) -> String {
    beside.map(|file| format!("; {file} is there, which is not read")).unwrap_or_default()
}

fn template_hint(fault: TemplateFault) -> &'static str {
    match fault {
        TemplateFault::Syntax => "use the template that was published with the weights",
        TemplateFault::Refused => {
            "some templates take no system message, or no two turns in a row by one speaker; change or leave out such \
             rows"
        }
        TemplateFault::Failed => {
            "transformers frames prompts without tools and documents in the same way; a template that needs more has \
             to be changed, or data.chat set to false"
        }
        TemplateFault::Bound => "use the template that was published with the weights, or set data.chat to false",
        TemplateFault::Date => "give a day of the calendar",
    }
}
