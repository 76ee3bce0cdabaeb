//! The command line of `d2o`: one module a command.

pub mod bench;
pub mod cli;
pub mod export;
pub mod generate;
mod habit;
pub mod hearth;
mod lab;
pub mod negatives;
mod place;
pub mod pretrain;
pub mod runs;
pub mod score;

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use burn::tensor::Device;
use clap::Parser;
use d2o_data::DataError;
use d2o_eval::EvalError;
use d2o_fetch::FetchError;
use d2o_generate::{GenerateError, LanguageModel};
use d2o_kernels::allocator;
use d2o_model::ModelError;
use d2o_record::{EvaluationError, Event, FileError, LockError, ObserveError, Observer};
use d2o_report::ReportError;
use d2o_text::TextError;
use d2o_train::TrainError;

use self::cli::{AdapterArgs, BenchCommand, Cli, Command, ModelArgs};
use crate::config::ConfigError;
use crate::device::DeviceError;
use crate::error::RunError;
use crate::terminal::Progress;

/// Set when the user asks to leave (SIGINT, SIGTERM).
static INTERRUPT: AtomicBool = AtomicBool::new(false);

/// The flag that long work looks at; the first call installs the signal handler.
pub fn interrupt() -> &'static AtomicBool {
    // A second handler is refused; the first one is then in place.
    let _ = ctrlc::set_handler(|| INTERRUPT.store(true, Ordering::Relaxed));
    &INTERRUPT
}

/// The command `d2o` with these arguments, the program's name first: parses them, does what they ask for and tells what
/// went wrong.
pub fn main(args: impl IntoIterator<Item = impl Into<OsString> + Clone>) -> ExitCode {
    allocator::keep_memory();
    match Cli::parse_from(args).command.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => report_error(&error, &mut std::io::stderr()),
    }
}

impl Command {
    /// Does it.
    ///
    /// # Errors
    /// Whatever the command refuses, or what fails.
    pub fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Train(args) => runs::train(&args),
            Self::Prepare(args) => runs::prepare(&args),
            Self::Anchors(args) => runs::anchors(&args),
            Self::Eval(args) => runs::eval(&args),
            Self::Report(args) => runs::report(&args),
            Self::Negatives(args) => negatives::negatives(&args),
            Self::Fetch(args) => runs::fetch(&args),
            Self::Presets => runs::list_presets(),
            Self::Generate(args) => generate::generate(&args),
            Self::Score(args) => score::score(&args),
            Self::Pretrain(args) => pretrain::pretrain(&args),
            Self::Hearth(command) => hearth::hearth(&command),
            Self::Reproduce(args) => lab::reproduce(&args),
            Self::Export(args) => export::export(&args),
            Self::Bench(BenchCommand::Step(args)) => bench::step(&args),
            Self::Bench(BenchCommand::Generate(args)) => bench::generate(&args),
        }
    }
}

/// The model that the arguments name, with the adapter beside its weights or folded in.
fn open_model(args: &ModelArgs, on_top: &AdapterArgs, device: &Device) -> anyhow::Result<LanguageModel> {
    let base = LanguageModel::open(&d2o_fetch::resolve_model(&args.model)?, args.chat, device)?;
    let base = match &on_top.adapter {
        Some(dir) if on_top.merge_adapter => base.with_adapter(dir)?.merged(),
        Some(dir) => base.with_adapter(dir)?,
        None => base,
    };
    warn(&base.warnings)?;
    Ok(base)
}

/// Tells what is odd about a model and was understood nevertheless.
fn warn(warnings: &[String]) -> Result<(), ObserveError> {
    let mut progress = Progress::stderr();
    warnings.iter().try_for_each(|message| progress.observe(&Event::Warning { message: message.clone() }))
}

/// Tells the user what went wrong: the chain of reasons, a hint, and the exit code of the contract.
pub fn report_error(error: &anyhow::Error, out: &mut impl Write) -> ExitCode {
    let mut seen = String::new();
    for (index, cause) in error.chain().enumerate() {
        let text = cause.to_string();
        // Wrappers that show their source would say it twice.
        if !seen.contains(&text) {
            let label = if index == 0 { "error" } else { "cause" };
            let _ = writeln!(out, "{label}: {text}");
        }
        seen.push_str(&text);
    }
    let Remedy { user, hint } = remedy(error);
    if let Some(hint) = hint {
        let _ = writeln!(out, "hint: {hint}");
    }
    ExitCode::from(if user { 2 } else { 1 })
}

/// Refuses a flag's value that cannot be used.
///
/// # Errors
/// [`ConfigError::Value`] unless it `holds`.
pub fn demand(flag: &'static str, holds: bool, expected: &'static str, got: impl ToString) -> Result<(), ConfigError> {
    if holds {
        return Ok(());
    }
    Err(ConfigError::Value { at: "command line".to_owned(), field: flag, expected, got: got.to_string() })
}

/// Whose turn it is after an error, and what they can do.
struct Remedy {
    user: bool,
    hint: Option<String>,
}

/// The remedy of the first error in the chain that knows one.
fn remedy(error: &anyhow::Error) -> Remedy {
    error.chain().find_map(known).unwrap_or(Remedy { user: false, hint: None })
}

/// The remedy of one of our errors.
fn known(error: &(dyn std::error::Error + 'static)) -> Option<Remedy> {
    if let Some(TrainError::Callback(inner)) = error.downcast_ref() {
        return known(inner.as_ref());
    }
    let remedy = |user, hint| Some(Remedy { user, hint });
    if let Some(error) = error.downcast_ref::<TrainError>() {
        return remedy(error.is_user_error(), error.hint());
    }
    if let Some(error) = error.downcast_ref::<GenerateError>() {
        return remedy(error.is_user_error(), error.hint());
    }
    if let Some(error) = error.downcast_ref::<RunError>() {
        return remedy(error.is_user_error(), error.hint());
    }
    if let Some(error) = error.downcast_ref::<FileError>() {
        return remedy(error.is_user_error(), error.hint());
    }
    if let Some(error) = error.downcast_ref::<LockError>() {
        return remedy(error.is_user_error(), error.hint());
    }
    if let Some(error) = error.downcast_ref::<FetchError>() {
        return remedy(error.is_user_error(), error.hint());
    }
    let hint = error
        .downcast_ref::<ConfigError>()
        .map(ConfigError::hint)
        .or_else(|| error.downcast_ref::<DeviceError>().map(DeviceError::hint))
        .or_else(|| error.downcast_ref::<EvalError>().map(EvalError::hint))
        .or_else(|| error.downcast_ref::<EvaluationError>().map(EvaluationError::hint))
        .or_else(|| error.downcast_ref::<ObserveError>().map(ObserveError::hint))
        .or_else(|| error.downcast_ref::<DataError>().map(DataError::hint))
        .or_else(|| error.downcast_ref::<TextError>().map(TextError::hint))
        .or_else(|| error.downcast_ref::<ModelError>().map(ModelError::hint))
        .or_else(|| error.downcast_ref::<ReportError>().map(ReportError::hint));
    hint.and_then(|hint| remedy(true, hint))
}
