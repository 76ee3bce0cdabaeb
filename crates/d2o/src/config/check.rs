//! Values that no run can use.

use d2o_eval::HabitConfig;
use d2o_generate::anchors::{AnchorSource, Declining, ReferencePrompt};

use super::{ConfigError, HEARTH, RejectedBeginning, RejectedSource, RunConfig};

/// Complaints that name the field and where it was written.
struct Check<'a> {
    at: &'a dyn Fn(&str) -> String,
}

impl Check<'_> {
    fn require(
        &self,
        field: &'static str,
        holds: bool,
        expected: &'static str,
        got: impl ToString,
    ) -> Result<(), ConfigError> {
        if holds {
            return Ok(());
        }
        Err(ConfigError::Value { at: (self.at)(field), field, expected, got: got.to_string() })
    }

    fn counts(&self, fields: &[(&'static str, usize)]) -> Result<(), ConfigError> {
        fields.iter().try_for_each(|&(field, value)| self.require(field, value > 0, "at least 1", value))
    }

    fn above_zero(&self, fields: &[(&'static str, f64)]) -> Result<(), ConfigError> {
        let holds = |value: f64| value.is_finite() && value > 0.0;
        fields.iter().try_for_each(|&(field, value)| self.require(field, holds(value), "a number above 0", value))
    }

    fn at_least_zero(&self, fields: &[(&'static str, f64)]) -> Result<(), ConfigError> {
        let holds = |value: f64| value.is_finite() && value >= 0.0;
        fields.iter().try_for_each(|&(field, value)| self.require(field, holds(value), "a number from 0 on", value))
    }

    fn below_one(&self, fields: &[(&'static str, f64)]) -> Result<(), ConfigError> {
        let expected = "a number from 0 to below 1";
        let holds = |value: f64| (0.0..1.0).contains(&value);
        fields.iter().try_for_each(|&(field, value)| self.require(field, holds(value), expected, value))
    }
}

impl RunConfig {
    /// Refuses values that no run can use; `at` says where a field was written.
    ///
    /// # Errors
    /// [`ConfigError::Value`] or [`ConfigError::Objective`].
    pub(super) fn check(&self, at: &dyn Fn(&str) -> String) -> Result<(), ConfigError> {
        let check = Check { at };
        self.check_inputs(&check)?;
        self.check_habit(&check, at)?;
        self.check_anchors(&check)?;
        self.check_objective(at)?;
        self.check_train(&check)?;
        self.check_retain(&check)?;
        self.check_stop(&check)?;
        self.check_eval(&check)
    }

    fn check_inputs(&self, check: &Check<'_>) -> Result<(), ConfigError> {
        let model = "a model directory, a .gguf file, fetch:NAME or hub:OWNER/NAME";
        check.require("model.path", !self.model.path.is_empty(), model, "nothing")?;
        let data = &self.data;
        let files = "at least one file of rejected answers";
        let some = !data.negatives.is_empty() || !data.prompts.is_empty();
        check.require("data.negatives", some, files, "none")?;
        check.require("data.threshold", data.threshold.is_finite(), "a number", data.threshold)?;
        check.below_one(&[("data.held_out", data.held_out)])?;
        check.counts(&[
            ("data.samples", data.samples),
            ("data.max_prompt_tokens", data.max_prompt_tokens),
            ("data.max_response_tokens", data.max_response_tokens),
        ])
    }

    fn check_habit(&self, check: &Check<'_>, at: &dyn Fn(&str) -> String) -> Result<(), ConfigError> {
        let (data, habit) = (&self.data, &self.habit);
        habit.validate().map_err(|error| ConfigError::Habit { at: at("habit"), reason: error.to_string() })?;
        let known = *habit != HabitConfig::None {};
        let told = "\"given\" where habit.kind is \"none\": nothing tells which of the model's own answers are bad";
        check.require("data.rejected", known || data.rejected == RejectedSource::Given, told, "\"own\"")?;
        let told = "none where habit.kind is \"none\": nothing tells which of the model's own answers are bad";
        check.require("data.prompts", known || data.prompts.is_empty(), told, data.prompts.join(", "))?;
        let unlabelled = matches!(habit, HabitConfig::Judged { labelled, .. } if labelled.is_empty());
        let rows = "at least one file where habit.kind is \"judged\" and habit.labelled is empty";
        check.require("data.negatives", !unlabelled || !data.negatives.is_empty(), rows, "none")?;
        let written = data.prompts.iter().filter_map(|reference| reference.strip_prefix("written:"));
        for number in written {
            let holds = data.chat && number.parse::<usize>().is_ok_and(|number| number > 0);
            check.require("data.prompts", holds, "written:N with N from 1 on, and data.chat = true", number)?;
        }
        let pattern = matches!(habit, HabitConfig::Pattern { .. });
        let place = "\"answer\" where habit.kind is not \"pattern\", which alone tells where a habit begins";
        check.require("data.begin", pattern || data.begin == RejectedBeginning::Answer, place, "another")?;
        let declining = matches!(habit, HabitConfig::Declining {}) || self.anchors.declining == Declining::Any;
        let any = "\"any\" where habit.kind is not \"declining\"";
        check.require("anchors.declining", declining, any, "another")?;
        let HabitConfig::Length { max_tokens, .. } = *habit else { return Ok(()) };
        let cut = [self.anchors.sampler.max_new_tokens, self.eval.max_new_tokens, data.max_response_tokens];
        let least = cut.into_iter().min().unwrap_or_default();
        let seen = "below the length at which answers are cut (anchors.sampler.max_new_tokens, eval.max_new_tokens, \
                    data.max_response_tokens), or nobody sees that they are longer";
        check.require("habit.max_tokens", max_tokens < least, seen, format!("{max_tokens}, cut at {least}"))
    }

    fn check_anchors(&self, check: &Check<'_>) -> Result<(), ConfigError> {
        let anchors = &self.anchors;
        check.counts(&[
            ("anchors.k", anchors.k),
            ("anchors.batch", anchors.batch),
            ("anchors.sampler.max_new_tokens", anchors.sampler.max_new_tokens),
        ])?;
        for instruction in &anchors.instructions {
            let expected = "a system text, or a user text with {prompt} in it";
            check.require("anchors.instructions", instruction.is_complete(), expected, format!("{instruction:?}"))?;
        }
        let sampler = anchors.sampler.validate();
        let got = sampler.as_ref().err().map_or_else(String::new, ToString::to_string);
        check.require("anchors.sampler", sampler.is_ok(), "settings that the sampler takes", got)?;
        let drawn = anchors.source == AnchorSource::Drawn;
        let every = anchors.refresh_every;
        check.require("anchors.refresh_every", drawn || every == 0, "0 where anchors.source is \"chosen\"", every)?;
        self.check_references(check)
    }

    fn check_references(&self, check: &Check<'_>) -> Result<(), ConfigError> {
        let anchors = &self.anchors;
        let bare = "\"bare\" where no anchor is drawn behind an instruction";
        let instructed = anchors.source == AnchorSource::Drawn && !anchors.instructions.is_empty();
        for (field, reference) in
            [("anchors.reference", anchors.reference), ("anchors.rejected_reference", anchors.rejected_reference)]
        {
            check.require(field, instructed || reference == ReferencePrompt::Bare, bare, "\"instructed\"")?;
        }
        let limit = self.stop.max_anchor_kl;
        let far = "0 where anchors.reference is \"instructed\", which the anchors begin far below";
        check.require("stop.max_anchor_kl", limit == 0.0 || anchors.reference == ReferencePrompt::Bare, far, limit)
    }

    fn check_objective(&self, at: &dyn Fn(&str) -> String) -> Result<(), ConfigError> {
        self.objective
            .validate()
            .map_err(|error| ConfigError::Objective { at: at("objective"), reason: error.to_string() })?;
        let whole = self.objective.couples_groups() || self.objective.needs_avoidance();
        if whole && self.guards.act_on_scores() {
            let reason = format!(
                "`{}` does not weigh each answer by its own score; of the guards it takes `anchor_kl` only",
                self.objective.name()
            );
            return Err(ConfigError::Objective { at: at("guards"), reason });
        }
        self.guards.validate().map_err(|error| ConfigError::Objective { at: at("guards"), reason: error.to_string() })
    }

    fn check_train(&self, check: &Check<'_>) -> Result<(), ConfigError> {
        let train = &self.train;
        check.counts(&[
            ("train.groups_per_step", train.groups_per_step),
            ("train.tokens_per_chunk", train.tokens_per_chunk),
            ("train.log_every", train.log_every),
            ("train.keep_checkpoints", train.keep_checkpoints),
        ])?;
        let length = "at least 1 where train.steps is 0";
        check.require("train.epochs", train.steps > 0 || train.epochs > 0, length, train.epochs)?;
        check.above_zero(&[("train.learning_rate", train.learning_rate), ("train.epsilon", train.epsilon)])?;
        check.at_least_zero(&[
            ("train.weight_decay", train.weight_decay),
            ("train.max_grad_norm", train.max_grad_norm),
        ])?;
        check.below_one(&[("train.beta1", train.beta1), ("train.beta2", train.beta2)])?;
        let fraction = train.final_lr_fraction;
        check.require("train.final_lr_fraction", (0.0..=1.0).contains(&fraction), "a number from 0 to 1", fraction)
    }

    fn check_retain(&self, check: &Check<'_>) -> Result<(), ConfigError> {
        let retain = &self.retain;
        check.at_least_zero(&[("retain.weight", retain.weight), ("retain.opening", retain.opening)])?;
        check.counts(&[("retain.per_step", retain.per_step), ("retain.max_tokens", retain.max_tokens)])?;
        let chat = "0 where data.chat is false: there is no template to write into";
        check.require("retain.written", retain.written == 0 || self.data.chat, chat, retain.written)?;
        let prompts = "everyday prompts, retain.written, or retain.weight = 0";
        let some = retain.weight == 0.0 || !retain.prompts.is_empty() || retain.written > 0;
        check.require("retain.prompts", some, prompts, "nothing")
    }

    fn check_stop(&self, check: &Check<'_>) -> Result<(), ConfigError> {
        let stop = &self.stop;
        check.counts(&[("stop.check_every", stop.check_every), ("stop.patience", stop.patience)])?;
        check.at_least_zero(&[
            ("stop.max_anchor_kl", stop.max_anchor_kl),
            ("stop.max_benign_perplexity_increase", stop.max_benign_perplexity_increase),
            ("stop.min_entropy", stop.min_entropy),
            ("stop.min_negatives_gain", stop.min_negatives_gain),
            ("stop.min_harm_drop", stop.min_harm_drop),
        ])?;
        let held_out = self.data.held_out;
        let fits = stop.min_negatives_gain == 0.0 || held_out > 0.0;
        check.require("data.held_out", fits, "above 0 where stop.min_negatives_gain is on", held_out)?;
        let looks = stop.min_harm_drop == 0.0 || self.eval.look_every > 0;
        check.require("eval.look_every", looks, "above 0 where stop.min_harm_drop is on", self.eval.look_every)
    }

    fn check_eval(&self, check: &Check<'_>) -> Result<(), ConfigError> {
        let eval = &self.eval;
        check.counts(&[
            ("eval.batch", eval.batch),
            ("eval.max_new_tokens", eval.max_new_tokens),
            ("eval.bootstrap", eval.bootstrap),
            ("eval.look_limit", eval.look_limit),
        ])?;
        eval.begun.iter().try_for_each(|&tokens| check.counts(&[("eval.begun", tokens)]))?;
        let asked = eval.look_every == 0 || eval.harmful == HEARTH || self.data.held_out > 0.0;
        check.require("data.held_out", asked, "above 0 where eval.look_every is on", self.data.held_out)?;
        check.at_least_zero(&[("eval.temperature", eval.temperature)])?;
        let nucleus = eval.top_p > 0.0 && eval.top_p <= 1.0;
        check.require("eval.top_p", nucleus, "a number above 0 and at most 1", eval.top_p)
    }
}
