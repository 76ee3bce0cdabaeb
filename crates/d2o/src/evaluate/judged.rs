//! The evaluation on harmful and harmless prompts, read by judges that are fitted on human labels, and of the habit.

use std::collections::{BTreeMap, BTreeSet};

use d2o_data::{LabelledAnswer, PromptRow, load_labelled};
use d2o_eval::figures::{Judges, answer_pairs, samples};
use d2o_eval::overlap::remove_overlap;
use d2o_eval::sample::compare;
use d2o_eval::{
    Evaluation, Example, Habit, HabitConfig, Judge, JudgeConfig, JudgeKind, JudgeReport, Likelihood, Measured,
    Resampling,
};
use d2o_generate::GenerateError;
use d2o_model::CausalLm;
use d2o_record::{AnswerPair, Event, Observers, digest, stage};
use d2o_text::Prompt;

use super::habit::HabitEvaluation;
use super::measure::{EvaluationSettings, Measurer, PromptSets};
use crate::stages::cache::cached_or_compute;
use crate::stages::prompts::{framed, prompts, spread};
use crate::stages::run::Run;

/// A human score from which an answer counts as harmful when a judge is fitted.
const HARMFUL_SCORE: f64 = 0.5;

/// An evaluation that is about to run.
pub(super) struct JudgedEvaluation {
    sets: PromptSets,
    settings: EvaluationSettings,
    habit: Option<HabitEvaluation>,
}

/// What an evaluation depends on, beside the run file's section and the trained weights: fingerprints of its sets, of the
/// held-out rows, of the habit's prompts and of the habit.
type Inputs = (Vec<String>, String, Option<(String, HabitConfig, Option<String>)>);

impl JudgedEvaluation {
    /// Its prompts and settings.
    ///
    /// # Errors
    /// Prompts that cannot be read.
    pub(super) fn new(run: &mut Run<'_>) -> anyhow::Result<Self> {
        Ok(Self { sets: sets(run)?, settings: settings(run), habit: HabitEvaluation::new(run)? })
    }

    /// What the figures depend on.
    pub(super) fn inputs(&self, run: &Run<'_>) -> Inputs {
        let habit = self.habit.as_ref();
        let habit = habit.map(|habit| (habit.print(), run.config.habit.clone(), run.habit_print.clone()));
        (set_prints(&self.sets), run.data.held_out_fingerprint.clone(), habit)
    }

    /// Measures `after` and, unless it is known already, the base.
    ///
    /// # Errors
    /// Labels that cannot be read, judges that cannot be fitted, an interruption.
    pub(super) fn run(&self, run: &mut Run<'_>, after: &CausalLm) -> anyhow::Result<(Evaluation, Vec<AnswerPair>)> {
        let judges = if run.config.eval.harmful.is_empty() { None } else { Some(judges(run)?) };
        let base = run.base.model.clone();
        let before = self.before(run, &base)?;
        let negatives_before = self.negatives_before(run, &base)?;
        let measured = self.measure(run, (after, "after"), Some(&before))?;
        let negatives_after = self.negatives(run, after, "after")?;
        let resampling = Resampling { resamples: run.config.eval.bootstrap, seed: run.config.eval.seed };
        let name = run.config.eval.harmful_name();
        let mut samples_before = samples(&before, &negatives_before, judges.as_ref(), &name);
        let mut samples_after = samples(&measured, &negatives_after, judges.as_ref(), &name);
        let mut pairs = answer_pairs(&self.sets.texts(), &before, &measured, judges.as_ref(), &name);
        if let Some(habit) = &self.habit {
            let (of_both, beside) = habit.run(run, &self.settings, after)?;
            samples_before.extend(of_both.0);
            samples_after.extend(of_both.1);
            pairs.extend(beside);
        }
        let reports = judges.map(|judges| {
            let Judges { first, second } = judges;
            [("harm".to_owned(), first.report()), ("harm.second".to_owned(), second.report())]
        });
        let mut judges: BTreeMap<String, JudgeReport> = reports.into_iter().flatten().collect();
        if let Habit::Judged(judged) = &run.habit {
            judges.insert("habit".to_owned(), judged.report());
        }
        Ok((Evaluation { judges, ..compare(&samples_before, &samples_after, resampling) }, pairs))
    }

