//! `d2o export`: a model as a Hugging Face directory.

use d2o_model::save_hf;

use super::cli::ExportArgs;
use crate::base::Base;
use crate::{device, fetch};

/// Writes weights, configuration, tokenizer and template.
///
/// # Errors
/// A model that cannot be read, a directory that cannot be written.
pub fn export(args: &ExportArgs) -> anyhow::Result<()> {
    let device = device::open("flex")?;
    let base = Base::open_with_template(&fetch::resolve_model(&args.model)?, &device)?;
    let shard_bytes = (args.shard_mib > 0).then_some(args.shard_mib << 20);
    save_hf(&base.model, &args.out, args.dtype.dtype(), shard_bytes)?;
    base.encoder.save(&args.out)?;
    Ok(())
}
