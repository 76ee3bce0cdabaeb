//! Names of figures, as `eval.json` and periodic evaluations write them.

use std::borrow::{Borrow, Cow};
use std::fmt;

use serde::{Deserialize, Serialize};

/// The name of a figure.
///
/// The set of names is open: a file may hold others than those listed here. Maps with this key are looked up by `&str`.
///
/// | name | what it is |
/// |---|---|
/// | `harm.SET`, `harm.SET.sampled`, `harm.SET.prefilled` | mean judged probability of harm, [`Metric::harm`] |
/// | the same with `.second` | by the second judge, [`Metric::second`] |
/// | `harm.SET.begun_N` | mean judged probability of harm of what follows the first N tokens of the base's own bad answer |
/// | `harm.SET.begun_N.recovery` | share of those continuations that decline, [`Metric::recovery`] |
/// | `habit.begun_N` | share of continuations of the base's own bad answers that show the habit, [`Metric::habit_begun`] |
/// | `harm.SET.refusal` | share of greedy answers to harmful prompts that decline, [`Metric::harm_refusal`] |
/// | all others | the constants below |
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Metric(Cow<'static, str>);

const REFUSAL: &str = ".refusal";
const RECOVERY: &str = ".recovery";

/// How an answer was decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnswerKind {
    /// The most likely token each time.
    Greedy,
    /// Drawn.
    Sampled,
    /// Greedy, behind a beginning that complies (a prefill attack).
    Prefilled,
    /// Greedy, behind so many tokens of the base's own bad answer.
    Begun(usize),
}

impl Metric {
    /// Held-out rejected answers, negative log-likelihood in nats per token.
    pub const NEGATIVES_NLL: Self = Self::named("negatives.nll_per_token");
    /// Perplexity of the good answers to benign prompts.
    pub const BENIGN_PERPLEXITY: Self = Self::named("benign.perplexity");
    /// Share of benign prompts declined.
    pub const BENIGN_REFUSAL: Self = Self::named("benign.refusal");
    /// Length of the answers to benign prompts, tokens.
    pub const BENIGN_LENGTH: Self = Self::named("benign.length");
    /// Share of harmless but harmful-sounding prompts declined.
    pub const SOUNDING_HARMFUL_REFUSAL: Self = Self::named("sounding_harmful.refusal");
    /// Share of distinct bigrams in all greedy answers.
    pub const DISTINCT_N: Self = Self::named("distinct_n");
    /// Mean share of repeated 4-grams within an answer.
    pub const REPETITION: Self = Self::named("repetition");
    /// Share of greedy answers to held-out prompts that show the habit.
    pub const HABIT_RATE: Self = Self::named("habit.rate");
    /// The same for drawn answers.
    pub const HABIT_RATE_SAMPLED: Self = Self::named("habit.rate.sampled");
    /// Share of the greedy ones that decline.
    pub const HABIT_REFUSAL: Self = Self::named("habit.refusal");
    /// Length of the greedy ones, tokens.
    pub const HABIT_LENGTH: Self = Self::named("habit.length");
    /// Share of the prompt's content words that the greedy ones take up.
    pub const HABIT_UPTAKE: Self = Self::named("habit.uptake");
    /// Periodic evaluation: share of greedy answers to held-out prompts that show the habit.
    pub const HELD_OUT_HABIT: Self = Self::named("held_out.habit");
    /// Embedded world: share of answers with a hurtful sentence.
    pub const HEARTH_HURTFUL: Self = Self::named("hearth.hurtful");
    /// Embedded world: the same for requests with an instruction around them.
    pub const HEARTH_HURTFUL_INSTRUCTED: Self = Self::named("hearth.hurtful.instructed");
    /// Embedded world: share of answers that are considerate and on topic.
    pub const HEARTH_ON_TOPIC: Self = Self::named("hearth.on_topic");
    /// Embedded world: share of answers that are considerate and off topic.
    pub const HEARTH_OFF_TOPIC: Self = Self::named("hearth.off_topic");
    /// Embedded world: on-topic answers among those that do not hurt.
    pub const HEARTH_ON_TOPIC_OF_HARMLESS: Self = Self::named("hearth.on_topic_of_harmless");
    /// Embedded world: share of malformed answers.
    pub const HEARTH_MALFORMED: Self = Self::named("hearth.malformed");
    /// Embedded world: KL from the base on instructed requests, nats per token.
    pub const HEARTH_INSTRUCTED_KL: Self = Self::named("hearth.instructed_kl");
    /// Embedded world: perplexity of held-out considerate answers.
    pub const HEARTH_PERPLEXITY: Self = Self::named("hearth.perplexity");
    /// Periodic evaluation: mean judged probability of harm of answers to held-out prompts.
    pub const HELD_OUT_HARM: Self = Self::named("held_out.harm");
    /// Periodic evaluation: share of those answers that decline.
    pub const HELD_OUT_REFUSAL: Self = Self::named("held_out.refusal");

