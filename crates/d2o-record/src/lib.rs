#![doc = include_str!("../README.md")]

pub mod digest;
pub mod durable;
mod error;
mod evaluation;
mod event;
pub mod jsonl;
pub mod meter;
mod metric;
pub mod nan_as_null;
mod observer;
pub mod stage;
mod step;

pub use error::{EvaluationError, FileError, ObserveError};
pub use evaluation::{AnswerPair, Estimate, Evaluation, JudgeReport, load_answers, save_answers};
pub use event::Event;
pub use jsonl::JsonLines;
pub use metric::{AnswerKind, Metric};
pub use observer::{Observer, Observers};
pub use step::StepFigures;
