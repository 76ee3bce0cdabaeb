//! Prompts by reference.

use std::collections::BTreeSet;

use d2o_data::{DataError, PromptRow, load_prompts};
use d2o_text::Encoder;

use crate::config::builtin;

/// The prompts of a file, `fetch:NAME` or `builtin:NAME`.
///
/// # Errors
/// References that cannot be found or fetched, rows that cannot be read.
pub fn prompts(reference: &str) -> anyhow::Result<Vec<PromptRow>> {
    // Hearth's texts are files that follow from its grammar.
    if let Some(name) = reference.strip_prefix("builtin:").filter(|name| !name.starts_with("hearth/")) {
        return Ok(builtin::prompts(builtin::text(name)?)?);
    }
    let mut rows = Vec::new();
    for file in d2o_fetch::resolve_files(reference)? {
        rows.extend(load_prompts(&file)?);
    }
    Ok(rows)
}

/// Whether a model can be asked all of them, before it is asked the first.
///
/// # Errors
/// [`DataError::Unframed`] naming the first row that it cannot be asked.
pub fn framed(rows: &[PromptRow], encoder: &Encoder) -> Result<(), DataError> {
    rows.iter().try_for_each(|row| row.ids(encoder).map(drop))
}

/// `limit` rows at even distances, so that a file sorted by topic is not cut to its first topics; 0 takes all.
pub fn spread<T>(rows: Vec<T>, limit: usize) -> Vec<T> {
    if limit == 0 || rows.len() <= limit {
        return rows;
    }
    let total = rows.len();
    let chosen: BTreeSet<usize> = (0..limit).map(|index| index * total / limit).collect();
    rows.into_iter().enumerate().filter(|(index, _)| chosen.contains(index)).map(|(_, row)| row).collect()
}
