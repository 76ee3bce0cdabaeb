//! Those who watch a run: each hears of every event.
//!
//! The trainer emits data; observers draw it. They are handed `&Event` and nothing else, so that a run without
//! observers computes exactly what a run with all of them does.

use crate::error::ObserveError;
use crate::event::Event;

/// Someone who watches a run.
pub trait Observer {
    /// Takes note of one event.
    ///
    /// # Errors
    /// When the event cannot be recorded, for example on a full disk.
    fn observe(&mut self, event: &Event) -> Result<(), ObserveError>;

    /// Makes what it has noted durable: a checkpoint that follows relies on it. By default there is nothing to do.
    ///
    /// # Errors
    /// When the disk does not take it.
    fn sync(&mut self) -> Result<(), ObserveError> {
        Ok(())
    }
}

/// All who watch a run, in the order in which they hear of each event.
#[derive(Default)]
pub struct Observers(Vec<Box<dyn Observer>>);

impl Observers {
    /// Nobody.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets one more watch.
    pub fn add(&mut self, observer: impl Observer + 'static) {
        self.0.push(Box::new(observer));
    }

    /// The same observers and one more.
    #[must_use]
    pub fn with(mut self, observer: impl Observer + 'static) -> Self {
        self.add(observer);
        self
    }

    /// Tells everyone, also those after one that fails.
    ///
    /// # Errors
    /// The first failure among them.
    pub fn emit(&mut self, event: &Event) -> Result<(), ObserveError> {
        let mut outcome = Ok(());
        for observer in &mut self.0 {
            outcome = outcome.and(observer.observe(event));
        }
        outcome
    }

    /// Makes what everyone has noted durable.
    ///
    /// # Errors
    /// The first failure among them.
    pub fn sync(&mut self) -> Result<(), ObserveError> {
        let mut outcome = Ok(());
        for observer in &mut self.0 {
            outcome = outcome.and(observer.sync());
        }
        outcome
    }

    /// Does `work` and tells how much of `total` is done whenever it says so.
    ///
    /// # Errors
    /// Those of `work`, or else the first failure to tell.
    pub fn watch<T, E: From<ObserveError>>(
        &mut self,
        stage: &str,
        (total, unit): (usize, &str),
        work: impl FnOnce(&mut dyn FnMut(usize)) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut told = Ok(());
        let result = work(&mut |done| {
            if told.is_ok() {
                let (stage, unit) = (stage.to_owned(), unit.to_owned());
                told = self.emit(&Event::Progress { stage, done, total, unit });
            }
        })?;
        told?;
        Ok(result)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::io::ErrorKind;
    use std::path::PathBuf;
    use std::rc::Rc;

    use super::*;

    struct Counting(Rc<Cell<usize>>);

    impl Observer for Counting {
        fn observe(&mut self, _: &Event) -> Result<(), ObserveError> {
            self.0.set(self.0.get() + 1);
            Ok(())
        }
    }

    struct Failing(&'static str);

    impl Observer for Failing {
        fn observe(&mut self, _: &Event) -> Result<(), ObserveError> {
            Err(ObserveError::Io {
                path: PathBuf::from(self.0),
                action: "append",
                source: ErrorKind::StorageFull.into(),
            })
        }
    }

    #[test]
    fn one_that_fails_keeps_nobody_from_hearing() {
        let heard = Rc::new(Cell::new(0));
        let mut observers = Observers::new()
            .with(Counting(heard.clone()))
            .with(Failing("first"))
            .with(Failing("second"))
            .with(Counting(heard.clone()));
        let error = observers.emit(&Event::Interrupted { step: 1 }).unwrap_err();
        assert_eq!(error.to_string(), "first: cannot append");
        assert_eq!(heard.get(), 2);
    }

    #[test]
    fn nobody_is_enough() {
        let event = Event::Interrupted { step: 1 };
        assert!(Observers::new().emit(&event).is_ok());
        assert_eq!(event.step(), Some(1));
    }
}
