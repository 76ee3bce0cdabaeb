//! Numbers in JSON, which has no NaN: `#[serde(with = "d2o_record::nan_as_null")]` on a field of type `f64`.
//!
//! What is not finite is written as `null`; `null` is read back as NaN.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Writes `value`, or `null` if it is not finite.
///
/// # Errors
/// Those of the format.
pub fn serialize<S: Serializer>(value: &f64, format: S) -> Result<S::Ok, S::Error> {
    value.is_finite().then_some(value).serialize(format)
}

/// Reads a number, or NaN from `null`.
///
/// # Errors
/// Anything else than a number or `null`.
pub fn deserialize<'de, D: Deserializer<'de>>(source: D) -> Result<f64, D::Error> {
    Ok(Option::<f64>::deserialize(source)?.unwrap_or(f64::NAN))
}

/// The same for the values of a table: `#[serde(with = "d2o_record::nan_as_null::values")]` on a `BTreeMap<K, f64>`.
pub mod values {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    #[serde(transparent)]
    struct Number(#[serde(with = "super")] f64);

    /// Writes the table, with `null` for each value that is not finite.
    ///
    /// # Errors
    /// Those of the format.
    pub fn serialize<K: Serialize, S: Serializer>(table: &BTreeMap<K, f64>, format: S) -> Result<S::Ok, S::Error> {
        format.collect_map(table.iter().map(|(key, &value)| (key, Number(value))))
    }

    /// Reads a table, with NaN for each `null`.
    ///
    /// # Errors
    /// A value that is neither a number nor `null`.
    pub fn deserialize<'de, K, D>(source: D) -> Result<BTreeMap<K, f64>, D::Error>
    where
        K: Deserialize<'de> + Ord,
        D: Deserializer<'de>,
    {
        let table = BTreeMap::<K, Number>::deserialize(source)?;
        Ok(table.into_iter().map(|(key, Number(value))| (key, value)).collect())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Row {
        #[serde(with = "super")]
        one: f64,
        #[serde(with = "super::values")]
        many: BTreeMap<String, f64>,
    }

    #[test]
    fn what_is_not_finite_is_null_and_comes_back_as_nan() {
        let row = Row { one: f64::INFINITY, many: [("a".to_owned(), 0.5), ("b".to_owned(), f64::NAN)].into() };
        let json = serde_json::to_string(&row).unwrap();
        assert_eq!(json, r#"{"one":null,"many":{"a":0.5,"b":null}}"#);
        let read: Row = serde_json::from_str(&json).unwrap();
        assert!(read.one.is_nan() && read.many["b"].is_nan());
        assert_eq!(read.many["a"], 0.5);
        assert!(serde_json::from_str::<Row>(r#"{"one":"x","many":{}}"#).is_err());
    }
}
