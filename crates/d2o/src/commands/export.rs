//! `d2o export`: a model as a Hugging Face directory, a GGUF file, or its adapter alone.

use std::path::Path;

use d2o_generate::LanguageModel;
use d2o_model::gguf::{GgufDtype, save_gguf};
use d2o_model::{Dtype, save_hf, save_peft};

use super::warn;
use crate::commands::cli::{DtypeArg, ExportArgs, FormatArg};
use crate::commands::place::Place;
use crate::device;
use crate::error::RunError;

/// Writes the model in the form and type that are asked for.
///
/// # Errors
/// A model or an adapter that cannot be read, a type that the form does not have, an architecture or tokenizer that
/// has no form in GGUF, a place that cannot be written, holds something else or is read.
pub fn export(args: &ExportArgs) -> anyhow::Result<()> {
    let form = Form::of(args)?;
    let model = d2o_fetch::resolve_model(&args.model)?;
    let inputs: Vec<&Path> = std::iter::once(model.as_path()).chain(args.adapter.as_deref()).collect();
    let mut place = match form {
        Form::Gguf(_) => Place::gguf(&args.out, &inputs, args.force)?,
        Form::Hf(_) | Form::Peft => Place::directory(&args.out, &inputs, args.force)?,
    };
    let device = device::open(device::default_backend())?;
    let mut base = LanguageModel::open_with_template(&model, &device)?;
    if let Some(dir) = &args.adapter {
        base = base.with_adapter(dir)?;
    }
    warn(&base.warnings)?;
    match form {
        Form::Hf(dtype) => {
            let new = place.new_directory()?;
            save_hf(&base.model, new.path(), dtype, (args.shard_bytes > 0).then_some(args.shard_bytes))?;
            base.encoder.save(new.path())?;
            new.put_in_place()?;
        }
        Form::Gguf(dtype) => {
            let vocabulary = base.vocabulary()?;
            save_gguf(&base.model, place.file()?, dtype, &vocabulary, &name(&args.out))?;
        }
        Form::Peft => {
            let new = place.new_directory()?;
            save_peft(&base.model, new.path(), &args.model)?;
            new.put_in_place()?;
        }
    }
    Ok(())
}

/// What is written, with a type that it has.
enum Form {
    Hf(Dtype),
    Gguf(GgufDtype),
    Peft,
}

impl Form {
    fn of(args: &ExportArgs) -> Result<Self, RunError> {
        let refuse = |reason: &str| Err(RunError::ExportForm { path: args.out.clone(), reason: reason.to_owned() });
        let gguf = args.out.extension().is_some_and(|extension| extension == "gguf");
        match (args.format.unwrap_or(if gguf { FormatArg::Gguf } else { FormatArg::Hf }), args.dtype) {
            (FormatArg::Hf, None | Some(DtypeArg::F32)) => Ok(Self::Hf(Dtype::F32)),
            (FormatArg::Hf, Some(DtypeArg::Bf16)) => Ok(Self::Hf(Dtype::Bf16)),
            (FormatArg::Hf, Some(DtypeArg::F16)) => Ok(Self::Hf(Dtype::F16)),
            (FormatArg::Hf, Some(DtypeArg::Q8_0)) => refuse("a Hugging Face directory holds no q8_0"),
            (FormatArg::Gguf, None | Some(DtypeArg::F16)) => Ok(Self::Gguf(GgufDtype::F16)),
            (FormatArg::Gguf, Some(DtypeArg::F32)) => Ok(Self::Gguf(GgufDtype::F32)),
            (FormatArg::Gguf, Some(DtypeArg::Bf16)) => Ok(Self::Gguf(GgufDtype::Bf16)),
            (FormatArg::Gguf, Some(DtypeArg::Q8_0)) => Ok(Self::Gguf(GgufDtype::Q8_0)),
            (FormatArg::Peft, _) if args.adapter.is_none() => refuse("there is no adapter to write"),
            (FormatArg::Peft, None | Some(DtypeArg::F32)) => Ok(Self::Peft),
            (FormatArg::Peft, Some(_)) => refuse("an adapter is written in f32"),
        }
    }
}

/// What other tools show: the name of the file.
fn name(out: &Path) -> String {
    out.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}
