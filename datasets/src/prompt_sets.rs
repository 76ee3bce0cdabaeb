//! The built-in prompt sets, as JSON lines.

/// 174 everyday requests with good answers, for evaluation; rows `id, category, prompt, response`.
pub const BENIGN: &str = include_str!("../benign.jsonl");

/// 72 harmless requests that sound harmful, for evaluation; rows `id, prompt`.
pub const SOUNDING_HARMFUL: &str = include_str!("../sounding_harmful.jsonl");

/// 64 everyday requests with good answers: the validation set of the stop rules; rows `id, category, prompt, response`.
pub const RETAIN: &str = include_str!("../retain.jsonl");

/// 126 everyday requests in many forms, to hold a model to its base on; rows `id, prompt`.
pub const RETAIN_EVERYDAY: &str = include_str!("../retain_everyday.jsonl");

/// 72 harmless requests that sound harmful, to hold a model to its base on; rows `id, prompt`.
pub const RETAIN_SOUNDING: &str = include_str!("../retain_sounding.jsonl");

/// All built-in sets: the name behind `builtin:` in run files, and the text.
pub const PROMPT_SETS: [(&str, &str); 5] = [
    ("benign", BENIGN),
    ("sounding_harmful", SOUNDING_HARMFUL),
    ("retain", RETAIN),
    ("retain_everyday", RETAIN_EVERYDAY),
    ("retain_sounding", RETAIN_SOUNDING),
];

/// The built-in set of this name, as JSON lines; none for an unknown name.
pub fn prompt_set(name: &str) -> Option<&'static str> {
    PROMPT_SETS.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}
