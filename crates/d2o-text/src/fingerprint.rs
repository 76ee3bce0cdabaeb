//! Digests by which a stored result knows what it was made from.

use d2o_record::digest::hex;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// A SHA-256 over parts, each with its length or its end, so that no two lists of parts collide.
#[derive(Default)]
pub(crate) struct Fingerprint(Sha256);

impl Fingerprint {
    pub(crate) fn text(mut self, text: &str) -> Self {
        self.0.update((text.len() as u64).to_le_bytes());
        self.0.update(text);
        self
    }

    /// A JSON value, whatever the order of its keys.
    pub(crate) fn json(self, value: &Value) -> Self {
        match value {
            Value::Object(fields) => {
                let mut fields: Vec<(&String, &Value)> = fields.iter().collect();
                fields.sort_unstable_by_key(|(key, _)| *key);
                let count = format!("object {}", fields.len());
                fields.into_iter().fold(self.text(&count), |digest, (key, value)| digest.text(key).json(value))
            }
            Value::Array(items) => items.iter().fold(self.text(&format!("list {}", items.len())), Self::json),
            other => self.text(&other.to_string()),
        }
    }

    /// The digest in hexadecimal.
    pub(crate) fn finish(self) -> String {
        hex(&self.0.finalize())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn parts_do_not_run_into_each_other() {
        let one = Fingerprint::default().text("ab").text("c").finish();
        let other = Fingerprint::default().text("a").text("bc").finish();
        assert_ne!(one, other);
    }

    #[test]
    fn the_order_of_keys_does_not_count_and_the_order_of_items_does() {
        let digest = |value: Value| Fingerprint::default().json(&value).finish();
        assert_eq!(digest(json!({"a": 1, "b": [2, 3]})), digest(json!({"b": [2, 3], "a": 1})));
        assert_ne!(digest(json!([2, 3])), digest(json!([3, 2])));
        assert_ne!(digest(json!([[1], 2])), digest(json!([[1, 2]])));
    }
}
