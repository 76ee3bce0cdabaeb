//! `d2o export`: a model as a Hugging Face directory.

use d2o_model::{Dtype, save_hf};

use super::cli::{DtypeArg, ExportArgs};
use crate::base::Base;
use crate::{device, fetch};

/// Writes weights, configuration, tokenizer and template.
///
/// # Errors
/// A model that cannot be read, a directory that cannot be written.
pub fn export(args: &ExportArgs) -> anyhow::Result<()> {
    let device = device::open("flex")?;
    let base = Base::open_with_template(&fetch::resolve_model(&args.model)?, &device)?;
    let dtype = match args.dtype {
        DtypeArg::F32 => Dtype::F32,
        DtypeArg::Bf16 => Dtype::Bf16,
        DtypeArg::F16 => Dtype::F16,
    };
    let shard_bytes = (args.shard_mib > 0).then_some(args.shard_mib << 20);
    save_hf(&base.model, &args.out, dtype, shard_bytes)?;
    base.encoder.save(&args.out)?;
    Ok(())
}
