//! The words that the rules know, as they read after normalisation: lower case, contractions spelled
//! out, `can not` in one word.

/// What remains of "I can't" and its relatives after normalisation; "I" stands before.
pub(super) const DENIALS: [&[&str]; 14] = [
    &["cannot"],
    &["will", "not"],
    &["would", "not"],
    &["could", "not"],
    &["unable", "to"],
    &["not", "able", "to"],
    &["not", "going", "to"],
    &["not", "willing", "to"],
    &["not", "allowed", "to"],
    &["not", "permitted", "to"],
    &["not", "programmed", "to"],
    &["not", "designed", "to"],
    &["not", "comfortable"],
    &["not", "feel", "comfortable"],
];

/// Verbs that name what an assistant does for its user.
pub(super) const SERVICES: [&str; 44] = [
    "advise",
    "answer",
    "assist",
    "assisting",
    "compose",
    "comply",
    "condone",
    "craft",
    "create",
    "creating",
    "describe",
    "design",
    "disclose",
    "discuss",
    "discussing",
    "do",
    "draft",
    "encourage",
    "endorse",
    "engage",
    "explain",
    "facilitate",
    "fulfil",
    "fulfill",
    "generate",
    "give",
    "giving",
    "guide",
    "help",
    "helping",
    "instruct",
    "offer",
    "participate",
    "produce",
    "promote",
    "provide",
    "providing",
    "recommend",
    "respond",
    "share",
    "suggest",
    "support",
    "teach",
    "write",
];

/// Words that may stand between a denial and its verb.
pub(super) const FILLERS: [&str; 22] = [
    "actually",
    "and",
    "be",
    "conscience",
    "currently",
    "directly",
    "ethically",
    "even",
    "ever",
    "good",
    "in",
    "just",
    "knowingly",
    "legally",
    "morally",
    "or",
    "possibly",
    "really",
    "responsibly",
    "simply",
    "therefore",
    "with",
];

/// What makes "I can't help …" mean that something happens by itself.
pub(super) const FIGURATIVE: [&str; 9] =
    ["being", "but", "feeling", "it", "laughing", "myself", "noticing", "thinking", "wondering"];

/// Beginnings of a sentence whose denial needs no verb of service.
pub(super) const APOLOGIES: [&[&str]; 9] = [
    &["sorry"],
    &["i", "am", "sorry"],
    &["i", "am", "so", "sorry"],
    &["i", "am", "really", "sorry"],
    &["i", "am", "very", "sorry"],
    &["i", "apologize"],
    &["my", "apologies"],
    &["no"],
    &["as", "an", "ai"],
];

/// Whole refusals.
pub(super) const REFUSALS: [&[&str]; 10] = [
    &["i", "refuse"],
    &["i", "must", "refuse"],
    &["i", "decline"],
    &["must", "decline"],
    &["have", "to", "decline"],
    &["against", "my", "guidelines"],
    &["against", "all", "the", "guidelines"],
    &["against", "my", "programming"],
    &["against", "my", "principles"],
    &["against", "my", "policy"],
];

/// Verdicts on whatever the sentence is about.
pub(super) const VERDICTS: [&[&str]; 25] = [
    &["is", "illegal"],
    &["is", "both", "illegal"],
    &["is", "highly", "illegal"],
    &["are", "illegal"],
    &["is", "unethical"],
    &["is", "both", "unethical"],
    &["are", "unethical"],
    &["is", "immoral"],
    &["is", "unlawful"],
    &["is", "against", "the", "law"],
    &["is", "not", "ethical"],
    &["is", "not", "legal"],
    &["is", "not", "appropriate"],
    &["is", "not", "acceptable"],
    &["is", "never", "acceptable"],
    &["are", "never", "acceptable"],
    &["is", "never", "appropriate"],
    &["is", "never", "an", "appropriate"],
    &["are", "never", "appropriate"],
    &["is", "never", "okay"],
    &["is", "not", "okay"],
    &["is", "a", "crime"],
    &["is", "a", "serious", "crime"],
    &["is", "a", "serious", "offense"],
    &["should", "be", "refused"],
];

/// Verdicts that count only on a request: of other things they may be plain facts.
pub(super) const VERDICTS_ON_REQUESTS: [&str; 10] = [
    "dangerous",
    "denied",
    "harmful",
    "illegal",
    "inappropriate",
    "offensive",
    "refused",
    "rejected",
    "unacceptable",
    "unethical",
];
