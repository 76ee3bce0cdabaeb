//! Rows as the rest of the crate sees them.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// One turn of a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// `system`, `user` or `assistant`.
    pub role: String,
    /// What was said.
    pub content: String,
}

/// What the model was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Prompt {
    /// One request, or plain text for a model without a template.
    Text(String),
    /// A conversation that the model is to continue.
    Messages(Vec<Message>),
}

impl Prompt {
    /// The prompt as turns; a text is one user turn.
    pub fn messages(&self) -> Vec<Message> {
        match self {
            Self::Text(text) => vec![Message { role: "user".to_owned(), content: text.clone() }],
            Self::Messages(messages) => messages.clone(),
        }
    }

    /// The prompt as text: the only turn's content, or turns on lines of their own.
    pub fn text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Messages(messages) => match messages.as_slice() {
                [only] => only.content.clone(),
                many => many.iter().map(|turn| format!("{}: {}", turn.role, turn.content)).collect::<Vec<_>>().join("\n"),
            },
        }
    }

    /// What identifies a prompt when rows are split or deduplicated: its text, case and spacing aside.
    pub fn key(&self) -> String {
        self.text().split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
    }
}

/// Where a row came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub path: PathBuf,
    /// Physical line of its beginning, from 1.
    pub line: usize,
}

/// A prompt with an answer that people rejected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NegativeSample {
    /// The row's own id, or file name and line.
    pub id: String,
    /// What the model was asked.
    pub prompt: Prompt,
    /// The answer that people rejected.
    pub rejected: String,
    /// An answer that people preferred, for paired baselines.
    pub chosen: Option<String>,
    /// Where the row came from.
    pub place: Place,
}
