//! The head and the embedding: one matrix or two, as the configuration and the file say it.

use std::path::Path;

use super::build::Weights;
use super::names::{HEAD, Names};
use crate::config::ModelConfig;

/// Where the configuration says that the head is the embedding, what the file says of it, and a warning where that is
/// something else.
///
/// A head with numbers of its own is the one that was trained: the model is then not tied, whatever the configuration
/// says. An equal copy says nothing new, and a file with the head alone means both.
pub(crate) fn settle(
    path: &Path,
    names: &Names,
    weights: &mut Weights,
    config: ModelConfig,
) -> (ModelConfig, Option<String>) {
    if !config.tie_word_embeddings {
        return (config, None);
    }
    let Some(head) = weights.get(HEAD) else { return (config, None) };
    let Some(embedding) = weights.get(names.embedding) else {
        let head = weights.remove(HEAD).expect("it was there");
        weights.insert(names.embedding.to_owned(), head);
        return (config, None);
    };
    if head.shape == embedding.shape && head.values == embedding.values {
        weights.remove(HEAD);
        return (config, None);
    }
    let warning = format!(
        "{}: config.json ties the head to the embedding, and `{HEAD}` has other values: the head in the file is used",
        path.display()
    );
    (config.untied(), Some(warning))
}
