//! Progress as plain lines, for files and pipes.

use std::io::Write;

use d2o_record::Event;
use d2o_report::number::duration;

use super::describe::{figures, notice};

/// Seconds of work after which a line is due whatever was said before.
const DUE_AFTER_S: f64 = 10.0;
/// Lines in a run of quick steps, and in a stage.
const LINES: usize = 20;

/// Writes a line when a stage turns, and now and then in between: time is what the events say.
pub(super) struct PlainLines<W> {
    out: W,
    seconds_quiet: f64,
    seconds_stepping: f64,
    steps_taken: usize,
    steps_quiet: usize,
    tenth: usize,
}

impl<W: Write> PlainLines<W> {
    pub(super) fn new(out: W) -> Self {
        Self { out, seconds_quiet: 0.0, seconds_stepping: 0.0, steps_taken: 0, steps_quiet: 0, tenth: 0 }
    }

    /// Writes what the event is worth; a failure to write is for the caller to weigh.
    pub(super) fn show(&mut self, event: &Event) -> std::io::Result<()> {
        let line = match event {
            Event::StageStarted { stage } => {
                self.tenth = 0;
                Some(format!("{stage} …"))
            }
            Event::Progress { stage, done, total, unit } => self.progress(stage, *done, *total, unit),
            Event::Step { step, steps, wall_s, .. } => self.step(*step, *steps, *wall_s, event),
            other => notice(other),
        };
        match line {
            Some(line) => writeln!(self.out, "{line}").and_then(|()| self.out.flush()),
            None => Ok(()),
        }
    }

    /// A line at each tenth of the stage.
    fn progress(&mut self, stage: &str, done: usize, total: usize, unit: &str) -> Option<String> {
        let tenth = (done * 10).checked_div(total)?;
        if tenth <= self.tenth {
            return None;
        }
        self.tenth = tenth;
        Some(format!("{stage}: {done}/{total} {unit}"))
    }

    /// A line for the first and last step, each twentieth of the run, and after ten seconds.
    fn step(&mut self, step: usize, steps: usize, wall_s: f64, event: &Event) -> Option<String> {
        let first = self.steps_taken == 0;
        self.steps_taken += 1;
        self.steps_quiet += 1;
        self.seconds_quiet += wall_s;
        self.seconds_stepping += wall_s;
        let due = self.seconds_quiet >= DUE_AFTER_S || self.steps_quiet >= steps.div_ceil(LINES);
        if !(first || due || step == steps) {
            return None;
        }
        self.steps_quiet = 0;
        self.seconds_quiet = 0.0;
        let left = self.seconds_stepping / self.steps_taken as f64 * steps.saturating_sub(step) as f64;
        Some(format!("step {step}/{steps} · {} · {} left", figures(event), duration(left)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use d2o_testing::run as fixture;

    fn lines(events: &[Event]) -> Vec<String> {
        let mut plain = PlainLines::new(Vec::new());
        for event in events {
            plain.show(event).unwrap();
        }
        String::from_utf8(plain.out).unwrap().lines().map(str::to_owned).collect()
    }

    fn steps(count: usize, wall_s: f64) -> Vec<Event> {
        (1..=count).map(|step| fixture::step(step, count, wall_s)).collect()
    }

    #[test]
    fn quick_steps_get_a_line_each_twentieth() {
        let lines = lines(&steps(400, 0.01));
        // The first, then every twentieth after it (21, 41, …, 381), then the last.
        assert_eq!(lines.len(), 1 + 19 + 1);
        assert!(lines[1].starts_with("step 21/400 · loss "), "{}", lines[1]);
        assert!(lines[20].starts_with("step 400/400 "), "{}", lines[20]);
        assert!(lines[20].ends_with("· 0.0 s left"), "{}", lines[20]);
    }

    #[test]
    fn slow_steps_get_a_line_every_ten_seconds() {
        let lines = lines(&steps(400, 4.0));
        // Twelve seconds, three steps of four: 1, 4, 7, …, 400.
        assert_eq!(lines.len(), 1 + 133);
        assert!(lines[1].starts_with("step 4/400 "), "{}", lines[1]);
        // 396 steps of four seconds are to come.
        assert!(lines[1].ends_with("· 26 min 24 s left"), "{}", lines[1]);
    }

    #[test]
    fn a_step_says_loss_rewards_ratios_and_speed() {
        let mut event = fixture::step(1, 1, 2.0);
        if let Event::Step { figures, tokens, .. } = &mut event {
            (figures.loss, figures.reward_margin, figures.reward_accuracy) = (0.5, 1.25, 0.75);
            (figures.anchor_log_ratio, figures.rejected_log_ratio, *tokens) = (-0.5, -8.0, 3000);
        }
        let expected = "step 1/1 · loss 0.500 · margin +1.250 · accuracy 0.75 · anchors -0.50 · rejected -8.00 · 1500 tok/s · 0.0 s left";
        assert_eq!(lines(&[event]), [expected]);
    }

    #[test]
    fn a_stage_speaks_at_most_ten_times() {
        let progress =
            |done| Event::Progress { stage: "anchors".to_owned(), done, total: 95, unit: "drafts".to_owned() };
        let events: Vec<Event> = (0..=95).map(progress).collect();
        let lines = lines(&events);
        assert_eq!(lines.len(), 10);
        // A tenth of 95 is 9.5, first reached by 10.
        assert_eq!(lines[0], "anchors: 10/95 drafts");
        assert_eq!(lines[9], "anchors: 95/95 drafts");
    }

    #[test]
    fn an_unknown_total_is_no_division() {
        let event = Event::Progress { stage: "fetch".to_owned(), done: 3, total: 0, unit: "files".to_owned() };
        assert_eq!(lines(&[event]), Vec::<String>::new());
    }
}
