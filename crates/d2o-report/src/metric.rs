//! What each metric of `eval.json` is called, and which way is better.

use d2o_record::{Estimate, Metric};

use crate::change::Change;
use crate::number::{figure, fixed, percent, signed};

/// Which way a metric should move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Better {
    /// Less is better.
    Lower,
    /// More is better.
    Higher,
    /// Neither; it is there to be looked at.
    Neither,
}

/// How a metric is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// A mean probability: three decimals, changes as differences.
    Probability,
    /// A share: per cent, changes in percentage points.
    Share,
    /// A size: three figures, changes in per cent.
    Size,
}

/// A metric as people read it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Described {
    /// Its place in the table: rows with the same group stand together, in this order.
    pub(crate) group: Group,
    /// Its name.
    pub(crate) label: String,
    /// Which way is better.
    pub(crate) better: Better,
    /// How it is written.
    pub(crate) form: Form,
}

/// A place in the table, and its heading.
pub(crate) type Group = (u8, &'static str);

const HEARTH: Group = (0, "The small world");
pub(crate) const HARM: Group = (1, "Harm, as judged");
const REFUSED: Group = (2, "Harmful prompts refused");
const NEGATIVES: Group = (3, "Held-out rejected answers");
const REFUSAL: Group = (4, "Over-refusal");
const BENIGN: Group = (5, "Benign answers");
const TEXT: Group = (6, "Variety");
const OTHER: Group = (7, "Other");
const HABIT: Group = (0, "The habit, on held-out prompts");
const RECOVERY: Group = (2, "Begun answers that turn round");

type Row = (Metric, Group, &'static str, Better, Form);

/// The metrics with a fixed name.
const KNOWN: [Row; 20] = {
    use Better::{Higher, Lower, Neither};
    use Form::{Probability, Share, Size};
    [
        (Metric::HABIT_RATE, HABIT, "greedy answers that show it", Lower, Share),
        (Metric::HABIT_RATE_SAMPLED, HABIT, "sampled answers that show it", Lower, Share),
        (Metric::HABIT_REFUSAL, HABIT, "greedy answers that decline", Neither, Share),
        (Metric::HABIT_LENGTH, HABIT, "length of greedy answers", Neither, Size),
        (Metric::HABIT_UPTAKE, HABIT, "words of the prompt taken up", Higher, Share),
        (Metric::NEGATIVES_NLL, NEGATIVES, "negative log-likelihood, nats per token", Higher, Size),
        (Metric::BENIGN_PERPLEXITY, BENIGN, "perplexity", Lower, Size),
        (Metric::BENIGN_LENGTH, BENIGN, "length of answers", Neither, Size),
        (Metric::BENIGN_REFUSAL, REFUSAL, "benign instructions refused", Lower, Share),
        (Metric::SOUNDING_HARMFUL_REFUSAL, REFUSAL, "harmless but harmful-sounding refused", Lower, Share),
        (Metric::DISTINCT_N, TEXT, "distinct_n", Higher, Probability),
        (Metric::REPETITION, TEXT, "repetition", Lower, Share),
        (Metric::HEARTH_HURTFUL, HEARTH, "hurtful answers", Lower, Share),
        (Metric::HEARTH_ON_TOPIC, HEARTH, "answers on topic", Higher, Share),
        (Metric::HEARTH_OFF_TOPIC, HEARTH, "considerate answers off topic", Neither, Share),
        (Metric::HEARTH_ON_TOPIC_OF_HARMLESS, HEARTH, "on topic among harmless answers", Higher, Share),
        (Metric::HEARTH_HURTFUL_INSTRUCTED, HEARTH, "hurtful answers to instructed requests", Lower, Share),
        (Metric::HEARTH_MALFORMED, HEARTH, "malformed answers", Lower, Share),
        (Metric::HEARTH_PERPLEXITY, HEARTH, "perplexity", Lower, Size),
        (Metric::HEARTH_INSTRUCTED_KL, HEARTH, "drift on instructed requests, nats per token", Lower, Size),
    ]
};

/// Describes a metric of `eval.json`; an unknown one by its own name.
pub(crate) fn describe(metric: &Metric) -> Described {
    if let Some((set, kind)) = metric.of_harmful_set() {
        return harm(set, kind);
    }
    let name = metric.as_str();
    let (group, label, better, form) = match KNOWN.into_iter().find(|(known, ..)| known == metric) {
        Some((_, group, label, better, form)) => (group, label, better, form),
        None if name.starts_with("habit.begun_") => {
            let tokens = name.trim_start_matches("habit.begun_");
            let label = format!("answers begun with {tokens} tokens that go on showing it");
            return Described { group: HABIT, label, better: Better::Lower, form: Form::Share };
        }
        None if name.starts_with("distinct") => (TEXT, name, Better::Higher, Form::Probability),
        None => (OTHER, name, Better::Neither, Form::Size),
    };
    Described { group, label: label.to_owned(), better, form }
}

fn harm(set: &str, kind: &str) -> Described {
    let (group, better, form) = match kind.rsplit('.').next() {
        Some("refusal") => (REFUSED, Better::Higher, Form::Share),
        Some("recovery") => (RECOVERY, Better::Higher, Form::Share),
        _ => (HARM, Better::Lower, Form::Probability),
    };
    let begun = kind.trim_end_matches(".recovery").strip_prefix("begun_");
    let kind = match kind {
        _ if begun.is_some_and(|tokens| tokens.parse::<usize>().is_ok()) => {
            format!("answers begun with {} tokens", begun.unwrap_or_default())
        }
        "" | "refusal" => "greedy answers".to_owned(),
        "sampled" => "sampled answers".to_owned(),
        "prefilled" => "answers made to begin badly".to_owned(),
        other => other.replace('_', " "),
    };
    Described { group, label: format!("{set}, {kind}"), better, form }
}

impl Described {
    /// A value of this metric.
    pub(crate) fn value(&self, value: f64) -> String {
        match self.form {
            Form::Probability if value.is_finite() => fixed(value, 3),
            Form::Probability | Form::Size => figure(value),
            Form::Share => percent(value),
        }
    }

    /// The interval of an estimate, without its mean.
    pub(crate) fn interval(&self, estimate: &Estimate) -> String {
        let short = |value: f64| match self.form {
            Form::Share if value.is_finite() => fixed(100.0 * value, 1),
            _ => self.value(value),
        };
        format!("{} to {}", short(estimate.low), short(estimate.high))
    }

    /// The change from `before` to `after`, with its sign and unit.
    pub(crate) fn change(&self, before: f64, after: f64) -> String {
        let difference = after - before;
        if !difference.is_finite() {
            return "–".to_owned();
        }
        match self.form {
            Form::Share => format!("{} pt", self.difference(before, difference)),
            Form::Size if before > 0.0 => format!("{} %", self.difference(before, difference)),
            _ => self.difference(before, difference),
        }
    }

    /// The interval of a change from `before`, in the unit of [`change`](Self::change).
    pub(crate) fn change_interval(&self, before: f64, change: &Estimate) -> String {
        if !(change.low.is_finite() && change.high.is_finite()) {
            return "–".to_owned();
        }
        format!("{} to {}", self.difference(before, change.low), self.difference(before, change.high))
    }

    /// A finite difference with its sign, without its unit.
    fn difference(&self, before: f64, difference: f64) -> String {
        let plus = if difference > 0.0 { "+" } else { "" };
        match self.form {
            Form::Probability => format!("{plus}{}", fixed(difference, 3)),
            Form::Share => format!("{plus}{}", fixed(100.0 * difference, 1)),
            Form::Size if before > 0.0 => format!("{plus}{}", fixed(100.0 * difference / before, 1)),
            Form::Size => signed(difference),
        }
    }

    /// Whether the metric changed, and if so whether that is for the better: by the interval of the change over the
    /// same prompts where there is one, and else by whether the two intervals lie apart.
    pub(crate) fn judge(&self, before: &Estimate, after: &Estimate, change: Option<&Estimate>) -> Change {
        let (fell, rose) = match change {
            Some(change) => (change.high < 0.0, change.low > 0.0),
            None => (after.high < before.low, after.low > before.high),
        };
        let better = match self.better {
            _ if !fell && !rose => return if change.is_some() { Change::Unclear } else { Change::Overlapping },
            Better::Neither => return Change::Different,
            Better::Lower => fell,
            Better::Higher => rose,
        };
        if better { Change::Better } else { Change::Worse }
    }

    /// The axis that values of this form lie on, where there is a natural one.
    pub(crate) fn domain(&self) -> Option<(f64, f64)> {
        match self.form {
            Form::Probability | Form::Share => Some((0.0, 1.0)),
            Form::Size => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::estimate;

    fn around(mean: f64) -> Estimate {
        estimate(mean, mean - 0.1, mean + 0.1, 50)
    }

    #[test]
    fn without_pairs_a_change_needs_intervals_that_lie_apart() {
        let harm = describe(&"harm.advbench".into());
        assert_eq!(harm.judge(&around(0.5), &around(0.2), None), Change::Better);
        assert_eq!(harm.judge(&around(0.2), &around(0.5), None), Change::Worse);
        assert_eq!(harm.judge(&around(0.5), &around(0.35), None), Change::Overlapping);
        let negatives = describe(&"negatives.nll_per_token".into());
        assert_eq!(negatives.judge(&around(3.0), &around(3.3), None), Change::Better);
        assert_eq!(describe(&"benign.length".into()).judge(&around(1.0), &around(2.0), None), Change::Different);
    }

    #[test]
    fn in_pairs_the_interval_of_the_change_decides() {
        let harm = describe(&"harm.advbench".into());
        // Both intervals are 0.2 wide and overlap; the same prompts agree far better.
        let judge = |low, high| harm.judge(&around(0.5), &around(0.45), Some(&estimate(-0.05, low, high, 50)));
        assert_eq!(judge(-0.07, -0.03), Change::Better);
        assert_eq!(judge(0.03, 0.07), Change::Worse);
        assert_eq!(judge(-0.07, 0.01), Change::Unclear);
        assert_eq!(judge(f64::NAN, f64::NAN), Change::Unclear);
        // And intervals that lie apart mean nothing where the change may be zero.
        assert_eq!(harm.judge(&around(0.5), &around(0.2), Some(&estimate(-0.3, -0.6, 0.0, 50))), Change::Unclear);
    }

    #[test]
    fn the_interval_of_a_change_is_in_its_unit() {
        let change = estimate(0.05, -0.01, 0.11, 50);
        assert_eq!(describe(&"harm.advbench".into()).change_interval(0.5, &change), "−0.010 to +0.110");
        assert_eq!(describe(&"benign.refusal".into()).change_interval(0.5, &change), "−1.0 to +11.0");
        // A rise of 0.11 from 0.5 is 22 %.
        assert_eq!(describe(&"benign.perplexity".into()).change_interval(0.5, &change), "−2.0 to +22.0");
    }

    #[test]
    fn changes_are_in_the_unit_of_the_metric() {
        assert_eq!(describe(&"harm.advbench".into()).change(0.523, 0.236), "−0.287");
        assert_eq!(describe(&"benign.refusal".into()).change(0.0, 0.05), "+5.0 pt");
        // 6.232 / 6.128 = 1.01697
        assert_eq!(describe(&"benign.perplexity".into()).change(6.128, 6.232), "+1.7 %");
        assert_eq!(describe(&"benign.perplexity".into()).change(f64::NAN, 6.2), "–");
    }

    #[test]
    fn names_become_words() {
        assert_eq!(describe(&"harm.advbench.prefilled".into()).label, "advbench, answers made to begin badly");
        assert_eq!(describe(&"harm.advbench.refusal".into()).better, Better::Higher);
        let begun = describe(&"harm.advbench.begun_10".into());
        assert_eq!((begun.label.as_str(), begun.group), ("advbench, answers begun with 10 tokens", HARM));
        let recovery = describe(&"harm.advbench.begun_10.recovery".into());
        assert_eq!((recovery.group, recovery.better), (RECOVERY, Better::Higher));
        assert_eq!(recovery.label, begun.label);
        assert_eq!(describe(&"habit.rate".into()).better, Better::Lower);
        assert_eq!(describe(&"habit.begun_5".into()).label, "answers begun with 5 tokens that go on showing it");
        assert_eq!(describe(&"something.else".into()).label, "something.else");
        assert_eq!(describe(&"benign.refusal".into()).interval(&estimate(0.02, 0.0, 0.05, 60)), "0.0 to 5.0");
    }
}
