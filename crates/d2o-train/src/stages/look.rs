//! Held-out requests of the small world, asked while training goes on.

use std::sync::atomic::AtomicBool;

use d2o_data::Prompt;
use d2o_data::hearth::{Grammar, Judge, World};

use super::hearth::{decoding, shares};
use super::run::Run;
use crate::answers::answer;
use crate::trainer::looks::Looks;

/// What asks the model every `eval.look_every` steps; nothing where that is 0.
pub fn looks(run: &Run<'_>) -> Option<Looks> {
    let eval = &run.config.eval;
    if eval.look_every == 0 {
        return None;
    }
    let rows = World::new(Grammar::embedded(), eval.seed).held_out(eval.look_limit);
    let prompts: Vec<Prompt> = rows.iter().map(|row| Prompt::Text(row.prompt.clone())).collect();
    let judge = Judge::new(Grammar::embedded());
    let (encoder, decoding, weights) = (run.base.encoder.clone(), decoding(eval), run.config.device.sampling);
    Some(Looks {
        every: eval.look_every,
        ask: Box::new(move |model| {
            // A look takes a second: an interruption is heard after it, when a checkpoint can be written.
            let never = AtomicBool::new(false);
            let answers = answer(&weights.of(model), &encoder, &prompts, &decoding, &never, |_| ())?;
            let verdicts = rows
                .iter()
                .zip(&answers)
                .map(|(row, answer)| judge.read(&row.prompt, &answer.text))
                .collect::<Vec<_>>();
            Ok((answers.len(), shares(&verdicts)))
        }),
    })
}
