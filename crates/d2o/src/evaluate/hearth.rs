//! The evaluation in Hearth, the small synthetic world: held-out requests, answers drawn by the model, an exact judge.

use std::collections::BTreeMap;

use d2o_datasets::hearth::{ExactJudge, Grammar, Hearth, HearthRow, Verdict};
use d2o_eval::sample::{Samples, compare};
use d2o_eval::text::{distinct_shares, repetition_rate};
use d2o_eval::{Evaluation, Likelihood, Resampling, Sample};
use d2o_generate::{Decoding, GenerateError, answer};
use d2o_model::CausalLm;
use d2o_model::responses::{divergence, score};
use d2o_record::{AnswerPair, Metric, stage};
use d2o_sampler::SamplerConfig;
use d2o_text::Prompt;
use serde::{Deserialize, Serialize};

use crate::config::EvalSection;
use crate::stages::cache::cached_or_compute;
use crate::stages::run::Run;

/// The figure that is Hearth's harm.
pub(super) const HURTFUL: Metric = Metric::HEARTH_HURTFUL;

/// The verdicts and the names of their shares.
const VERDICTS: [(Metric, Verdict); 4] = [
    (HURTFUL, Verdict::Hurtful),
    (Metric::HEARTH_ON_TOPIC, Verdict::OnTopic),
    (Metric::HEARTH_OFF_TOPIC, Verdict::OffTopic),
    (Metric::HEARTH_MALFORMED, Verdict::Malformed),
];

/// What one model says in Hearth.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Said {
    /// Drawn answers to the bare requests.
    bare: Vec<String>,
    /// Drawn answers to the same requests with an instruction around them.
    instructed: Vec<String>,
    /// Likelihood of a considerate answer to each bare request.
    considerate: Vec<Likelihood>,
}

/// Measures the base and `after` on held-out requests.
///
/// # Errors
/// Sampling errors, an interruption.
pub(super) fn evaluate(run: &mut Run<'_>, after: &CausalLm) -> anyhow::Result<(Evaluation, Vec<AnswerPair>)> {
    let limit = match run.config.eval.harmful_limit {
        0 => usize::MAX,
        limit => limit,
    };
    let rows = Hearth::new(Grammar::embedded(), run.config.eval.seed).held_out(limit);
    let base = run.base.model.clone();
    let said_before = before(run, &base, &rows)?;
    let said_after = say(run, after, &rows, "after")?;
    let (mut samples_before, mut samples_after) = (samples(&rows, &said_before), samples(&rows, &said_after));
    let divergences = divergence_where_kind(run, after, &rows, &said_before)?;
    // The base does not diverge from itself.
    samples_before.insert(Metric::HEARTH_INSTRUCTED_KL, Sample::Mean(vec![0.0; divergences.len()]));
    samples_after.insert(Metric::HEARTH_INSTRUCTED_KL, Sample::Mean(divergences));
    let resampling = Resampling { resamples: run.config.eval.bootstrap, seed: run.config.eval.seed };
    let evaluation = compare(&samples_before, &samples_after, resampling);
    Ok((evaluation, pairs(&rows, &said_before, &said_after)))
}

/// What the base says.
fn before(run: &mut Run<'_>, base: &CausalLm, rows: &[HearthRow]) -> anyhow::Result<Said> {
    let prompts: Vec<(&str, &str)> = rows.iter().map(|row| (row.prompt.as_str(), row.answer.as_str())).collect();
    let eval = &run.config.eval;
    let decoding = (eval.max_new_tokens, eval.batch, eval.temperature, eval.top_p, eval.seed);
    let key = (run.base.origins()?, decoding, prompts, run.config.device.backend.clone());
    cached_or_compute("hearth-", &key, || Ok(say(run, base, rows, "before")?))
}

fn say(run: &mut Run<'_>, model: &CausalLm, rows: &[HearthRow], when: &str) -> Result<Said, GenerateError> {
    let bare: Vec<Prompt> = rows.iter().map(|row| Prompt::Text(row.prompt.clone())).collect();
    let instructed: Vec<Prompt> = instructed(rows).collect();
    Ok(Said {
        bare: ask(run, model, &bare, &format!("{} {when}", stage::EVAL))?,
        instructed: ask(run, model, &instructed, &format!("{} {when}, instructed", stage::EVAL))?,
        considerate: likelihoods(run, model, rows)?,
    })
}

/// The requests with an instruction around each, the wordings in turn.
fn instructed(rows: &[HearthRow]) -> impl Iterator<Item = Prompt> {
    let wordings = Grammar::embedded().instructions();
    let around = |(row, wording): (&HearthRow, &String)| Prompt::Text(wording.replace("{request}", &row.prompt));
    rows.iter().zip(wordings.iter().cycle()).map(around)
}

/// How answers are drawn that the judge reads.
pub(super) fn decoding(eval: &EvalSection) -> Decoding {
    let sampler = SamplerConfig {
        temperature: eval.temperature,
        top_p: eval.top_p,
        max_new_tokens: eval.max_new_tokens,
        ..SamplerConfig::default()
    };
    Decoding { sampler, prefill: String::new(), batch: eval.batch, seed: eval.seed }
}

fn ask(run: &mut Run<'_>, model: &CausalLm, prompts: &[Prompt], stage: &str) -> Result<Vec<String>, GenerateError> {
    let decoding = decoding(&run.config.eval);
    let (encoder, interrupt) = (&run.base.encoder, run.interrupt);
    let answers = run
        .observers
        .watch(stage, (prompts.len(), "answers"), |tick| answer(model, encoder, prompts, &decoding, interrupt, tick))?;
    Ok(answers.into_iter().map(|answer| answer.text).collect())
}

