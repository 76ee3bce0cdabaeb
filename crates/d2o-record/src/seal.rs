//! Small JSON files that know when they are damaged: a last field `sha256` with the digest of what stands before it.
//!
//! A file without one was written before there were seals, and is taken as it is.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::digest::sha256;

/// The field's name as it stands in the text.
const FIELD: &str = "\"sha256\":";

/// Why a sealed text is not taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// It is not what was written.
    #[error("its content does not have the recorded digest")]
    Broken,
    /// It is not what is expected.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
}

/// `value`, an object with at least one field, as one line of JSON with its seal; no newline follows.
///
/// # Panics
/// If `value` is no such object, or cannot be written as JSON.
#[must_use]
pub fn line(value: &impl Serialize) -> Vec<u8> {
    sealed(&serde_json::to_string(value).expect("plain data"), ",", "")
}

/// The same over several lines.
///
/// # Panics
/// As [`line()`].
#[must_use]
pub fn pretty(value: &impl Serialize) -> Vec<u8> {
    sealed(&serde_json::to_string_pretty(value).expect("plain data"), ",\n  ", "\n")
}

fn sealed(text: &str, before: &str, behind: &str) -> Vec<u8> {
    let head = text.strip_suffix('}').map(str::trim_end).filter(|head| head.len() > 1);
    let head = head.expect("only an object with fields is sealed");
    format!("{head}{before}{FIELD} \"{}\"{behind}}}", sha256(head.as_bytes())).into_bytes()
}

/// What a text says, sealed or from before there were seals.
///
/// # Errors
/// [`SealError::Broken`] for a seal that does not fit, [`SealError::Json`] for what is not a `T`.
pub fn open<T: DeserializeOwned>(text: &[u8]) -> Result<T, SealError> {
    Ok(serde_json::from_slice(&unsealed(text)?)?)
}

/// The same, where a text without a seal is damaged, too.
///
/// # Errors
/// As [`open`].
pub fn open_sealed<T: DeserializeOwned>(text: &[u8]) -> Result<T, SealError> {
    if position(text).is_none() {
        return Err(SealError::Broken);
    }
    open(text)
}

/// The text without its seal.
fn unsealed(text: &[u8]) -> Result<Vec<u8>, SealError> {
    let Some(at) = position(text) else {
        return Ok(text.to_vec());
    };
    let head = text[..at].trim_ascii_end();
    let head = head.strip_suffix(b",").ok_or(SealError::Broken)?;
    let tail = &text[at + FIELD.len()..];
    let digest = tail.trim_ascii().strip_suffix(b"}").map(<[u8]>::trim_ascii).ok_or(SealError::Broken)?;
    if digest != format!("\"{}\"", sha256(head)).as_bytes() {
        return Err(SealError::Broken);
    }
    Ok([head, b"}"].concat())
}

/// Where the last field of that name begins.
fn position(text: &[u8]) -> Option<usize> {
    text.windows(FIELD.len()).rposition(|window| window == FIELD.as_bytes())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    type Table = BTreeMap<String, serde_json::Value>;

    fn table() -> Table {
        let nested = serde_json::json!({"b": {"c": [0.1, {"d": 1}]}, "a": "}"});
        serde_json::from_value(nested).unwrap()
    }

    #[test]
    fn what_was_written_comes_back() {
        for text in [line(&table()), pretty(&table())] {
            assert_eq!(open::<Table>(&text).unwrap(), table());
            assert_eq!(open_sealed::<Table>(&text).unwrap(), table());
            // Any other program reads it, too, and sees one field more.
            let plain: Table = serde_json::from_slice(&text).unwrap();
            assert_eq!(plain.len(), table().len() + 1);
        }
        let unsealed = serde_json::to_vec(&table()).unwrap();
        assert_eq!(open::<Table>(&unsealed).unwrap(), table());
        assert!(matches!(open_sealed::<Table>(&unsealed), Err(SealError::Broken)));
    }

    #[test]
    fn every_bit_that_turns_and_every_byte_that_is_missing_is_noticed() {
        for text in [line(&table()), pretty(&table())] {
            for index in 0..text.len() {
                for bit in 0..8 {
                    let mut turned = text.clone();
                    turned[index] ^= 1 << bit;
                    let same = open_sealed::<Table>(&turned).is_ok_and(|read| read != table());
                    assert!(!same, "{}", String::from_utf8_lossy(&turned));
                }
                assert!(open_sealed::<Table>(&text[..index]).is_err(), "{index}");
            }
        }
    }
}
