//! What each metric of `eval.json` is called, and which way is better.

use crate::report::number::{figure, fixed, percent, signed};
use crate::evaluate::Estimate;

/// Which way a metric should move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Better {
    /// Less is better.
    Lower,
    /// More is better.
    Higher,
    /// Neither; it is there to be looked at.
    Neither,
}

/// How a metric is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// A mean probability: three decimals, changes as differences.
    Probability,
    /// A share: per cent, changes in percentage points.
    Share,
    /// A size: three figures, changes in per cent.
    Size,
}

/// A metric for people.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Metric {
    /// Its place in the table: rows with the same group stand together, in this order.
    pub(super) group: (u8, &'static str),
    /// Its name.
    pub(super) label: String,
    /// Which way is better.
    pub(super) better: Better,
    /// How it is written.
    pub(super) form: Form,
}

/// Describes the metric of that name in `eval.json`; an unknown one by its own name.
pub(super) fn describe(name: &str) -> Metric {
    use Better::{Higher, Lower, Neither};
    use Form::{Probability, Share, Size};
    let (group, label, better, form) = if let Some(rest) = name.strip_prefix("harm.") {
        return harm(rest);
    } else {
        match name {
            "negatives.nll_per_token" => (NEGATIVES, "negative log-likelihood, nats per token", Higher, Size),
            "benign.perplexity" => (BENIGN, "perplexity", Lower, Size),
            "benign.length" => (BENIGN, "length of answers", Neither, Size),
            "benign.refusal" => (REFUSAL, "benign instructions refused", Lower, Share),
            "sounding_harmful.refusal" => (REFUSAL, "harmless but harmful-sounding refused", Lower, Share),
            "repetition" => (TEXT, "repetition", Lower, Share),
            "hearth.hurtful" => (HEARTH, "hurtful answers", Lower, Share),
            "hearth.on_topic" => (HEARTH, "answers on topic", Higher, Share),
            "hearth.off_topic" => (HEARTH, "considerate answers off topic", Neither, Share),
            "hearth.on_topic_of_harmless" => (HEARTH, "on topic among harmless answers", Higher, Share),
            "hearth.hurtful.instructed" => (HEARTH, "hurtful answers to instructed requests", Lower, Share),
            "hearth.malformed" => (HEARTH, "malformed answers", Lower, Share),
            "hearth.instructed_kl" => (HEARTH, "drift on instructed requests, nats per token", Lower, Size),
            "hearth.perplexity" => (HEARTH, "perplexity", Lower, Size),
            _ if name.starts_with("distinct") => (TEXT, name, Higher, Probability),
            _ => (OTHER, name, Neither, Size),
        }
    };
    Metric { group, label: label.to_owned(), better, form }
}

const HEARTH: (u8, &str) = (0, "The small world");
const HARM: (u8, &str) = (1, "Harm, as judged");
const REFUSED: (u8, &str) = (2, "Harmful prompts refused");
const NEGATIVES: (u8, &str) = (3, "Held-out rejected answers");
const REFUSAL: (u8, &str) = (4, "Over-refusal");
const BENIGN: (u8, &str) = (5, "Benign answers");
const TEXT: (u8, &str) = (6, "Variety");
const OTHER: (u8, &str) = (7, "Other");

fn harm(rest: &str) -> Metric {
    let (set, kind) = rest.split_once('.').unwrap_or((rest, ""));
    let (group, better, form) = match kind.ends_with("refusal") {
        true => (REFUSED, Better::Higher, Form::Share),
        false => (HARM, Better::Lower, Form::Probability),
    };
    let kind = match kind {
        "" | "refusal" => "greedy answers".to_owned(),
        "sampled" => "sampled answers".to_owned(),
        "prefilled" => "answers made to begin badly".to_owned(),
        other => other.replace('_', " "),
    };
    Metric { group, label: format!("{set}, {kind}"), better, form }
}

impl Metric {
    /// A value of this metric.
    pub(super) fn value(&self, value: f64) -> String {
        match self.form {
            Form::Probability if value.is_finite() => fixed(value, 3),
            Form::Probability | Form::Size => figure(value),
            Form::Share => percent(value),
        }
    }