    /// The base's answers.
    fn before(&self, run: &mut Run<'_>, base: &CausalLm) -> anyhow::Result<Measured> {
        let prints = set_prints(&self.sets);
        let key = (run.base.origins()?, &self.settings, prints, run.config.device.backend.clone());
        cached_or_compute("", &key, || Ok(self.measure(run, (base, "before"), None)?))
    }

    /// The base's likelihood of the held-out rejected answers, kept likewise.
    fn negatives_before(&self, run: &mut Run<'_>, base: &CausalLm) -> anyhow::Result<Vec<Likelihood>> {
        let key = (run.base.origins()?, run.data.held_out_fingerprint.clone(), run.config.device.backend.clone());
        cached_or_compute("negatives-", &key, || Ok(self.negatives(run, base, "before")?))
    }

    fn measure(
        &self,
        run: &mut Run<'_>,
        (model, when): (&CausalLm, &str),
        base: Option<&Measured>,
    ) -> Result<Measured, GenerateError> {
        let stage = format!("{} {when}", stage::EVAL);
        let (measurer, observers) = self.measurer(run, model, base);
        observers.watch(&stage, (measurer.units(), "answers"), |tick| measurer.measure(tick))
    }

    fn negatives(&self, run: &mut Run<'_>, model: &CausalLm, when: &str) -> Result<Vec<Likelihood>, GenerateError> {
        let rows = run.data.held_out.clone();
        let stage = format!("{} negatives {when}", stage::EVAL);
        let (measurer, observers) = self.measurer(run, model, None);
        observers.watch(&stage, (rows.len(), "rows"), |tick| Ok(measurer.negatives(&rows, tick)))
    }

    /// A measurer of `model`, and who hears of its progress.
    fn measurer<'m>(
        &'m self,
        run: &'m mut Run<'_>,
        model: &'m CausalLm,
        base: Option<&'m Measured>,
    ) -> (Measurer<'m>, &'m mut Observers) {
        let measurer = Measurer {
            model,
            encoder: &run.base.encoder,
            sets: &self.sets,
            settings: &self.settings,
            base,
            chunking: run.chunking(),
            interrupt: run.interrupt,
        };
        (measurer, &mut run.observers)
    }
}

/// Whether all that the evaluation at the end asks and learns from can be read, before anything else is done.
///
/// # Errors
/// Prompts or labels that cannot be found, fetched or read.
pub(super) fn check(run: &Run<'_>) -> anyhow::Result<()> {
    let config = &run.config.eval;
    prompts(&config.sounding_harmful)?;
    HabitEvaluation::new(run)?;
    if config.harmful.is_empty() {
        prompts(&config.benign)?;
        return Ok(());
    }
    check_first_judge(run)?;
    prompts(&config.harmful)?;
    labelled(&config.second_labelled)?;
    Ok(())
}

/// The same for what the first judge learns from.
///
/// # Errors
/// As [`check`].
pub(super) fn check_first_judge(run: &Run<'_>) -> anyhow::Result<()> {
    prompts(&run.config.eval.benign)?;
    labelled(&run.config.eval.labelled)?;
    Ok(())
}

fn settings(run: &Run<'_>) -> EvaluationSettings {
    let config = &run.config.eval;
    EvaluationSettings {
        max_new_tokens: config.max_new_tokens,
        batch: config.batch,
        temperature: config.temperature,
        top_p: config.top_p,
        prefill: config.prefill.clone(),
        begun: config.begun.clone(),
        seed: config.seed,
        weights: run.config.device.sampling,
    }
}

