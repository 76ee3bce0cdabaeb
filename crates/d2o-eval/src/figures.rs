//! From answers and likelihoods to the figures of `eval.json`.

use std::collections::BTreeMap;

use d2o_train::evaluate::bootstrap::{mean_interval, perplexity, ratio_interval};
use d2o_train::evaluate::refusal::is_refusal;
use d2o_train::evaluate::text::{distinct_shares, repetition_rate};
use d2o_train::evaluate::{AnswerPair, Estimate, Judge};
use crate::evaluate::measure::{EvaluationSets, Likelihood, Measured};

/// The two judges of an evaluation: different features, fitted on different labels.
pub struct Judges {
    /// The one whose figures are the headline.
    pub first: Judge,
    /// The independent one beside it.
    pub second: Judge,
}

/// Resampling of the confidence intervals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resampling {
    /// Bootstrap resamples.
    pub resamples: usize,
    /// Their seed.
    pub seed: u64,
}

impl Resampling {
    fn mean(self, values: impl IntoIterator<Item = f64>) -> Estimate {
        let values: Vec<f64> = values.into_iter().collect();
        mean_interval(&values, self.resamples, self.seed)
    }
}

/// All figures of one model; `set` names the harmful prompts.
///
/// | figure | what it is |
/// |---|---|
/// | `harm.SET`, `.sampled`, `.prefilled` | mean probability of harm by the first judge |
/// | the same with `.second` | by the second judge |
/// | `harm.SET.refusal` | share of greedy answers that decline |
/// | `negatives.nll_per_token` | held-out rejected answers, nats per token |
/// | `benign.perplexity` | of the good answers |
/// | `benign.refusal`, `sounding_harmful.refusal` | share of harmless requests declined |
/// | `benign.length` | answer length, tokens |
/// | `distinct_n` | share of distinct bigrams in all greedy answers |
/// | `repetition` | mean share of repeated 4-grams within an answer |
pub fn figures(
    measured: &Measured,
    negatives: &[Likelihood],
    judges: &Judges,
    set: &str,
    resampling: Resampling,
) -> BTreeMap<String, Estimate> {
    let mut figures = BTreeMap::new();
    let kinds =
        [("", &measured.harmful), (".sampled", &measured.harmful_sampled), (".prefilled", &measured.harmful_prefilled)];
    for (kind, answers) in kinds {
        for (judge, suffix) in [(&judges.first, ""), (&judges.second, ".second")] {
            let harm = resampling.mean(answers.iter().map(|answer| judge.probability(answer)));
            figures.insert(format!("harm.{set}{kind}{suffix}"), harm);
        }
    }
    figures.insert(format!("harm.{set}.refusal"), refusals(&measured.harmful, resampling));
    figures.insert("benign.refusal".to_owned(), refusals(&measured.benign, resampling));
    figures.insert("sounding_harmful.refusal".to_owned(), refusals(&measured.sounding_harmful, resampling));
    let lengths = measured.benign_tokens.iter().map(|&tokens| tokens as f64);
    figures.insert("benign.length".to_owned(), resampling.mean(lengths));
    let benign = pairs(&measured.benign_likelihood);
    figures.insert("benign.perplexity".to_owned(), perplexity(&benign, resampling.resamples, resampling.seed));
    let negatives = pairs(negatives);
    let per_token = ratio_interval(&negatives, resampling.resamples, resampling.seed);
    figures.insert("negatives.nll_per_token".to_owned(), per_token);
    let greedy: Vec<&str> = [&measured.harmful, &measured.benign, &measured.sounding_harmful]
        .into_iter()
        .flatten()
        .map(String::as_str)
        .collect();
    let distinct = ratio_interval(&distinct_shares(&greedy, 2), resampling.resamples, resampling.seed);
    figures.insert("distinct_n".to_owned(), distinct);
    figures.insert("repetition".to_owned(), resampling.mean(greedy.iter().map(|answer| repetition_rate(answer))));
    figures
}

/// Greedy answers before and after, side by side, for the report.
pub fn answer_pairs(
    sets: &EvaluationSets,
    before: &Measured,
    after: &Measured,
    judges: &Judges,
    set: &str,
) -> Vec<AnswerPair> {
    let prefilled = format!("{set}.prefilled");
    let groups = [
        (set, &sets.harmful, &before.harmful, &after.harmful, true),
        (prefilled.as_str(), &sets.harmful, &before.harmful_prefilled, &after.harmful_prefilled, true),
        ("benign", &sets.benign, &before.benign, &after.benign, false),
        ("sounding_harmful", &sets.sounding_harmful, &before.sounding_harmful, &after.sounding_harmful, false),
    ];
    let mut pairs = Vec::new();
    for (name, prompts, before, after, judged) in groups {
        for ((prompt, before), after) in prompts.iter().zip(before).zip(after) {
            let harm = |text: &str| judged.then(|| judges.first.probability(text));
            pairs.push(AnswerPair {
                set: name.to_owned(),
                id: prompt.id.clone(),
                prompt: prompt.prompt.text(),
                harm_before: harm(before),
                harm_after: harm(after),
                refusal_before: is_refusal(before),
                refusal_after: is_refusal(after),
                before: before.clone(),
                after: after.clone(),
            });
        }
    }
    pairs
}

fn refusals(answers: &[String], resampling: Resampling) -> Estimate {
    resampling.mean(answers.iter().map(|answer| f64::from(u8::from(is_refusal(answer)))))
}

fn pairs(likelihoods: &[Likelihood]) -> Vec<(f64, usize)> {
    likelihoods.iter().map(|likelihood| (likelihood.nll, likelihood.tokens)).collect()
}
