//! Instructions: what stands in front of a prompt while its anchors are drawn, and only then.

use d2o_text::{Message, Prompt};
use serde::{Deserialize, Serialize};

/// Where the prompt goes in a user-turn instruction.
pub const PROMPT: &str = "{prompt}";

/// One slot's instruction.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub enum Instruction {
    /// A system message before the conversation.
    System {
        /// Its text.
        system: String,
    },
    /// The last user turn rewritten; `{prompt}` stands for what the user said.
    User {
        /// The text around `{prompt}`.
        user: String,
    },
}

impl Instruction {
    /// The prompt as the model sees it while it drafts an anchor.
    ///
    /// A system instruction comes before an existing system message's text. A prompt without turns
    /// (plain text) gets a system instruction as a first line.
    pub fn apply(&self, prompt: &Prompt) -> Prompt {
        match (self, prompt) {
            (Self::User { user }, Prompt::Text(text)) => Prompt::Text(user.replace(PROMPT, text)),
            (Self::System { system }, Prompt::Text(_)) => Prompt::Messages(with_system(system, prompt.messages())),
            (Self::System { system }, Prompt::Messages(messages)) => {
                Prompt::Messages(with_system(system, messages.clone()))
            }
            (Self::User { user }, Prompt::Messages(messages)) => {
                let mut messages = messages.clone();
                if let Some(turn) = messages.iter_mut().rev().find(|message| message.role == "user") {
                    turn.content = user.replace(PROMPT, &turn.content);
                }
                Prompt::Messages(messages)
            }
        }
    }

    /// The same for a model without a chat template.
    pub fn apply_plain(&self, text: &str) -> String {
        match self {
            Self::User { user } => user.replace(PROMPT, text),
            Self::System { system } => format!("{system}\n{text}"),
        }
    }

    /// Whether the instruction says where the prompt goes.
    pub fn is_complete(&self) -> bool {
        match self {
            Self::System { system } => !system.trim().is_empty(),
            Self::User { user } => user.contains(PROMPT),
        }
    }
}

fn with_system(system: &str, mut messages: Vec<Message>) -> Vec<Message> {
    match messages.first_mut() {
        Some(first) if first.role == "system" => first.content = format!("{system}\n\n{}", first.content),
        _ => messages.insert(0, Message::new("system", system)),
    }
    messages
}

#[cfg(test)]
mod tests {
    use super::*;

    fn say(role: &str, content: &str) -> Message {
        Message::new(role, content)
    }

    #[test]
    fn a_user_instruction_wraps_the_last_user_turn() {
        let instruction = Instruction::User { user: "Be kind. {prompt}".to_owned() };
        assert_eq!(instruction.apply(&Prompt::Text("tea?".into())), Prompt::Text("Be kind. tea?".into()));
        let turns = vec![say("user", "hi"), say("assistant", "hello"), say("user", "tea?")];
        let wrapped = instruction.apply(&Prompt::Messages(turns)).messages();
        assert_eq!(wrapped[0].content, "hi");
        assert_eq!(wrapped[2].content, "Be kind. tea?");
    }

    #[test]
    fn a_system_instruction_comes_first() {
        let instruction = Instruction::System { system: "Be kind.".to_owned() };
        let fresh = instruction.apply(&Prompt::Text("tea?".into())).messages();
        assert_eq!(fresh, [say("system", "Be kind."), say("user", "tea?")]);
        let before = Prompt::Messages(vec![say("system", "You are Ada."), say("user", "tea?")]);
        assert_eq!(instruction.apply(&before).messages()[0].content, "Be kind.\n\nYou are Ada.");
        assert_eq!(instruction.apply_plain("tea?"), "Be kind.\ntea?");
    }

    #[test]
    fn the_key_says_which_form_it_is() {
        let parse = |text: &str| serde_json::from_str::<Instruction>(text);
        assert!(matches!(parse(r#"{"system":"x"}"#), Ok(Instruction::System { .. })));
        assert!(matches!(parse(r#"{"user":"x"}"#), Ok(Instruction::User { .. })));
        assert!(parse(r#"{"usr":"x"}"#).is_err());
        assert!(!Instruction::User { user: "no place".into() }.is_complete());
    }
}
