//! What can be wrong with a user's data, tokenizer or chat template.

use std::path::{Path, PathBuf};

use thiserror::Error;

/// What another library reported.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// An error of this crate.
#[non_exhaustive]
#[derive(Debug, Error)]
pub enum DataError {
    /// A file cannot be read.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A line is not a JSON object.
    #[error("{}:{line}: not a JSON object: {problem}", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// Physical line, from 1.
        line: usize,
        /// What is wrong, and in which column.
        problem: String,
        /// Whether the object is begun and never ended.
        cut: bool,
    },
    /// A row is not what its format asks for.
    #[error("{}:{line}: {problem}; expected {expected}", path.display())]
    Row {
        /// The file.
        path: PathBuf,
        /// Physical line, from 1.
        line: usize,
        /// What is wrong.
        problem: String,
        /// What was expected.
        expected: &'static str,
    },
    /// A field is missing, empty or of another type.
    #[error("{}:{line}: field `{field}` {problem}; expected {expected}", path.display())]
    Field {
        /// The file.
        path: PathBuf,
        /// Physical line, from 1.
        line: usize,
        /// The field, with its position where it stands in a list.
        field: String,
        /// What is wrong with it.
        problem: String,
        /// What was expected.
        expected: &'static str,
    },
    /// No row of a file is a rejected answer.
    #[error("{}: {}", path.display(), none_rejected(*rows, *threshold, *highest))]
    NoNegatives {
        /// The file.
        path: PathBuf,
        /// Least score that counts as rejected; none for rows without scores.
        threshold: Option<f64>,
        /// Rows read.
        rows: usize,
        /// The highest score of the file.
        highest: Option<f64>,
    },
    /// No row is left to train on.
    #[error("no group is left to train on: {reason}")]
    NoGroups {
        /// Where the rows went.
        reason: String,
    },
    /// A file of prompts holds none.
    #[error("{}: the file holds no prompt", path.display())]
    NoPrompts {
        /// The file.
        path: PathBuf,
    },
    /// A file's format was left out when this program was built.
    #[error("{}: reading {format} is not compiled in", path.display())]
    NotCompiledIn {
        /// The file.
        path: PathBuf,
        /// The format.
        format: &'static str,
        /// The cargo feature that adds it.
        feature: &'static str,
    },
    /// A Parquet file cannot be read.
    #[error("{}: not readable as Parquet: {source}", path.display())]
    Parquet {
        /// The file.
        path: PathBuf,
        /// What the reader said.
        #[source]
        source: Cause,
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
    /// A row's prompt cannot be framed.
    #[error("{place}: prompt that cannot be framed: {problem}")]
    Unframed {
        /// Where the row stands, `path:line`.
        place: String,
        /// [`Template`](Self::Template) or [`EmptyPrompt`](Self::EmptyPrompt).
        problem: Box<DataError>,
    },
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

impl DataError {
    /// A remedy, for a `hint:` line under the message.
    pub fn hint(&self) -> Option<String> {
        let text = match self {
            Self::Io { source, .. } if source.kind() == std::io::ErrorKind::UnexpectedEof => {
                "the file seems cut off; copy it again"
            }
            Self::Io { source, .. } if source.kind() == std::io::ErrorKind::StorageFull => {
                return d2o_record::remedy(source).map(str::to_owned);
            }
            Self::Io { .. } => "check that the path exists and that you may use it",
            Self::Json { cut: true, .. } => "the line ends inside its object; was the file copied whole?",
            Self::Json { .. } => "each line is one JSON object, with no list around them",
            Self::Row { .. } => {
                "look at that line of the file; the format may also be another than the one that was named"
            }
            Self::Field { field, .. } => shape_of(field),
            Self::NoNegatives { threshold: Some(_), highest: Some(_), .. } => {
                "lower the threshold to the highest score or below, or give another file"
            }
            Self::NoNegatives { .. } => "check that the file has rows and that its labels mark bad answers",
            Self::NoGroups { .. } => {
                "lower data.threshold, raise data.max_prompt_tokens or anchors.redraws, or give more rows"
            }
            Self::NoPrompts { .. } => "rows look like {\"prompt\": \"…\"}",
            Self::NotCompiledIn { feature, .. } => return Some(format!("rebuild with `--features {feature}`")),
            Self::Parquet { .. } => "columns may be uncompressed or packed with Snappy; convert others to JSON lines",
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
            Self::Unframed { problem, .. } => return problem.hint(),
        };
        Some(text.to_owned())
    }

    /// The same with the place of the row whose prompt it is about, if it is about one.
    #[must_use]
    pub fn of_row(self, place: impl ToString) -> Self {
        match self {
            problem @ (Self::Template { .. } | Self::EmptyPrompt) => {
                Self::Unframed { place: place.to_string(), problem: Box::new(problem) }
            }
            other => other,
        }
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
            "some templates take no system message, or no two turns in a row by one speaker; change or leave out such rows"
        }
        TemplateFault::Failed => {
            "transformers frames prompts without tools and documents in the same way; a template that needs more has to be \
             changed, or data.chat set to false"
        }
        TemplateFault::Bound => "use the template that was published with the weights, or set data.chat to false",
        TemplateFault::Date => "give a day of the calendar",
    }
}

fn none_rejected(rows: usize, threshold: Option<f64>, highest: Option<f64>) -> String {
    match (threshold, highest) {
        _ if rows == 0 => "the file has no rows".to_owned(),
        (Some(threshold), Some(highest)) => {
            format!("none of {rows} rows has a score of at least {threshold}; the highest is {highest}")
        }
        (Some(_), None) => format!("none of {rows} rows has a score"),
        _ => format!("none of {rows} rows is a rejected answer"),
    }
}

/// The row that a field belongs to.
fn shape_of(field: &str) -> &'static str {
    match field {
        "objective" | "assistant_response" => "the columns are objective, assistant_response and human_score",
        _ if field.starts_with("human_score") => {
            "scores are numbers in human_score or in human_score_1, human_score_2, …"
        }
        "is_safe" | "response" => "rows look like {\"prompt\": \"…\", \"response\": \"…\", \"is_safe\": false}",
        _ if field.contains("response_") => {
            "rows have prompt, response_0, response_1, is_response_0_safe and is_response_1_safe"
        }
        _ if field.starts_with("messages") => {
            "rows look like {\"messages\": [{\"role\": \"user\", \"content\": \"…\"}], \"rejected\": \"…\"}"
        }
        _ if field.starts_with("seeds") => "seed files look like `seeds:` and below it items `- value: …`",
        _ => "rows look like {\"prompt\": \"…\", \"rejected\": \"…\"}",
    }
}
