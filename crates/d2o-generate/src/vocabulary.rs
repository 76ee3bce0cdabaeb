//! Between the vocabulary of a GGUF file, which the model crate reads and writes, and tokenizers, which the data crate
//! knows.

use std::path::Path;

use d2o_data::{ChatTemplate, Encoder, GgufVocabulary, TextTokenizer};
use d2o_model::gguf::Vocabulary;

use crate::error::GenerateError;

/// The tokenizer and the template of a GGUF file.
pub(crate) fn from_gguf(
    path: &Path,
    vocabulary: Vocabulary,
) -> Result<(TextTokenizer, Option<ChatTemplate>), GenerateError> {
    let token = |id: Option<u32>| id.and_then(|id| vocabulary.tokens.get(id as usize)).cloned().unwrap_or_default();
    let (bos, eos) = (token(vocabulary.bos), token(vocabulary.eos));
    let template = vocabulary.chat_template.as_ref().map(|source| ChatTemplate::new(source, &bos, &eos)).transpose()?;
    let vocabulary = GgufVocabulary {
        model: vocabulary.model,
        pre: vocabulary.pre,
        tokens: vocabulary.tokens,
        token_types: vocabulary.token_types,
        merges: vocabulary.merges,
        bos: vocabulary.bos,
        eos: vocabulary.eos,
        unk: vocabulary.unk,
        pad: vocabulary.pad,
        add_bos: vocabulary.add_bos,
    };
    Ok((TextTokenizer::from_gguf(path, &vocabulary)?, template))
}

/// What a GGUF file holds of an encoder.
///
/// # Errors
/// A tokenizer that has no form there.
pub(crate) fn to_gguf(encoder: &Encoder) -> Result<Vocabulary, GenerateError> {
    let vocabulary = encoder.tokenizer().to_gguf()?;
    let eos = vocabulary.eos.unwrap_or(encoder.end_token());
    Ok(Vocabulary {
        model: vocabulary.model,
        pre: vocabulary.pre,
        tokens: vocabulary.tokens,
        token_types: vocabulary.token_types,
        merges: vocabulary.merges,
        bos: vocabulary.bos,
        eos: Some(eos),
        eot: Some(encoder.end_token()).filter(|&end| end != eos),
        unk: vocabulary.unk,
        pad: vocabulary.pad,
        add_bos: vocabulary.add_bos,
        chat_template: encoder.template().map(|template| template.source().to_owned()),
    })
}
