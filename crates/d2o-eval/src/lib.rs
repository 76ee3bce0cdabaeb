#![doc = include_str!("../README.md")]

pub mod answers;
pub mod bootstrap;
mod error;
pub mod figures;
pub mod habit;
pub mod judge;
pub mod overlap;
mod random;
pub mod refusal;
pub mod sample;
pub mod text;

pub use answers::{Begun, EvaluationPrompt, EvaluationSets, Likelihood, Measured};
pub use bootstrap::Resampling;
pub use d2o_record::{AnswerPair, Estimate, Evaluation, JudgeReport, Metric};
pub use error::EvalError;
pub use habit::{Answered, Habit, HabitConfig};
pub use judge::{Example, Judge, JudgeConfig, JudgeKind};
pub use sample::Sample;
