//! The fields that say what somebody thought of an answer, and the words that they say it with.

/// What a field says, by its kind.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    /// A truth value, true for wanted.
    Wanted,
    /// A truth value, true for rejected.
    Unwanted,
    /// A truth value true for wanted, or a word.
    Label,
    /// A word, or a number below or above 0.
    Opinion,
    /// A number, the better the answer the higher.
    Rating,
    /// A number of which nobody knows whether high is good.
    Score,
}

/// The fields that are known, and what they say.
pub(super) const FIELDS: [(&str, Kind); 40] = [
    ("label", Kind::Label),
    ("kto_tag", Kind::Wanted),
    ("is_safe", Kind::Wanted),
    ("safe", Kind::Wanted),
    ("liked", Kind::Wanted),
    ("like", Kind::Wanted),
    ("thumbs_up", Kind::Wanted),
    ("upvoted", Kind::Wanted),
    ("accepted", Kind::Wanted),
    ("is_accepted", Kind::Wanted),
    ("desirable", Kind::Wanted),
    ("helpful", Kind::Wanted),
    ("rejected", Kind::Unwanted),
    ("is_rejected", Kind::Unwanted),
    ("disliked", Kind::Unwanted),
    ("dislike", Kind::Unwanted),
    ("thumbs_down", Kind::Unwanted),
    ("downvoted", Kind::Unwanted),
    ("unsafe", Kind::Unwanted),
    ("is_unsafe", Kind::Unwanted),
    ("harmful", Kind::Unwanted),
    ("is_harmful", Kind::Unwanted),
    ("toxic", Kind::Unwanted),
    ("is_toxic", Kind::Unwanted),
    ("undesirable", Kind::Unwanted),
    ("thumbs", Kind::Opinion),
    ("thumb", Kind::Opinion),
    ("vote", Kind::Opinion),
    ("feedback", Kind::Opinion),
    ("reaction", Kind::Opinion),
    ("verdict", Kind::Opinion),
    ("judgement", Kind::Opinion),
    ("judgment", Kind::Opinion),
    ("response_harm_label", Kind::Opinion),
    ("rating", Kind::Rating),
    ("user_rating", Kind::Rating),
    ("stars", Kind::Rating),
    ("quality", Kind::Score),
    ("score", Kind::Score),
    ("reward", Kind::Score),
];

/// Words for an unwanted answer, without space, hyphens and underscores.
pub(super) const REJECTED: [&str; 26] = [
    "down",
    "thumbsdown",
    "thumbdown",
    "👎",
    "dislike",
    "disliked",
    "bad",
    "poor",
    "terrible",
    "negative",
    "rejected",
    "reject",
    "unwanted",
    "undesirable",
    "undesired",
    "dispreferred",
    "downvote",
    "downvoted",
    "unhelpful",
    "false",
    "unacceptable",
    "nonpreferred",
    "notpreferred",
    "unsafe",
    "harmful",
    "toxic",
];
/// Words for a wanted answer.
pub(super) const WANTED: [&str; 26] = [
    "up",
    "thumbsup",
    "thumbup",
    "👍",
    "like",
    "liked",
    "good",
    "great",
    "excellent",
    "positive",
    "accepted",
    "accept",
    "chosen",
    "wanted",
    "desirable",
    "desired",
    "preferred",
    "upvote",
    "upvoted",
    "helpful",
    "true",
    "acceptable",
    "ok",
    "safe",
    "harmless",
    "unharmful",
];
/// Words for no verdict.
pub(super) const OPEN: [&str; 10] =
    ["", "none", "null", "nan", "na", "n/a", "neutral", "unrated", "unknown", "skipped"];
/// Words that say as often something about the request, where the field does not say about what.
pub(super) const OF_WHAT: [&str; 6] = ["unsafe", "harmful", "toxic", "safe", "harmless", "unharmful"];
