//! The command line of `d2o`: one module a command.

pub mod bench;
pub mod cli;
pub mod export;
pub mod generate;
pub mod hearth;
pub mod pretrain;
pub mod reproduce;
pub mod runs;
pub mod score;

use std::io::Write;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use burn::tensor::Device;

use self::cli::{AdapterArgs, ModelArgs};
use crate::base::Base;
use crate::config::ConfigError;
use crate::device::DeviceError;
use crate::error::TrainError;
use crate::fetch::{self, FetchError};
use crate::report::ReportError;
use d2o_eval::EvalError;
use d2o_record::{EvaluationError, FileError};

/// Set when the user asks to leave (SIGINT, SIGTERM).
static INTERRUPT: AtomicBool = AtomicBool::new(false);

/// The flag that long work looks at; the first call installs the signal handler.
pub(crate) fn interrupt() -> &'static AtomicBool {
    // A second handler is refused; the first one is then in place.
    let _ = ctrlc::set_handler(|| INTERRUPT.store(true, Ordering::Relaxed));
    &INTERRUPT
}

/// The model that the arguments name, with the adapter beside its weights or folded in.
fn open_model(args: &ModelArgs, on_top: &AdapterArgs, device: &Device) -> anyhow::Result<Base> {
    let base = Base::open(&fetch::resolve_model(&args.model)?, args.chat, device)?;
    Ok(match &on_top.adapter {
        Some(dir) if on_top.merge_adapter => base.with_adapter(dir)?.merged(),
        Some(dir) => base.with_adapter(dir)?,
        None => base,
    })
}

/// Tells the user what went wrong: the chain of reasons, a hint, and the exit code of the contract.
pub fn complain(error: &anyhow::Error, out: &mut impl Write) -> ExitCode {
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
    let Judgement { user, hint } = judge(error);
    if let Some(hint) = hint {
        let _ = writeln!(out, "hint: {hint}");
    }
    ExitCode::from(if user { 2 } else { 1 })
}

/// Refuses a flag's value that cannot be used.
///
/// # Errors
/// [`ConfigError::Value`] unless it `holds`.
pub(crate) fn demand(
    flag: &'static str,
    holds: bool,
    expected: &'static str,
    got: impl ToString,
) -> Result<(), ConfigError> {
    if holds {
        return Ok(());
    }
    Err(ConfigError::Value { at: "command line".to_owned(), field: flag, expected, got: got.to_string() })
}

struct Judgement {
    user: bool,
    hint: Option<String>,
}

fn judge(error: &anyhow::Error) -> Judgement {
    for cause in error.chain() {
        if let Some(error) = cause.downcast_ref::<TrainError>() {
            return Judgement { user: error.is_user_error(), hint: error.hint() };
        }
        if let Some(error) = cause.downcast_ref::<ConfigError>() {
            return Judgement { user: true, hint: error.hint() };
        }
        if let Some(error) = cause.downcast_ref::<FetchError>() {
            return Judgement { user: error.is_user_error(), hint: error.hint() };
        }
        if let Some(error) = cause.downcast_ref::<DeviceError>() {
            return Judgement { user: true, hint: error.hint() };
        }
        if let Some(error) = cause.downcast_ref::<FileError>() {
            return Judgement { user: error.is_user_error(), hint: error.hint() };
        }
        if let Some(error) = cause.downcast_ref::<EvaluationError>() {
            return Judgement { user: true, hint: error.hint() };
        }
        if let Some(error) = cause.downcast_ref::<EvalError>() {
            return Judgement { user: true, hint: error.hint() };
        }
        if let Some(error) = cause.downcast_ref::<d2o_data::DataError>() {
            return Judgement { user: true, hint: error.hint() };
        }
        if let Some(error) = cause.downcast_ref::<d2o_model::ModelError>() {
            return Judgement { user: true, hint: error.hint() };
        }
        if let Some(error) = cause.downcast_ref::<ReportError>() {
            return Judgement { user: true, hint: error.hint() };
        }
    }
    Judgement { user: false, hint: None }
}
