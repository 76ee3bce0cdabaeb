#![doc = include_str!("../README.md")]

pub mod digest;
pub mod directory;
pub mod durable;
mod error;
mod evaluation;
mod event;
#[cfg(any(test, feature = "fault-injection"))]
pub mod fault;
pub mod jsonl;
mod lock;
pub mod meter;
mod metric;
pub mod nan_as_null;
mod observer;
mod process;
pub mod seal;
pub mod stage;
mod step;
pub mod storage;

pub use error::{EvaluationError, FileError, ObserveError, remedy};
pub use evaluation::{AnswerPair, Estimate, Evaluation, JudgeReport, load_answers, save_answers};
pub use event::Event;
pub use jsonl::JsonLines;
pub use lock::{Holder, LockError, RunLock};
pub use metric::{AnswerKind, Metric};
pub use observer::{Observer, Observers};
pub use step::StepFigures;
