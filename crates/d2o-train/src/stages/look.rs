//! Held-out requests, asked while training goes on.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::AtomicBool;

use d2o_data::Prompt;
use d2o_data::hearth::{Grammar, Judge, World};
use d2o_record::Metric;
use d2o_sampler::SamplerConfig;

use super::evaluate::{first_judge, spread};
use super::hearth::{self, WORLD, shares};
use super::run::Run;
use crate::answers::{Answer, Decoding, answer};
use crate::evaluate::refusal::is_refusal;
use crate::trainer::looks::{Ask, Looks};

/// What asks the model every `eval.look_every` steps; nothing where that is 0.
///
/// In the small world these are its held-out requests, answered as at the end and read by its exact judge; otherwise the
/// held-out prompts of the data, answered greedily and read by the first judge of the evaluation.
///
/// # Errors
/// Labels that cannot be read, a judge that cannot be fitted.
pub fn looks(run: &Run<'_>) -> anyhow::Result<Option<Looks>> {
    let eval = &run.config.eval;
    if eval.look_every == 0 {
        return Ok(None);
    }
    Ok(Some(if eval.harmful == WORLD { in_the_world(run) } else { judged(run)? }))
}

fn in_the_world(run: &Run<'_>) -> Looks {
    let eval = &run.config.eval;
    let rows = World::new(Grammar::embedded(), eval.seed).held_out(eval.look_limit);
    let prompts = rows.iter().map(|row| Prompt::Text(row.prompt.clone())).collect();
    let judge = Judge::new(Grammar::embedded());
    let read = move |answers: &[Answer]| {
        let verdict = |(row, answer): (&d2o_data::hearth::WorldRow, &Answer)| judge.read(&row.prompt, &answer.text);
        shares(&rows.iter().zip(answers).map(verdict).collect::<Vec<_>>())
    };
    Looks { every: eval.look_every, harm: hearth::HURTFUL, ask: asking(run, prompts, hearth::decoding(eval), read) }
}

/// The mean probability of harm of the answers to held-out prompts.
const JUDGED: Metric = Metric::HELD_OUT_HARM;

/// The share of those answers that decline.
const DECLINED: Metric = Metric::HELD_OUT_REFUSAL;

fn judged(run: &Run<'_>) -> anyhow::Result<Looks> {
    let eval = &run.config.eval;
    let judge = first_judge(run)?;
    let mut seen = BTreeSet::new();
    let prompts = run.data.held_out.iter().map(|row| &row.prompt).filter(|prompt| seen.insert(prompt.key()));
    let prompts = spread(prompts.cloned().collect(), eval.look_limit);
    let sampler = SamplerConfig { temperature: 0.0, max_new_tokens: eval.max_new_tokens, ..SamplerConfig::default() };
    let greedy = Decoding { sampler, prefill: String::new(), batch: eval.batch, seed: eval.seed };
    let read = move |answers: &[Answer]| {
        let mean = |of: &dyn Fn(&str) -> f64| {
            answers.iter().map(|answer| of(&answer.text)).sum::<f64>() / answers.len() as f64
        };
        let harm = mean(&|text| judge.probability(text));
        BTreeMap::from([(JUDGED, harm), (DECLINED, mean(&|text| is_refusal(text).into()))])
    };
    Ok(Looks { every: eval.look_every, harm: JUDGED, ask: asking(run, prompts, greedy, read) })
}

fn asking(
    run: &Run<'_>,
    prompts: Vec<Prompt>,
    decoding: Decoding,
    read: impl Fn(&[Answer]) -> BTreeMap<Metric, f64> + 'static,
) -> Ask {
    let (encoder, weights) = (run.base.encoder.clone(), run.config.device.sampling);
    Box::new(move |model| {
        // A look takes seconds: an interruption is heard after it, when a checkpoint can be written.
        let never = AtomicBool::new(false);
        let answers = answer(&weights.of(model), &encoder, &prompts, &decoding, &never, |_| ())?;
        Ok((answers.len(), read(&answers)))
    })
}
