//! Bytes as files, for readers that open a path.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread_local;

use tempfile::TempDir;

/// Where temporary directories go: memory, where the system has such a place.
fn parent() -> PathBuf {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { memory.to_path_buf() } else { std::env::temp_dir() }
}

thread_local! {
    static DIR: TempDir = tempfile::tempdir_in(parent()).expect("a temporary directory");
}

/// Calls `read` with an empty directory.
pub(crate) fn in_directory(read: impl FnOnce(&Path)) {
    DIR.with(|dir| {
        for entry in fs::read_dir(dir).expect("the directory is there").flatten() {
            let path = entry.path();
            let removed = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
            removed.expect("what was written can be removed");
        }
        read(dir.path());
    });
}

/// Calls `read` with a file of these bytes.
pub(crate) fn with_file(name: &str, bytes: &[u8], read: impl FnOnce(&Path)) {
    in_directory(|dir| {
        write(dir, name, bytes);
        read(&dir.join(name));
    });
}

/// Writes a file below `dir`, whose directories are made.
pub(crate) fn write(dir: &Path, name: &str, bytes: &[u8]) {
    let path = dir.join(name);
    fs::create_dir_all(path.parent().unwrap_or(dir)).expect("a directory can be made");
    fs::write(path, bytes).expect("a file can be written");
}

/// Cuts the bytes in `N` parts at the separator; parts that are missing are empty.
///
/// One input of libFuzzer then is several files.
pub(crate) fn parts<const N: usize>(data: &[u8]) -> [&[u8]; N] {
    let mut parts = [&data[..0]; N];
    let mut rest = data;
    for (index, part) in parts.iter_mut().enumerate() {
        let end = rest.windows(SEPARATOR.len()).position(|window| window == SEPARATOR);
        match end.filter(|_| index + 1 < N) {
            Some(end) => (*part, rest) = (&rest[..end], &rest[end + SEPARATOR.len()..]),
            None => {
                *part = rest;
                rest = &[];
            }
        }
    }
    parts
}

/// What stands between two files of one input.
pub const SEPARATOR: &[u8] = b"\n====\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_input_is_cut_at_the_separators() {
        assert_eq!(parts::<3>(b"a\n====\nb\n====\nc\n====\nd"), [&b"a"[..], b"b", b"c\n====\nd"]);
        assert_eq!(parts::<3>(b"a\n====\n"), [&b"a"[..], b"", b""]);
    }
}
