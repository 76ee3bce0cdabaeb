//! A run of four steps with two observers: a file of JSON lines, and one of our own that keeps the lowest loss.

use std::cell::Cell;
use std::rc::Rc;

use d2o_record::{Event, JsonLines, ObserveError, Observer, Observers, StepFigures, jsonl};

/// Remembers the step with the lowest loss.
struct Lowest(Rc<Cell<(usize, f64)>>);

impl Observer for Lowest {
    fn observe(&mut self, event: &Event) -> Result<(), ObserveError> {
        if let Event::Step { step, figures, .. } = event
            && figures.loss < self.0.get().1
        {
            self.0.set((*step, figures.loss));
        }
        Ok(())
    }
}

/// What a trainer says after a step; `loss` stands for all the figures that it has.
fn taken(step: usize, loss: f64) -> Event {
    Event::Step {
        step,
        steps: 4,
        epoch: step as f64 / 4.0,
        figures: StepFigures { loss, ..StepFigures::default() },
        clipped: false,
        learning_rate: 1e-4,
        tokens: 512,
        wall_s: 0.5,
        cpu_s: 0.9,
        rss_mb: d2o_record::meter::memory().resident_mib,
    }
}

pub(crate) fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dir = std::env::temp_dir().join(format!("d2o-record-observe-{}", std::process::id()));
    std::fs::create_dir_all(&dir)?;
    let path = dir.join("events.jsonl");
    let lowest = Rc::new(Cell::new((0, f64::INFINITY)));
    let mut observers = Observers::new().with(JsonLines::create(&path)?).with(Lowest(lowest.clone()));
    for (index, loss) in [0.693, 0.52, 0.31, 0.44].into_iter().enumerate() {
        observers.emit(&taken(index + 1, loss))?;
    }
    assert_eq!(lowest.get(), (3, 0.31));

    // A kill in the middle of a write leaves half a line; going on from step 2 removes it, and steps 3 and 4.
    let mut torn = std::fs::read(&path)?;
    torn.extend_from_slice(b"{\"event\":\"st");
    std::fs::write(&path, torn)?;
    assert_eq!(jsonl::truncate_after(&path, 2)?, 3);
    assert_eq!(jsonl::read(&path)?.len(), 2);

    let (step, loss) = lowest.get();
    use std::io::Write;
    writeln!(std::io::stdout(), "lowest loss {loss} at step {step}")?;
    std::fs::remove_dir_all(dir)?;
    Ok(())
}
