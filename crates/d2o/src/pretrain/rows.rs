//! Encoded texts to learn from.

use std::fs;
use std::path::{Path, PathBuf};

use d2o_data::{DataError, PromptRow, load_prompts};
use d2o_text::{Encoder, Limits};
use serde::{Deserialize, Serialize};

use d2o_record::durable::at;
use d2o_train::pretrain::PretrainRow;

use crate::error::RunError;

/// Which tokens are to be predicted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Predicted {
    /// Every token but the first.
    All,
    /// Those of the answer, its end token included.
    Response,
}

/// A text of a file.
#[derive(Clone, Debug, PartialEq)]
pub enum RawRow {
    /// A paragraph.
    Text(String),
    /// A prompt with its answer.
    Pair(PromptRow, String),
}

/// Reads JSON lines `{prompt, response}`, or from a `.txt` file its paragraphs.
///
/// # Errors
/// A file that cannot be read, a row without an answer.
pub fn read(files: &[PathBuf]) -> anyhow::Result<Vec<RawRow>> {
    let mut rows = Vec::new();
    for file in files {
        if file.extension().is_some_and(|extension| extension == "txt") {
            let text = at(file, fs::read_to_string(file))?;
            let paragraphs = text.split("\n\n").map(str::trim).filter(|paragraph| !paragraph.is_empty());
            rows.extend(paragraphs.map(|paragraph| RawRow::Text(paragraph.to_owned())));
        } else {
            for row in load_prompts(file)? {
                rows.push(pair(file, row)?);
            }
        }
    }
    match rows.len() {
        0 => Err(RunError::NoGroups { reason: "the files hold no text".to_owned() }.into()),
        _ => Ok(rows),
    }
}

fn pair(file: &Path, row: PromptRow) -> Result<RawRow, DataError> {
    let Some(response) = row.response.clone() else {
        let (path, line) = (file.to_path_buf(), row.place.line);
        let (field, problem) = ("response".to_owned(), "is missing".to_owned());
        return Err(DataError::Field { path, line, field, problem, expected: "a text", shape: None });
    };
    Ok(RawRow::Pair(row, response))
}

impl RawRow {
    /// The texts that a tokenizer learns from.
    pub fn texts(&self) -> Vec<String> {
        match self {
            Self::Text(text) => vec![text.clone()],
            Self::Pair(row, response) => vec![row.prompt.text(), response.clone()],
        }
    }

    /// The row as ids, cut to `max_tokens`; nothing if the cut leaves no predicted token.
    ///
    /// # Errors
    /// A template that refuses the prompt.
    pub fn encode(
        &self,
        encoder: &Encoder,
        predicted: Predicted,
        max_tokens: usize,
    ) -> Result<Option<PretrainRow>, DataError> {
        let (mut ids, prompt_len) = match self {
            Self::Text(text) => (encoder.response_ids(text), 0),
            Self::Pair(row, response) => {
                let limits = Limits { max_prompt_tokens: usize::MAX, max_response_tokens: usize::MAX };
                let sequence = encoder.sequence(&row.prompt, response, &limits)?.0;
                (sequence.ids, sequence.prompt_len)
            }
        };
        ids.truncate(max_tokens);
        let first_target = match predicted {
            Predicted::All => 1,
            Predicted::Response => prompt_len.max(1),
        };
        Ok((first_target < ids.len()).then_some(PretrainRow { ids, first_target }))
    }
}
