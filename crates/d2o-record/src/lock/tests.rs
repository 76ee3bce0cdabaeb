use super::*;

/// What lies below a directory, names and bytes.
fn tree(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => {
                found.extend(tree(&path));
                found.push((path, Vec::new()));
            }
            false => found.push((path.clone(), fs::read(&path).unwrap())),
        }
    }
    found.sort();
    found
}

fn no_locks(_: &File) -> Result<(), TryLockError> {
    Err(TryLockError::Error(io::ErrorKind::Unsupported.into()))
}

fn holder(process: u32, host: &str) -> Vec<u8> {
    let command = "d2o train".to_owned();
    serde_json::to_vec(&Holder { process, host: host.to_owned(), command, since: 1_790_000_000 }).unwrap()
}

#[test]
fn a_second_one_is_refused_by_name_and_the_first_never_notices() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("some run/ü");
    let first = RunLock::directory(&run).unwrap();
    let error = RunLock::directory(&run).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("some run/ü: in use by process"), "{text}");
    assert!(text.contains(&format!("process {} on ", std::process::id())), "{text}");
    assert!(text.contains(" since 20") && text.contains(": `"), "{text}");
    assert!(error.is_user_error() && error.hint().unwrap().contains("--out"));
    drop(first);
    RunLock::directory(&run).unwrap();
}

#[test]
fn what_is_not_accepted_leaves_all_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("a/b/c");
    drop(RunLock::directory(&run).unwrap());
    assert!(tree(dir.path()).is_empty());
    let mut lock = RunLock::directory(&run).unwrap();
    lock.accept();
    drop(lock);
    assert!(run.is_dir() && tree(&run).is_empty());
    // A killed process leaves its file: in nobody's way, and as it was after a refusal.
    fs::write(run.join(NAME), holder(7, "elsewhere")).unwrap();
    let before = tree(dir.path());
    let lock = RunLock::directory(&run).unwrap();
    assert_ne!(tree(dir.path()), before);
    drop(lock);
    assert_eq!(tree(dir.path()), before);
    let mut lock = RunLock::directory(&run).unwrap();
    lock.accept();
    drop(lock);
    assert!(tree(&run).is_empty());
}

#[test]
fn of_many_at_once_one_gets_it_and_nobody_fails_otherwise() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    let inside = std::sync::atomic::AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..100 {
                    match RunLock::directory(&run) {
                        Ok(lock) => {
                            use std::sync::atomic::Ordering::SeqCst;
                            assert_eq!(inside.fetch_add(1, SeqCst), 0, "two at a time");
                            inside.fetch_sub(1, SeqCst);
                            drop(lock);
                        }
                        Err(LockError::Held { .. }) => {}
                        Err(error) => panic!("{error}"),
                    }
                }
            });
        }
    });
    // Whoever made the directory may have been refused while another one was in it.
    assert!(tree(dir.path()).iter().all(|(path, _)| *path == run));
}

#[test]
fn a_name_is_locked_by_a_file_beside_it() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("model.gguf");
    let first = RunLock::beside(&file).unwrap();
    assert!(dir.path().join(".model.gguf.lock").exists());
    let error = RunLock::beside(&file).unwrap_err();
    assert!(error.to_string().contains("model.gguf: in use by"), "{error}");
    drop(first);
    assert!(tree(dir.path()).is_empty());
}

#[test]
fn without_locks_the_written_holder_decides() {
    let dir = tempfile::tempdir().unwrap();
    let (run, host) = (dir.path().to_path_buf(), process::host());
    let path = run.join(NAME);
    let first = RunLock::take(&run, &path, no_locks).unwrap();
    assert!(first.warning().unwrap().contains("knows no locks"));
    let error = RunLock::take(&run, &path, no_locks).unwrap_err();
    assert!(matches!(error, LockError::Held { certain: false, .. }));
    assert!(error.hint().unwrap().contains("remove "), "{:?}", error.hint());
    drop(first);
    assert!(!path.exists());
    // A process that is no more, on this machine; one whose number another process has; one elsewhere, of which
    // nobody here knows; and a file that says nothing.
    let began = process::started(std::process::id()).unwrap();
    let reused = Holder { since: began - 100, ..Holder::this() };
    for (text, free) in [
        (holder(u32::MAX, &host), true),
        (serde_json::to_vec(&reused).unwrap(), true),
        (holder(u32::MAX, "elsewhere"), false),
        (b"{".to_vec(), false),
    ] {
        fs::write(&path, &text).unwrap();
        let taken = RunLock::take(&run, &path, no_locks);
        assert_eq!(taken.is_ok(), free, "{}", String::from_utf8_lossy(&text));
        drop(taken);
        assert_eq!(fs::read(&path).unwrap(), text, "neither was accepted");
    }
}

#[cfg(unix)]
#[test]
fn places_where_no_directory_can_be() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("file"), "in the way").unwrap();
    std::os::unix::fs::symlink("nowhere", dir.path().join("dangling")).unwrap();
    let before = tree_of_names(dir.path());
    for name in ["file", "file/run", "dangling", "new/../file/run"] {
        let error = RunLock::directory(&dir.path().join(name)).unwrap_err();
        assert!(error.is_user_error() && error.to_string().contains(name.rsplit('/').next().unwrap()), "{error}");
    }
    assert_eq!(tree_of_names(dir.path()), before);
}

fn tree_of_names(dir: &Path) -> Vec<PathBuf> {
    let mut names: Vec<PathBuf> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    names
}
