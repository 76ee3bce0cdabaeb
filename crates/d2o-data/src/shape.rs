//! The known shapes of a row: what each is called, an example of it, and the fields that tell it.

use serde::Serialize;

/// The shape of a row, found by its fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// A prompt with a rejected and perhaps a preferred answer, as texts or messages.
    Preference,
    /// A prompt, one answer and a field that says whether it was wanted.
    Unpaired,
    /// `instruction`, `input` and `output`, as Alpaca and LLaMA-Factory have them.
    Alpaca,
    /// `conversations` of `from` and `value`.
    ShareGpt,
    /// OpenAI's preference rows: `input`, `preferred_output`, `non_preferred_output`.
    OpenAi,
    /// ms-swift's: `messages` that end with the preferred answer, `rejected_response`.
    Swift,
    /// Answers with safety labels, as in PKU-SafeRLHF and BeaverTails.
    Safety,
    /// Transcripts with `Human:` and `Assistant:`, as in HH.
    Transcripts,
    /// One exchange of `user` and `assistant`.
    Exchange,
    /// A conversation whose last turn is the answer.
    Conversation,
    /// Two answers, and a field that says which is the better one.
    Comparison,
    /// A table of answers with scores by people.
    Scored,
}

impl Shape {
    /// All shapes.
    pub const ALL: [Self; 12] = [
        Self::Preference,
        Self::Unpaired,
        Self::Alpaca,
        Self::ShareGpt,
        Self::OpenAi,
        Self::Swift,
        Self::Safety,
        Self::Transcripts,
        Self::Exchange,
        Self::Conversation,
        Self::Comparison,
        Self::Scored,
    ];

    /// What it is called where people read it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Preference => "preference row",
            Self::Unpaired => "labelled answer",
            Self::Alpaca => "Alpaca row",
            Self::ShareGpt => "ShareGPT row",
            Self::OpenAi => "OpenAI preference row",
            Self::Swift => "ms-swift row",
            Self::Safety => "safety-labelled row",
            Self::Transcripts => "pair of transcripts",
            Self::Exchange => "exchange",
            Self::Conversation => "conversation",
            Self::Comparison => "comparison",
            Self::Scored => "scored row",
        }
    }

    /// A row of this shape; a table's row with the column names as fields.
    pub fn example(self) -> &'static str {
        match self {
            Self::Preference => {
                concat!(
                    r#"{"prompt": "…", "rejected": "…"}; or with lists of messages: "#,
                    r#"{"prompt": [{"role": "user", "content": "…"}], "#,
                    r#""rejected": [{"role": "assistant", "content": "…"}]}"#
                )
            }
            Self::Unpaired => r#"{"prompt": "…", "completion": "…", "label": false}"#,
            Self::Alpaca => r#"{"instruction": "…", "input": "…", "chosen": "…", "rejected": "…"}"#,
            Self::ShareGpt => {
                r#"{"conversations": [{"from": "human", "value": "…"}], "rejected": {"from": "gpt", "value": "…"}}"#
            }
            Self::OpenAi => {
                concat!(
                    r#"{"input": {"messages": [{"role": "user", "content": "…"}]}, "#,
                    r#""non_preferred_output": [{"role": "assistant", "content": "…"}]}"#
                )
            }
            Self::Swift => r#"{"messages": [{"role": "user", "content": "…"}], "rejected_response": "…"}"#,
            Self::Safety => {
                concat!(
                    r#"{"prompt": "…", "response": "…", "is_safe": false}; or with response_0, response_1, "#,
                    "is_response_0_safe and is_response_1_safe"
                )
            }
            Self::Transcripts => {
                r#"{"chosen": "\n\nHuman: …\n\nAssistant: …", "rejected": "\n\nHuman: …\n\nAssistant: …"}"#
            }
            Self::Exchange => r#"{"user": "…", "assistant": "…"}"#,
            Self::Conversation => {
                r#"{"messages": [{"role": "user", "content": "…"}, {"role": "assistant", "content": "…"}]}"#
            }
            Self::Comparison => r#"{"prompt": "…", "response_a": "…", "response_b": "…", "winner": "model_a"}"#,
            Self::Scored => r#"{"objective": "…", "assistant_response": "…", "human_score": 1}"#,
        }
    }

    /// What rows of this shape look like, in words.
    pub(crate) fn rows(self) -> String {
        format!("rows look like {}", self.example())
    }

    /// The fields that rows of this shape usually have.
    fn fields(self) -> &'static [&'static str] {
        match self {
            Self::Preference => &["prompt", "chosen", "rejected"],
            Self::Unpaired => &["prompt", "completion", "response", "label", "kto_tag", "rating", "feedback"],
            Self::Alpaca => &["instruction", "input", "output", "history"],
            Self::ShareGpt => &["conversations", "chosen", "rejected"],
            Self::OpenAi => &["preferred_output", "non_preferred_output"],
            Self::Swift => &["messages", "rejected_response"],
            Self::Safety => &["response_0", "response_1", "is_safe", "is_response_0_safe", "is_response_1_safe"],
            Self::Transcripts => &["chosen", "rejected"],
            Self::Exchange => &["user", "assistant"],
            Self::Conversation => &["messages", "conversations"],
            Self::Comparison => &["response_a", "response_b", "winner"],
            Self::Scored => &["objective", "assistant_response", "human_score"],
        }
    }

    /// The shape that shares most fields with a row; a name that is nearly the same counts half.
    pub(crate) fn nearest(fields: &[String]) -> Self {
        let likeness = |known: &str| {
            let scores = fields.iter().map(|field| strsim::jaro_winkler(known, &field.to_lowercase()));
            let best = scores.fold(0.0, f64::max);
            if best == 1.0 { 2 } else { usize::from(best > 0.85) }
        };
        let score = |shape: &Self| shape.fields().iter().map(|field| likeness(field)).sum::<usize>();
        // Of shapes with the same score the first one stands.
        Self::ALL.into_iter().rev().max_by_key(score).unwrap_or(Self::Preference)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_shape_shares_most_fields() {
        let nearest =
            |fields: &[&str]| Shape::nearest(&fields.iter().map(|&field| field.to_owned()).collect::<Vec<_>>());
        assert_eq!(nearest(&[]), Shape::Preference);
        assert_eq!(nearest(&["prompt", "reject"]), Shape::Preference);
        assert_eq!(nearest(&["prompt", "completion"]), Shape::Unpaired);
        assert_eq!(nearest(&["instruction", "output"]), Shape::Alpaca);
        assert_eq!(nearest(&["conversation", "id"]), Shape::ShareGpt);
        assert_eq!(nearest(&["objective", "human_scores"]), Shape::Scored);
    }
}
