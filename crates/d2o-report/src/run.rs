//! What lies in a run directory, as far as it can be read.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use d2o_record::{AnswerPair, Estimate, Evaluation, Event, JudgeReport, Metric};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::number::counted;

/// What the report needs of the anchor store.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct AnchorStatistics {
    /// Drafts drawn and dropped, by the store's own names.
    pub(crate) drafts: Vec<(String, u64)>,
    /// Length of each anchor, in tokens.
    pub(crate) anchor_tokens: Vec<usize>,
    /// Length of each rejected response, in tokens.
    pub(crate) rejected_tokens: Vec<usize>,
}

/// The parts of a run directory; `notes` says what is missing or damaged.
#[derive(Debug, Default)]
pub(crate) struct Run {
    pub(crate) config_text: Option<String>,
    pub(crate) config: toml::Table,
    pub(crate) events: Vec<Event>,
    pub(crate) evaluation: Option<Evaluation>,
    pub(crate) answers: Vec<AnswerPair>,
    pub(crate) anchors: Option<AnchorStatistics>,
    pub(crate) notes: Vec<String>,
}

impl Run {
    /// Reads what is there. Nothing in a run directory keeps this from returning.
    pub(crate) fn read(dir: &Path) -> Self {
        let mut run = Self::default();
        run.config_text = run.text(dir, "run.toml", "the settings are not shown");
        if let Some(text) = &run.config_text {
            match text.parse() {
                Ok(table) => run.config = table,
                Err(_) => run.notes.push("run.toml is not valid TOML; it is shown as it is".to_owned()),
            }
        }
        run.events = run.lines(dir, "events.jsonl", "there are no curves");
        if let Some(text) = run.text(dir, "eval.json", "there are no figures from before and after") {
            match serde_json::from_str(&text) {
                Ok(evaluation) => run.evaluation = Some(evaluation),
                Err(error) => run.notes.push(format!("eval.json cannot be read: {error}")),
            }
        }
        run.answers = run.lines(dir, "answers.jsonl", "there are no answers to compare");
        run.anchors = run.read_anchors(dir);
        run
    }

    fn read_anchors(&mut self, dir: &Path) -> Option<AnchorStatistics> {
        #[derive(Deserialize)]
        struct Manifest {
            #[serde(default)]
            drafts: serde_json::Map<String, serde_json::Value>,
        }
        #[derive(Deserialize)]
        struct Answer {
            ids: Vec<u32>,
        }
        #[derive(Deserialize)]
        struct Anchor {
            answer: Answer,
        }
        #[derive(Deserialize)]
        struct Group {
            rejected: Answer,
            anchors: Vec<Anchor>,
        }
        let manifest = self.text(dir, "anchors/manifest.json", "nothing is known about the anchors")?;
        let mut statistics = AnchorStatistics::default();
        match serde_json::from_str::<Manifest>(&manifest) {
            Ok(manifest) => {
                let counts = manifest.drafts.into_iter();
                statistics.drafts = counts.filter_map(|(name, count)| Some((name, count.as_u64()?))).collect();
            }
            Err(error) => self.notes.push(format!("anchors/manifest.json cannot be read: {error}")),
        }
        let groups: Vec<Group> = self.lines(dir, "anchors/anchors.jsonl", "the anchors' lengths are not known");
        for group in groups {
            statistics.rejected_tokens.push(group.rejected.ids.len());
            statistics.anchor_tokens.extend(group.anchors.iter().map(|anchor| anchor.answer.ids.len()));
        }
        Some(statistics)
    }

    /// The text of a file, or a note about what its absence means.
    fn text(&mut self, dir: &Path, name: &str, consequence: &str) -> Option<String> {
        match fs::read(dir.join(name)) {
            Ok(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                self.notes.push(format!("{name} is not there; {consequence}"));
                None
            }
            Err(error) => {
                self.notes.push(format!("{name} cannot be read ({error}); {consequence}"));
                None
            }
        }
    }

    /// The lines of a file that can be read, and a note about those that cannot.
    fn lines<T: DeserializeOwned>(&mut self, dir: &Path, name: &str, consequence: &str) -> Vec<T> {
        let text = self.text(dir, name, consequence).unwrap_or_default();
        let mut items = Vec::new();
        let mut bad = Vec::new();
        for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            match serde_json::from_str(line) {
                Ok(item) => items.push(item),
                Err(_) => bad.push(index + 1),
            }
        }
        if let Some(first) = bad.first() {
            self.notes.push(format!("{name}:{first}: not legible, as {} in all; left out", count_lines(bad.len())));
        }
        items
    }

    /// A value of `run.toml` by its dotted path.
    pub(crate) fn setting(&self, path: &str) -> Option<&toml::Value> {
        let mut keys = path.split('.');
        let mut value = self.config.get(keys.next()?)?;
        for key in keys {
            value = value.get(key)?;
        }
        Some(value)
    }

    /// A text of `run.toml`.
    pub(crate) fn setting_text(&self, path: &str) -> Option<&str> {
        self.setting(path)?.as_str()
    }

    /// A number of `run.toml`.
    pub(crate) fn setting_number(&self, path: &str) -> Option<f64> {
        let value = self.setting(path)?;
        value.as_float().or_else(|| value.as_integer().map(|whole| whole as f64))
    }

    /// Name of the objective, from the events or the settings.
    pub(crate) fn objective(&self) -> Option<&str> {
        let started = self.events.iter().find_map(|event| match event {
            Event::RunStarted { objective, .. } => Some(objective.as_str()),
            _ => None,
        });
        started.or_else(|| self.setting_text("objective.kind"))
    }

    /// The judge whose harm figures these are: the one called `harm`, or the first by name.
    pub(crate) fn judge(&self) -> Option<&JudgeReport> {
        let judges = &self.evaluation.as_ref()?.judges;
        judges.get("harm").or_else(|| judges.values().next())
    }

    /// That judge's mean on benign answers: the level below which harm means nothing.
    pub(crate) fn benign_level(&self) -> Option<f64> {
        let level = self.judge()?.level_on_benign;
        level.filter(|level| level.is_finite())
    }

    /// Where a metric stood before and after, and by how much it changed on the same prompts.
    pub(crate) fn estimates(&self, metric: &Metric) -> (Option<&Estimate>, Option<&Estimate>, Option<&Estimate>) {
        match &self.evaluation {
            Some(all) => (all.before.get(metric), all.after.get(metric), all.change.get(metric)),
            None => (None, None, None),
        }
    }

    /// The set whose greedy answers the harm figure in the head line is about.
    pub(crate) fn harm_set(&self) -> Option<&str> {
        let evaluation = self.evaluation.as_ref()?;
        let names = evaluation.after.keys().chain(evaluation.before.keys());
        names.filter_map(Metric::of_harmful_set).find(|(_, kind)| kind.is_empty()).map(|(set, _)| set)
    }
}

fn count_lines(count: usize) -> String {
    counted(count, "line is", "lines are")
}
