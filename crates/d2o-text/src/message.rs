//! What a model was asked, as text or as turns.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// One turn of a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// `system`, `user`, `assistant` or `tool`.
    pub role: String,
    /// What was said; empty where the assistant only calls a tool.
    pub content: String,
    /// What else a template may read: `tool_calls`, `tool_call_id`, `name`, `reasoning_content`.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl Message {
    /// A turn of `role` that says `content`.
    pub fn new(role: impl Into<String>, content: impl Into<String>) -> Self {
        Self { role: role.into(), content: content.into(), other: Map::new() }
    }

    /// The turn as one line: the role, what was said and which tools were called.
    fn line(&self) -> String {
        let calls = self.other.get("tool_calls").map(Value::to_string).unwrap_or_default();
        format!("{}: {}{calls}", self.role, self.content)
    }
}

/// What the model was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
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
            Self::Text(text) => vec![Message::new("user", text)],
            Self::Messages(messages) => messages.clone(),
        }
    }

    /// The prompt as text: a lone user turn's content, or one line `role: content` for each turn.
    pub fn text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Messages(turns) => match turns.as_slice() {
                [only] if only.role == "user" => only.content.clone(),
                turns => turns.iter().map(Message::line).collect::<Vec<_>>().join("\n"),
            },
        }
    }

    /// What identifies a prompt when rows are split or deduplicated: its text, case and spacing aside.
    pub fn key(&self) -> String {
        self.text().split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_and_its_lone_user_turn_are_one_prompt() {
        let text = Prompt::Text("How  ARE\nyou?".into());
        let turn = Prompt::Messages(text.messages());
        assert_eq!(text.key(), "how are you?");
        assert_eq!(text.key(), turn.key());
        assert_eq!(text.text(), turn.text());
    }

    #[test]
    fn a_system_message_is_no_user_turn() {
        let system = Prompt::Messages(vec![Message::new("system", "hi")]);
        assert_ne!(system.key(), Prompt::Text("hi".into()).key());
    }

    #[test]
    fn prompts_are_texts_or_lists_in_json() {
        let prompts = [Prompt::Text("a".into()), Prompt::Messages(vec![Message::new("user", "b")])];
        let json = serde_json::to_string(&prompts).unwrap();
        assert_eq!(json, r#"["a",[{"role":"user","content":"b"}]]"#);
        assert_eq!(serde_json::from_str::<Vec<Prompt>>(&json).unwrap(), prompts);
    }
}