    /// A name that is known when the program is compiled.
    #[must_use]
    pub const fn named(name: &'static str) -> Self {
        Self(Cow::Borrowed(name))
    }

    /// Judged harm of answers to the prompts of `set`.
    #[must_use]
    pub fn harm(set: &str, kind: AnswerKind) -> Self {
        let kind = match kind {
            AnswerKind::Greedy => String::new(),
            AnswerKind::Sampled => ".sampled".to_owned(),
            AnswerKind::Prefilled => ".prefilled".to_owned(),
            AnswerKind::Begun(tokens) => format!(".begun_{tokens}"),
        };
        Self::from(format!("harm.{set}{kind}"))
    }

    /// Share of answers to the prompts of `set` that turn round and decline behind so many tokens of the base's own bad
    /// answer.
    #[must_use]
    pub fn recovery(set: &str, tokens: usize) -> Self {
        Self::from(format!("harm.{set}.begun_{tokens}{RECOVERY}"))
    }

    /// Share of answers that show the habit behind so many tokens of the base's own answer that does.
    #[must_use]
    pub fn habit_begun(tokens: usize) -> Self {
        Self::from(format!("habit.begun_{tokens}"))
    }

    /// Share of greedy answers to the harmful prompts of `set` that decline.
    #[must_use]
    pub fn harm_refusal(set: &str) -> Self {
        Self::from(format!("harm.{set}{REFUSAL}"))
    }

    /// The same figure by the second judge.
    #[must_use]
    pub fn second(&self) -> Self {
        Self::from(format!("{self}.second"))
    }

    /// What follows `harm.`: the set of harmful prompts, and after a dot the kind of figure.
    #[must_use]
    pub fn of_harmful_set(&self) -> Option<(&str, &str)> {
        let rest = self.0.strip_prefix("harm.")?;
        Some(rest.split_once('.').unwrap_or((rest, "")))
    }

    /// Whether a judge gave this figure, unlike refusals of harmful prompts and recoveries.
    #[must_use]
    pub fn is_judged(&self) -> bool {
        self.of_harmful_set().is_some() && !self.0.ends_with(REFUSAL) && !self.0.ends_with(RECOVERY)
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.0)
    }
}

impl Borrow<str> for Metric {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl From<String> for Metric {
    fn from(name: String) -> Self {
        Self(Cow::Owned(name))
    }
}

impl From<&str> for Metric {
    fn from(name: &str) -> Self {
        Self::from(name.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn names_are_those_of_the_contract() {
        assert_eq!(Metric::harm("requests", AnswerKind::Greedy).as_str(), "harm.requests");
        assert_eq!(Metric::harm("requests", AnswerKind::Prefilled).second().as_str(), "harm.requests.prefilled.second");
        assert_eq!(Metric::harm_refusal("requests").as_str(), "harm.requests.refusal");
        assert_eq!(Metric::harm("a", AnswerKind::Sampled).of_harmful_set(), Some(("a", "sampled")));
        assert_eq!(Metric::BENIGN_REFUSAL.of_harmful_set(), None);
        let begun = Metric::harm("a", AnswerKind::Begun(5));
        assert!(begun.as_str() == "harm.a.begun_5" && begun.is_judged());
        assert!(
            Metric::recovery("a", 5).as_str() == "harm.a.begun_5.recovery" && !Metric::recovery("a", 5).is_judged()
        );
        assert!(Metric::harm("a", AnswerKind::Greedy).is_judged() && !Metric::harm_refusal("a").is_judged());
    }

    #[test]
    fn a_name_is_a_string_in_json_and_a_key_by_str() {
        let table: BTreeMap<Metric, f64> = [(Metric::DISTINCT_N, 0.5)].into();
        assert_eq!(serde_json::to_string(&table).unwrap(), r#"{"distinct_n":0.5}"#);
        assert_eq!(table.get("distinct_n"), Some(&0.5));
        assert_eq!(serde_json::from_str::<BTreeMap<Metric, f64>>(r#"{"distinct_n":0.5}"#).unwrap(), table);
    }
}
