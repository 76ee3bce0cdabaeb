//! From what a person writes to the files that are meant.

use std::fs;
use std::path::{Path, PathBuf};

use super::{embedded, hub, wildcard};
use crate::cache::{Environment, cache_dir};
use crate::error::{FetchError, at};

/// What begins the name of something compiled in.
const BUILTIN: &str = "builtin:";

/// Resolves references, given a way to fetch entries by name and an environment.
pub(super) struct Resolver<'a> {
    /// All files of an entry.
    pub fetch: &'a mut dyn FnMut(&str) -> Result<Vec<PathBuf>, FetchError>,
    /// Reads an environment variable.
    pub environment: &'a dyn Fn(&str) -> Environment,
}

impl Resolver<'_> {
    /// One model: a directory or a file.
    pub(super) fn model(&mut self, reference: &str) -> Result<PathBuf, FetchError> {
        if let Some(name) = reference.strip_prefix("hub:") {
            return hub::model(&hub::root(self.environment)?, name);
        }
        if let Some(name) = reference.strip_prefix(BUILTIN) {
            return embedded::model(name, &cache_dir(self.environment)?);
        }
        if let Some(rest) = reference.strip_prefix("fetch:") {
            let mut files = self.entry_files(reference, rest)?;
            return match files.len() {
                1 => Ok(files.remove(0)),
                count => Err(FetchError::NotOneModel { reference: reference.to_owned(), count }),
            };
        }
        existing(reference)
    }

    /// Data files, sorted.
    pub(super) fn files(&mut self, reference: &str) -> Result<Vec<PathBuf>, FetchError> {
        if reference.starts_with("hub:") {
            let reason = "`hub:` names models, not data";
            return Err(FetchError::Malformed { reference: reference.to_owned(), reason });
        }
        if let Some(name) = reference.strip_prefix(BUILTIN) {
            return Ok(vec![embedded::file(name, &cache_dir(self.environment)?)?]);
        }
        let mut files = match reference.strip_prefix("fetch:") {
            Some(rest) => self.entry_files(reference, rest)?,
            None => local_files(reference)?,
        };
        files.sort();
        Ok(files)
    }

    fn entry_files(&mut self, reference: &str, rest: &str) -> Result<Vec<PathBuf>, FetchError> {
        let (name, pattern) = rest.split_once('/').unwrap_or((rest, "*"));
        if name.is_empty() || pattern.is_empty() || pattern.contains('/') {
            let reason = "expected fetch:NAME or fetch:NAME/GLOB";
            return Err(FetchError::Malformed { reference: reference.to_owned(), reason });
        }
        fitting(reference, pattern, (self.fetch)(name)?)
    }
}

fn existing(reference: &str) -> Result<PathBuf, FetchError> {
    let path = PathBuf::from(reference);
    if reference.is_empty() {
        return Err(FetchError::Malformed { reference: String::new(), reason: "it is empty" });
    }
    if path.exists() { Ok(path) } else { Err(FetchError::NotFound { path }) }
}

/// The file at a path, or those that fit a pattern in its last part; a file called like the pattern wins.
fn local_files(reference: &str) -> Result<Vec<PathBuf>, FetchError> {
    let path = Path::new(reference);
    let last = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    if path.exists() || !wildcard::is_pattern(last) {
        let path = existing(reference)?;
        return if path.is_dir() { Err(FetchError::NotAFile { path }) } else { Ok(vec![path]) };
    }
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !parent.is_dir() {
        return Err(FetchError::NotFound { path: parent.to_path_buf() });
    }
    let mut files = Vec::new();
    for item in at(parent, fs::read_dir(parent))? {
        // `path.with_file_name` keeps the user's own way of writing the directory.
        let file = path.with_file_name(at(parent, item)?.file_name());
        if file.is_file() {
            files.push(file);
        }
    }
    fitting(reference, last, files)
}