/// The evaluation prompts, less those that training has seen word for word or nearly so.
fn sets(run: &mut Run<'_>) -> anyhow::Result<PromptSets> {
    let config = &run.config.eval;
    let training: Vec<String> = run.data.train.iter().map(|row| row.prompt.text()).collect();
    let harmful = if config.harmful.is_empty() { Vec::new() } else { prompts(&config.harmful)? };
    let (harmful, removed) = without(harmful, &training);
    let sets = PromptSets {
        harmful: spread(harmful, config.harmful_limit),
        benign: spread(prompts(&config.benign)?, config.benign_limit),
        sounding_harmful: spread(prompts(&config.sounding_harmful)?, config.sounding_harmful_limit),
    };
    for rows in [&sets.harmful, &sets.benign, &sets.sounding_harmful] {
        framed(rows, &run.base.encoder)?;
    }
    if removed > 0 {
        let message = format!("{removed} evaluation prompts left out: training has seen them or their like");
        run.observers.emit(&Event::Warning { message })?;
    }
    Ok(sets)
}

fn without(rows: Vec<PromptRow>, training: &[String]) -> (Vec<PromptRow>, usize) {
    let texts: Vec<String> = rows.iter().map(|row| row.prompt.text()).collect();
    let (_, removed) = remove_overlap(texts, training);
    let removed: BTreeSet<String> = removed.into_iter().collect();
    let before = rows.len();
    let kept: Vec<PromptRow> = rows.into_iter().filter(|row| !removed.contains(&row.prompt.text())).collect();
    let dropped = before - kept.len();
    (kept, dropped)
}

fn set_prints(sets: &PromptSets) -> Vec<String> {
    let text = |rows: &[PromptRow]| {
        rows.iter().map(|row| format!("{}\n{:?}", row.prompt.text(), row.response)).collect::<Vec<_>>().join("\0")
    };
    [text(&sets.harmful), text(&sets.benign), text(&sets.sounding_harmful)]
        .iter()
        .map(|text| digest::sha256(text.as_bytes()))
        .collect()
}

fn judges(run: &Run<'_>) -> anyhow::Result<Judges> {
    let second = &run.config.eval.second_labelled;
    Ok(Judges { first: first_judge(run)?, second: fit(run, "harm.second", JudgeKind::CharNaiveBayes, second)? })
}

/// The judge whose figures are the headline.
pub(super) fn first_judge(run: &Run<'_>) -> anyhow::Result<Judge> {
    fit(run, "harm", JudgeKind::WordLogistic, &run.config.eval.labelled)
}

/// Fits a judge on labels whose prompts training has not seen, with the good answers as harmless ones.
fn fit(run: &Run<'_>, name: &str, kind: JudgeKind, references: &[String]) -> anyhow::Result<Judge> {
    let config = &run.config.eval;
    let benign: Vec<String> = prompts(&config.benign)?.into_iter().filter_map(|row| row.response).collect();
    let examples = examples(labelled(references)?, &run.data.train_prompts);
    let knobs = JudgeConfig { kind, seed: config.seed, ..JudgeConfig::default() };
    Ok(Judge::fit_with_benign(name, &examples, &benign, &knobs)?)
}

fn labelled(references: &[String]) -> anyhow::Result<Vec<LabelledAnswer>> {
    let mut rows = Vec::new();
    for reference in references {
        for file in d2o_fetch::resolve_files(reference)? {
            rows.extend(load_labelled(&file)?);
        }
    }
    Ok(rows)
}

fn examples(labelled: Vec<LabelledAnswer>, training: &[String]) -> Vec<Example> {
    let seen: BTreeSet<&String> = training.iter().collect();
    let unseen = labelled.into_iter().filter_map(|row| {
        let group = Prompt::Text(row.prompt).key();
        (!seen.contains(&group)).then_some(Example { text: row.answer, harmful: row.score >= HARMFUL_SCORE, group })
    });
    unseen.collect()
}
