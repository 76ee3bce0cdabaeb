//! What an artifact was made from.

use std::collections::BTreeMap;

/// Name of the input → fingerprint.
pub type Origins = BTreeMap<String, String>;
