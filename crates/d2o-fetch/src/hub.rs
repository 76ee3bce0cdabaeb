//! Models in the local Hugging Face cache, put there by another tool or, with the feature `hub`, from here.
//!
//! Layout: `models--OWNER--NAME/refs/REVISION` holds a commit, `models--OWNER--NAME/snapshots/COMMIT`
//! the files.

use std::fs;
use std::path::{Path, PathBuf};

use crate::cache::{Environment, user_cache};
use crate::error::{FetchError, at};

/// `$HF_HUB_CACHE`, else `$HF_HOME/hub`, else `huggingface/hub` in the user's cache directory.
pub(super) fn root(environment: &dyn Fn(&str) -> Environment) -> Result<PathBuf, FetchError> {
    if let Some(dir) = environment("HF_HUB_CACHE") {
        return Ok(PathBuf::from(dir));
    }
    if let Some(home) = environment("HF_HOME") {
        return Ok(PathBuf::from(home).join("hub"));
    }
    Ok(user_cache(environment, "HF_HUB_CACHE")?.join("huggingface").join("hub"))
}

/// The model `OWNER/NAME[@REVISION]`: from the cache below `root`, else downloaded where that is compiled in.
pub(super) fn model(root: &Path, name: &str) -> Result<PathBuf, FetchError> {
    match resolve(root, name) {
        #[cfg(feature = "hub")]
        Err(FetchError::NotInHubCache { .. }) => {
            crate::hub_download::download(root, name)?;
            resolve(root, name)
        }
        found => found,
    }
}

/// The snapshot of `OWNER/NAME[@REVISION]` below `root`, or the one GGUF file in it if it has no
/// `config.json`.
pub(super) fn resolve(root: &Path, name: &str) -> Result<PathBuf, FetchError> {
    let (repository, revision) = name.split_once('@').unwrap_or((name, "main"));
    let malformed = |reason| FetchError::Malformed { reference: format!("hub:{name}"), reason };
    if repository.split('/').count() > 2 || !repository.split('/').all(is_plain) {
        return Err(malformed("expected OWNER/NAME"));
    }
    if !revision.split('/').all(is_plain) {
        return Err(malformed("expected a branch, tag or commit after `@`"));
    }
    let model = root.join(format!("models--{}", repository.replace('/', "--")));
    let missing = |path: PathBuf| FetchError::NotInHubCache { name: name.to_owned(), path };
    let reference = model.join("refs").join(revision);
    // A revision without a reference is a commit.
    let commit = if reference.is_file() {
        at(&reference, fs::read_to_string(&reference))?.trim().to_owned()
    } else {
        revision.to_owned()
    };
    let snapshot = model.join("snapshots").join(commit);
    if !snapshot.is_dir() {
        return Err(missing(if model.is_dir() { snapshot } else { model }));
    }
    if snapshot.join("config.json").exists() {
        return Ok(snapshot);
    }
    let mut weights = d2o_gguf::models_in(&snapshot)
        .map_err(|error| FetchError::Io { path: snapshot.clone(), source: std::io::Error::other(error) })?;
    match weights.len() {
        0 => Err(missing(snapshot.join("config.json"))),
        1 => Ok(weights.remove(0)),
        count => Err(FetchError::NotOneModel { reference: format!("hub:{name}"), count }),
    }
}

fn is_plain(part: &str) -> bool {
    let known = |character: char| character.is_ascii_alphanumeric() || "._-".contains(character);
    !part.is_empty() && !part.starts_with('.') && part.chars().all(known)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A cache with one model at two revisions, as the hub's own tools lay it out.
    fn cache() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let model = dir.path().join("models--someone--tiny-1.5");
        for (commit, file) in [("aaa111", "config.json"), ("bbb222", "tiny.gguf")] {
            fs::create_dir_all(model.join("snapshots").join(commit)).unwrap();
            fs::write(model.join("snapshots").join(commit).join(file), "{}").unwrap();
        }
        fs::create_dir_all(model.join("refs")).unwrap();
        fs::write(model.join("refs/main"), "aaa111\n").unwrap();
        fs::write(model.join("refs/quantised"), "bbb222").unwrap();
        dir
    }

    #[test]
    fn revisions_lead_to_snapshots() {
        let dir = cache();
        let snapshots = dir.path().join("models--someone--tiny-1.5/snapshots");
        assert_eq!(resolve(dir.path(), "someone/tiny-1.5").unwrap(), snapshots.join("aaa111"));
        assert_eq!(resolve(dir.path(), "someone/tiny-1.5@aaa111").unwrap(), snapshots.join("aaa111"));
        assert_eq!(resolve(dir.path(), "someone/tiny-1.5@quantised").unwrap(), snapshots.join("bbb222/tiny.gguf"));
        fs::write(snapshots.join("bbb222/other.gguf"), "").unwrap();
        assert!(matches!(
            resolve(dir.path(), "someone/tiny-1.5@bbb222"),
            Err(FetchError::NotOneModel { count: 2, .. })
        ));
    }

    #[test]
    fn what_is_not_there_is_named() {
        let dir = cache();
        let error = resolve(dir.path(), "someone/else@v1").unwrap_err();
        assert!(error.to_string().contains("models--someone--else does not exist"), "{error}");
        assert!(error.hint().unwrap().contains("`hf download someone/else`"));
        assert!(error.is_user_error());
        let error = resolve(dir.path(), "someone/tiny-1.5@ccc").unwrap_err();
        assert!(error.to_string().contains("ccc does not exist"), "{error}");
        fs::remove_file(dir.path().join("models--someone--tiny-1.5/snapshots/aaa111/config.json")).unwrap();
        let error = resolve(dir.path(), "someone/tiny-1.5").unwrap_err();
        assert!(error.to_string().contains("config.json does not exist"), "{error}");
    }

    #[test]
    fn names_cannot_leave_the_cache() {
        for name in ["../x", "a/../b", "a/b/c", "", "a/b@../x", "a b"] {
            assert!(matches!(resolve(Path::new("r"), name), Err(FetchError::Malformed { .. })), "{name}");
        }
    }

    #[test]
    fn the_more_special_variable_wins() {
        let all = [("HF_HUB_CACHE", "/hub"), ("HF_HOME", "/hf"), ("XDG_CACHE_HOME", "/xdg"), ("HOME", "/home")];
        let expected = ["/hub", "/hf/hub", "/xdg/huggingface/hub", "/home/.cache/huggingface/hub"];
        for (skip, expected) in expected.into_iter().enumerate() {
            let set = &all[skip..];
            let environment = |name: &str| set.iter().find(|pair| pair.0 == name).map(|pair| pair.1.into());
            assert_eq!(root(&environment).unwrap(), Path::new(expected));
        }
        assert!(matches!(root(&|_| None), Err(FetchError::NoCacheDir { variable: "HF_HUB_CACHE" })));
    }
}