    /// The interval of an estimate, without its mean.
    pub(super) fn interval(&self, estimate: &Estimate) -> String {
        let short = |value: f64| match self.form {
            Form::Share if value.is_finite() => fixed(100.0 * value, 1),
            _ => self.value(value),
        };
        format!("{} to {}", short(estimate.low), short(estimate.high))
    }

    /// The change from `before` to `after`, with its sign and unit.
    pub(super) fn change(&self, before: f64, after: f64) -> String {
        let difference = after - before;
        if !difference.is_finite() {
            return "–".to_owned();
        }
        let plus = if difference > 0.0 { "+" } else { "" };
        match self.form {
            Form::Probability => format!("{plus}{}", fixed(difference, 3)),
            Form::Share => format!("{plus}{} pt", fixed(100.0 * difference, 1)),
            Form::Size if before > 0.0 => {
                format!("{plus}{} %", fixed(100.0 * difference / before, 1))
            }
            Form::Size => signed(difference),
        }
    }

    /// Whether the intervals lie apart, and if so whether that is for the better.
    pub(super) fn verdict(&self, before: &Estimate, after: &Estimate) -> Verdict {
        let fell = after.high < before.low;
        let rose = after.low > before.high;
        match (self.better, fell, rose) {
            (_, false, false) => Verdict::Unclear,
            (Better::Neither, ..) => Verdict::Changed,
            (Better::Lower, fell, _) => Verdict::good(fell),
            (Better::Higher, _, rose) => Verdict::good(rose),
        }
    }

    /// The axis that values of this form lie on, where there is a natural one.
    pub(super) fn domain(&self) -> Option<(f64, f64)> {
        match self.form {
            Form::Probability | Form::Share => Some((0.0, 1.0)),
            Form::Size => None,
        }
    }
}

/// What a pair of intervals says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// They lie apart, for the better.
    Better,
    /// They lie apart, for the worse.
    Worse,
    /// They lie apart, in a metric that knows no better.
    Changed,
    /// They overlap.
    Unclear,
}

impl Verdict {
    fn good(good: bool) -> Self {
        if good { Self::Better } else { Self::Worse }
    }

    /// Class and word.
    pub(super) fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Better => ("good", "better"),
            Self::Worse => ("bad", "worse"),
            Self::Changed => ("", "different"),
            Self::Unclear => ("unclear", "intervals overlap"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture::estimate;

    fn around(mean: f64) -> Estimate {
        estimate(mean, mean - 0.1, mean + 0.1, 50)
    }

    #[test]
    fn a_verdict_needs_intervals_that_lie_apart() {
        let harm = describe("harm.advbench");
        assert_eq!(harm.verdict(&around(0.5), &around(0.2)), Verdict::Better);
        assert_eq!(harm.verdict(&around(0.2), &around(0.5)), Verdict::Worse);
        assert_eq!(harm.verdict(&around(0.5), &around(0.35)), Verdict::Unclear);
        let negatives = describe("negatives.nll_per_token");
        assert_eq!(negatives.verdict(&around(3.0), &around(3.3)), Verdict::Better);
        assert_eq!(describe("benign.length").verdict(&around(1.0), &around(2.0)), Verdict::Changed);
    }

    #[test]
    fn changes_are_in_the_unit_of_the_metric() {
        assert_eq!(describe("harm.advbench").change(0.523, 0.236), "−0.287");
        assert_eq!(describe("benign.refusal").change(0.0, 0.05), "+5.0 pt");
        // 6.232 / 6.128 = 1.01697
        assert_eq!(describe("benign.perplexity").change(6.128, 6.232), "+1.7 %");
        assert_eq!(describe("benign.perplexity").change(f64::NAN, 6.2), "–");
    }

    #[test]
    fn names_become_words() {
        assert_eq!(describe("harm.advbench.prefilled").label, "advbench, answers made to begin badly");
        assert_eq!(describe("harm.advbench.refusal").better, Better::Higher);
        assert_eq!(describe("something.else").label, "something.else");
        assert_eq!(describe("benign.refusal").interval(&estimate(0.02, 0.0, 0.05, 60)), "0.0 to 5.0");
    }
}
