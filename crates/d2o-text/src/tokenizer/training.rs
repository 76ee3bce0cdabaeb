//! Making a tokenizer from texts.

use std::path::Path;

use tokenizers::models::TrainerWrapper;
use tokenizers::models::bpe::{BPE, BpeTrainer};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::{AddedToken, Tokenizer};

use super::config::tokenizer_error;
use super::text_tokenizer::TextTokenizer;
use crate::error::TextError;

/// Least vocabulary: a token for each byte.
const BYTES: usize = 256;

impl TextTokenizer {
    /// A byte-level BPE tokenizer of at most `vocab_size` tokens, trained on `texts`.
    ///
    /// `special` tokens come first, in their order; `special[0]` ends a sequence. Any text can be encoded, since
    /// every byte is a token. The same texts give the same tokenizer.
    ///
    /// # Errors
    /// [`TextError::Tokenizer`] if the vocabulary cannot hold the bytes and the special tokens.
    pub fn train<'t>(
        texts: impl IntoIterator<Item = &'t str>,
        vocab_size: usize,
        special: &[&str],
    ) -> Result<Self, TextError> {
        let path = Path::new("new tokenizer");
        let least = BYTES + special.len();
        if vocab_size < least {
            let reason = format!("a vocabulary of {vocab_size} tokens cannot hold {least} bytes and special tokens");
            return Err(tokenizer_error(path, reason));
        }
        let mut alphabet: Vec<char> = ByteLevel::alphabet().into_iter().collect();
        alphabet.sort_unstable();
        let trainer = BpeTrainer::builder()
            .vocab_size(vocab_size)
            .min_frequency(2)
            .show_progress(false)
            .special_tokens(special.iter().map(|token| AddedToken::from(*token, true)).collect())
            .initial_alphabet(alphabet.into_iter().collect())
            .build();
        let level = ByteLevel::new(false, true, true);
        let mut tokenizer = Tokenizer::new(BPE::default());
        tokenizer.with_pre_tokenizer(Some(level)).with_decoder(Some(level));
        let texts: Vec<&str> = texts.into_iter().collect();
        let wrong = |error: tokenizers::Error| tokenizer_error(path, error.to_string());
        tokenizer.train(&mut TrainerWrapper::from(trainer), texts.into_iter()).map_err(wrong)?;
        let json = tokenizer.to_string(false).map_err(wrong)?;
        let trained = Self::parse(path, json.as_bytes())?;
        let end = special.first().and_then(|token| trained.token_id(token));
        Ok(trained.with_ends(end, None))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXTS: [&str; 3] = ["the kettle sings", "the kettle boils", "the tea is ready"];

    #[test]
    fn texts_come_back_and_special_tokens_come_first() {
        let special = ["<|end|>", "<|user|>"];
        let tokenizer = TextTokenizer::train(TEXTS, 300, &special).unwrap();
        assert!(tokenizer.vocab_size() <= 300 && tokenizer.vocab_size() > 258);
        assert_eq!((tokenizer.token_id("<|end|>"), tokenizer.token_id("<|user|>")), (Some(0), Some(1)));
        assert_eq!(tokenizer.eos(), Some(0));
        for text in ["the kettle sings", "Überraschung \u{1f600}\n", ""] {
            assert_eq!(tokenizer.decode(&tokenizer.encode(text), true), text);
        }
        // " kettle" occurs twice and so became one token.
        assert_eq!(tokenizer.encode("the kettle").len(), 2);
        let again = TextTokenizer::train(TEXTS, 300, &special).unwrap();
        assert_eq!(again.fingerprint(), tokenizer.fingerprint());
    }

    #[test]
    fn a_vocabulary_below_the_bytes_is_refused() {
        let error = TextTokenizer::train(TEXTS, 256, &["<|end|>"]).err().unwrap();
        assert!(error.to_string().contains("256 tokens cannot hold 257"), "{error}");
    }
}