fn fitting(reference: &str, pattern: &str, files: Vec<PathBuf>) -> Result<Vec<PathBuf>, FetchError> {
    let name = |file: &PathBuf| file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    // As in a shell, a leading star does not reach hidden files.
    let fits = |name: &str| wildcard::fits(pattern, name) && (pattern.starts_with('.') || !name.starts_with('.'));
    let chosen: Vec<PathBuf> = files.iter().filter(|file| fits(&name(file))).cloned().collect();
    if chosen.is_empty() {
        let mut candidates: Vec<String> = files.iter().map(name).collect();
        candidates.sort();
        return Err(FetchError::NoMatch { reference: reference.to_owned(), candidates });
    }
    Ok(chosen)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An entry `two` of two files and `one` of one; no environment.
    fn resolver() -> impl FnMut(&str) -> Result<Vec<PathBuf>, FetchError> {
        |name| match name {
            "two" => Ok(vec!["c/two/b.csv".into(), "c/two/a.csv".into()]),
            "one" => Ok(vec!["c/one/m.gguf".into()]),
            _ => Err(FetchError::UnknownEntry { name: name.to_owned(), nearest: None }),
        }
    }

    fn files(reference: &str) -> Result<Vec<PathBuf>, FetchError> {
        Resolver { fetch: &mut resolver(), environment: &|_| None }.files(reference)
    }

    fn model(reference: &str) -> Result<PathBuf, FetchError> {
        Resolver { fetch: &mut resolver(), environment: &|_| None }.model(reference)
    }

    #[test]
    fn entries_and_their_files() {
        assert_eq!(files("fetch:two").unwrap(), [PathBuf::from("c/two/a.csv"), "c/two/b.csv".into()]);
        assert_eq!(files("fetch:two/b*").unwrap(), [PathBuf::from("c/two/b.csv")]);
        let error = files("fetch:two/x*").unwrap_err();
        assert_eq!(error.to_string(), "reference `fetch:two/x*` fits no file");
        assert_eq!(error.hint().unwrap(), "there are: a.csv, b.csv");
        assert!(matches!(files("fetch:three"), Err(FetchError::UnknownEntry { .. })));
        for reference in ["fetch:", "fetch:/a", "fetch:two/", "fetch:two/a/b", "hub:a/b"] {
            assert!(matches!(files(reference), Err(FetchError::Malformed { .. })), "{reference}");
        }
    }

    #[test]
    fn a_model_is_one_thing() {
        assert_eq!(model("fetch:one").unwrap(), Path::new("c/one/m.gguf"));
        assert_eq!(model("fetch:two/a.csv").unwrap(), Path::new("c/two/a.csv"));
        assert!(matches!(model("fetch:two"), Err(FetchError::NotOneModel { count: 2, .. })));
        assert!(matches!(model("hub:a/b"), Err(FetchError::NoCacheDir { .. })));
        assert!(matches!(model(""), Err(FetchError::Malformed { .. })));
        let error = model("no/such/model").unwrap_err();
        assert_eq!(error.to_string(), "no/such/model: no such file or directory");
        assert!(error.is_user_error());
    }

    #[test]
    fn paths_and_patterns() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["b.jsonl", "a.jsonl", ".hidden.jsonl", "c.txt"] {
            fs::write(dir.path().join(name), "").unwrap();
        }
        fs::create_dir(dir.path().join("d.jsonl")).unwrap();
        let reference = |name: &str| dir.path().join(name).display().to_string();
        assert_eq!(files(&reference("c.txt")).unwrap(), [dir.path().join("c.txt")]);
        assert_eq!(files(&reference("*.jsonl")).unwrap(), [dir.path().join("a.jsonl"), dir.path().join("b.jsonl")]);
        assert_eq!(model(&reference("d.jsonl")).unwrap(), dir.path().join("d.jsonl"));
        assert!(matches!(files(&reference("d.jsonl")), Err(FetchError::NotAFile { .. })));
        assert!(matches!(files(&reference("*.csv")), Err(FetchError::NoMatch { .. })));
        assert!(matches!(files(&reference("none/*.csv")), Err(FetchError::NotFound { .. })));
        assert!(matches!(files(&reference("none.csv")), Err(FetchError::NotFound { .. })));
    }
}
