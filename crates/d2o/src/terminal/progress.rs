//! Progress on the terminal: one bar a stage, or plain lines where nobody sees a bar.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use d2o_record::{Event, ObserveError, Observer};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::describe::{figures, notice};
use super::plain::PlainLines;

const BAR: &str = "{prefix:>9} {bar:24.cyan/dim} {pos}/{len} {msg} · {eta} left";
const SPINNER: &str = "{prefix:>9} {spinner} {msg} {elapsed}";

/// Draws the run on standard error. A terminal that went away does not stop a run.
pub struct Progress(Drawn);

enum Drawn {
    Bars(Bars),
    Plain(PlainLines<Box<dyn Write>>),
    Gone,
}

impl Progress {
    /// Bars if standard error is a terminal, plain lines otherwise.
    #[must_use]
    pub fn stderr() -> Self {
        let terminal = std::io::stderr();
        if terminal.is_terminal() {
            Self(Drawn::Bars(Bars::new(ProgressDrawTarget::stderr, terminal)))
        } else {
            Self::plain(terminal)
        }
    }

    /// Plain lines to `out`.
    pub fn plain(out: impl Write + 'static) -> Self {
        Self(Drawn::Plain(PlainLines::new(Box::new(out))))
    }
}

impl Observer for Progress {
    fn observe(&mut self, event: &Event) -> Result<(), ObserveError> {
        match &mut self.0 {
            Drawn::Bars(bars) => bars.show(event),
            Drawn::Plain(lines) => {
                if lines.show(event).is_err() {
                    self.0 = Drawn::Gone;
                }
            }
            Drawn::Gone => {}
        }
        Ok(())
    }
}

/// The bar of the current stage; notices scroll above it, or are written where there is no bar.
struct Bars {
    target: fn() -> ProgressDrawTarget,
    between: Box<dyn Write>,
    bar: ProgressBar,
}

impl Bars {
    fn new(target: fn() -> ProgressDrawTarget, between: impl Write + 'static) -> Self {
        Self { target, between: Box::new(between), bar: ProgressBar::hidden() }
    }

    fn show(&mut self, event: &Event) {
        match event {
            Event::StageStarted { stage } => self.spin(stage),
            Event::RunStarted { steps, resumed_from, .. } => {
                self.say(event);
                self.measure(*steps, resumed_from.unwrap_or(0));
            }
            Event::Progress { done, total, unit, .. } => {
                self.measure(*total, *done);
                self.bar.set_message(unit.clone());
            }
            Event::Step { step, steps, .. } => {
                self.measure(*steps, *step);
                self.bar.set_message(figures(event));
            }
            Event::StageFinished { .. } | Event::StageSkipped { .. } => {
                self.bar.finish_and_clear();
                self.say(event);
            }
            other => self.say(other),
        }
    }

    /// A new stage, of unknown length so far.
    fn spin(&mut self, stage: &str) {
        self.bar.finish_and_clear();
        self.bar = ProgressBar::with_draw_target(None, (self.target)());
        self.bar.set_style(style(SPINNER));
        self.bar.set_prefix(stage.to_owned());
        self.bar.enable_steady_tick(Duration::from_millis(120));
    }

    /// Moves the bar, and makes it one when its length is first known.
    fn measure(&mut self, total: usize, done: usize) {
        if self.bar.length() != Some(total as u64) && total > 0 {
            self.bar.disable_steady_tick();
            self.bar.set_style(style(BAR));
            self.bar.set_length(total as u64);
            self.bar.set_position(done as u64);
            self.bar.reset_eta();
        }
        self.bar.set_position(done as u64);
    }

    fn say(&mut self, event: &Event) {
        let Some(line) = notice(event) else { return };
        if self.bar.is_hidden() || self.bar.is_finished() {
            // Best effort: a terminal that went away does not stop a run.
            let _ = writeln!(self.between, "{line}");
        } else {
            self.bar.println(line);
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    style.progress_chars("━╸─")
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;
    use d2o_testing::run as fixture;

    #[test]
    fn the_bar_follows_the_steps() {
        let mut bars = Bars::new(ProgressDrawTarget::hidden, io::sink());
        bars.show(&Event::StageStarted { stage: "train".to_owned() });
        assert_eq!(bars.bar.length(), None);
        bars.show(&fixture::step(3, 30, 1.0));
        assert_eq!((bars.bar.position(), bars.bar.length()), (3, Some(30)));
        assert!(bars.bar.message().starts_with("loss "));
        bars.show(&fixture::step(4, 30, 1.0));
        assert_eq!(bars.bar.position(), 4);
        bars.show(&Event::StageFinished { stage: "train".to_owned(), wall_s: 1.0, detail: String::new() });
        assert!(bars.bar.is_finished());
    }

    #[test]
    fn the_templates_are_valid() {
        for template in [BAR, SPINNER] {
            ProgressStyle::with_template(template).unwrap();
        }
    }

    struct Closed;

    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_closed_pipe_stops_nothing() {
        let mut progress = Progress::plain(Closed);
        for step in 1..=3 {
            progress.observe(&fixture::step(step, 3, 1.0)).unwrap();
        }
        assert!(matches!(progress.0, Drawn::Gone));
    }
}