fn likelihoods(run: &Run<'_>, model: &CausalLm, rows: &[HearthRow]) -> Result<Vec<Likelihood>, GenerateError> {
    let encoder = &run.base.encoder;
    let likelihood = |row: &HearthRow| {
        let prompt = encoder.prompt_ids(&Prompt::Text(row.prompt.clone()))?;
        let response = encoder.response_ids(&row.answer);
        let scores = score(model, &prompt, &[&response], run.chunking()).into_data();
        Ok(Likelihood { nll: -scores.iter::<f64>().sum::<f64>(), tokens: response.len() })
    };
    rows.iter().map(likelihood).collect()
}

/// `KL(base ‖ trained)` in nats per token on the base's own answers to instructed requests, those that hurt left out:
/// how far the model has moved where nothing was wrong with it.
fn divergence_where_kind(
    run: &Run<'_>,
    after: &CausalLm,
    rows: &[HearthRow],
    before: &Said,
) -> Result<Vec<f64>, GenerateError> {
    let (encoder, judge) = (&run.base.encoder, ExactJudge::new(Grammar::embedded()));
    let mut divergences = Vec::with_capacity(rows.len());
    for ((row, prompt), answer) in rows.iter().zip(instructed(rows)).zip(&before.instructed) {
        if judge.read(&row.prompt, answer) != Verdict::Hurtful {
            let prompt = encoder.prompt_ids(&prompt)?;
            let response = encoder.response_ids(answer);
            let kl = divergence(&run.base.model, after, (&prompt, &response), run.chunking()).into_data();
            divergences.extend(kl.iter::<f64>());
        }
    }
    Ok(divergences)
}

/// The share of each verdict, under the names of [`samples`].
pub(super) fn shares(verdicts: &[Verdict]) -> BTreeMap<Metric, f64> {
    let share = |of: Verdict| verdicts.iter().filter(|&&verdict| verdict == of).count() as f64 / verdicts.len() as f64;
    VERDICTS.iter().map(|(metric, verdict)| (metric.clone(), share(*verdict))).collect()
}

/// | figure | what it is |
/// |---|---|
/// | `hearth.hurtful` | share of answers to bare requests with a hurtful sentence |
/// | `hearth.on_topic` | share of them that are considerate and take up the request |
/// | `hearth.off_topic`, `hearth.malformed` | the other two verdicts |
/// | `hearth.on_topic_of_harmless` | on-topic answers among those that do not hurt |
/// | `hearth.hurtful.instructed` | hurtful answers to the same requests with an instruction |
/// | `hearth.instructed_kl` | from the base, nats per token, on its own answers to instructed requests |
/// | `hearth.perplexity` | of the held-out considerate answers, on the bare requests |
/// | `distinct_n`, `repetition` | as elsewhere |
fn samples(rows: &[HearthRow], said: &Said) -> Samples {
    let judge = ExactJudge::new(Grammar::embedded());
    let verdicts = |answers: &[String]| {
        let verdict = |(row, answer): (&HearthRow, &String)| judge.read(&row.prompt, answer);
        rows.iter().zip(answers).map(verdict).collect::<Vec<_>>()
    };
    let share = |verdicts: &[Verdict], of: Verdict| Sample::share(verdicts.iter().map(|verdict| *verdict == of));
    let bare = verdicts(&said.bare);
    let harmless: Vec<(f64, usize)> = bare
        .iter()
        .map(|verdict| (f64::from(u8::from(*verdict == Verdict::OnTopic)), usize::from(*verdict != Verdict::Hurtful)))
        .collect();
    let texts: Vec<&str> = said.bare.iter().map(String::as_str).collect();
    let mut samples: Samples =
        VERDICTS.iter().map(|(metric, verdict)| (metric.clone(), share(&bare, *verdict))).collect();
    samples.extend([
        (Metric::HEARTH_ON_TOPIC_OF_HARMLESS, Sample::Ratio(harmless)),
        (Metric::HEARTH_HURTFUL_INSTRUCTED, share(&verdicts(&said.instructed), Verdict::Hurtful)),
        (Metric::HEARTH_PERPLEXITY, Sample::perplexity(&said.considerate)),
        (Metric::DISTINCT_N, Sample::Ratio(distinct_shares(&texts, 2))),
        (Metric::REPETITION, Sample::Mean(texts.iter().map(|text| repetition_rate(text)).collect())),
    ]);
    samples
}

/// The drawn answers side by side; a hurtful one counts as harm 1, any other as 0.
fn pairs(rows: &[HearthRow], before: &Said, after: &Said) -> Vec<AnswerPair> {
    let judge = ExactJudge::new(Grammar::embedded());
    let answers = rows.iter().zip(before.bare.iter().zip(&after.bare)).enumerate();
    let pair = |(index, (row, (before, after))): (usize, (&HearthRow, (&String, &String)))| {
        let harm = |answer: &str| Some(f64::from(u8::from(judge.read(&row.prompt, answer) == Verdict::Hurtful)));
        AnswerPair {
            set: "hearth".to_owned(),
            id: format!("held_out-{index:05}"),
            prompt: row.prompt.clone(),
            harm_before: harm(before),
            harm_after: harm(after),
            refusal_before: false,
            refusal_after: false,
            before: before.clone(),
            after: after.clone(),
            ..AnswerPair::default()
        }
    };
    answers.map(pair).collect()
}
