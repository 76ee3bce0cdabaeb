//! Fetching from wheels that the tests make themselves; nothing here touches the network.

use std::cell::Cell;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::cache::{Fetcher, Notice, cache_dir};
use crate::error::FetchError;
use crate::manifest::{Entry, FileRecord};

const TABLE: &[u8] = b"name,score\nrain,0.25\n";
const NOTE: &[u8] = b"a note that belongs to another entry";

fn record(path: &str, content: &[u8]) -> FileRecord {
    let sha256 = Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect();
    FileRecord { path: path.to_owned(), bytes: content.len() as u64, sha256 }
}

fn entry(name: &str, file: FileRecord) -> Entry {
    let text = |text: &str| text.to_owned();
    Entry {
        name: text(name),
        about: text("made for a test"),
        package: text("weather"),
        version: text("1.0"),
        licence: text("MIT"),
        source: text("here"),
        files: vec![file],
    }
}

fn entries() -> Vec<Entry> {
    vec![entry("table", record("weather/table.csv", TABLE)), entry("note", record("weather/note.txt", NOTE))]
}

fn wheel(path: &Path, members: &[(&str, &[u8])]) {
    let mut writer = ZipWriter::new(File::create(path).unwrap());
    for (name, content) in members {
        writer.start_file(*name, SimpleFileOptions::default()).unwrap();
        writer.write_all(content).unwrap();
    }
    writer.finish().unwrap();
}

/// A cache, a shop that sells one wheel, and a count of purchases.
struct World {
    root: tempfile::TempDir,
    table: &'static [u8],
    purchases: Cell<usize>,
}

impl World {
    fn new(table: &'static [u8]) -> Self {
        Self { root: tempfile::tempdir().unwrap(), table, purchases: Cell::new(0) }
    }

    fn fetch(&self, name: &str) -> (Result<Vec<PathBuf>, FetchError>, Vec<Notice>) {
        let download = |_: &Entry, dir: &Path| {
            let path = dir.join("weather-1.0-py3-none-any.whl");
            wheel(
                &path,
                &[("weather/table.csv", self.table), ("weather/note.txt", NOTE), ("weather/__init__.py", b"")],
            );
            self.purchases.set(self.purchases.get() + 1);
            Ok(path)
        };
        let mut notices = Vec::new();
        let fetcher = Fetcher { root: self.root.path(), entries: &entries(), download: &download };
        let result = fetcher.fetch(name, &mut |notice| notices.push(notice.clone()));
        (result, notices)
    }

    fn dir(&self) -> PathBuf {
        self.root.path().join("fetch/weather-1.0")
    }
}

fn downloading() -> Notice {
    Notice::Downloading { package: "weather".to_owned(), version: "1.0".to_owned() }
}

#[test]
fn one_download_serves_all_entries_of_a_wheel_and_later_calls() {
    let world = World::new(TABLE);
    let (files, notices) = world.fetch("table");
    assert_eq!(files.unwrap(), [world.dir().join("weather/table.csv")]);
    assert_eq!(notices, [downloading()]);
    assert_eq!(fs::read(world.dir().join("weather/table.csv")).unwrap(), TABLE);
    let (files, notices) = world.fetch("note");
    assert_eq!(fs::read(&files.unwrap()[0]).unwrap(), NOTE);
    assert!(notices.is_empty());
    assert_eq!(world.purchases.get(), 1);
    // Neither the wheel nor files that no entry names are kept.
    assert!(!world.dir().join(".wheel").exists());
    assert!(!world.dir().join("weather/__init__.py").exists());
}

#[test]
fn a_damaged_file_is_reported_and_fetched_again() {
    let world = World::new(TABLE);
    world.fetch("table").0.unwrap();
    let path = world.dir().join("weather/table.csv");
    // Same length with another content, then cut off.
    let mut other = TABLE.to_vec();
    other[0] ^= 1;
    for (purchases, damaged) in [(2, &other[..]), (3, &TABLE[..5])] {
        fs::write(&path, damaged).unwrap();
        let (result, notices) = world.fetch("table");
        result.unwrap();
        assert_eq!(notices, [Notice::Damaged { path: path.clone() }, downloading()]);
        assert_eq!(fs::read(&path).unwrap(), TABLE);
        assert_eq!(world.purchases.get(), purchases);
    }
}

#[test]
fn another_content_than_promised_is_refused() {
    for wrong in [&b"name,score\nrain,0.75\n"[..], b"short", b"much longer than the table that was promised"] {
        let world = World::new(wrong);
        let error = world.fetch("table").0.unwrap_err();
        assert!(matches!(&error, FetchError::Mismatch { .. }), "{error}");
        assert!(error.to_string().contains("table.csv: expected 21 bytes with SHA-256 "), "{error}");
        assert!(!error.is_user_error());
        // Nothing with a promised name is left, nor anything aside.
        let left = fs::read_dir(world.dir().join("weather")).unwrap().count();
        assert_eq!(left, 0);
    }
}

#[test]
fn a_wheel_from_an_interrupted_fetch_is_used() {
    let world = World::new(TABLE);
    let kept = world.dir().join(".wheel");
    fs::create_dir_all(&kept).unwrap();
    wheel(&kept.join("weather.whl"), &[("weather/table.csv", TABLE), ("weather/note.txt", NOTE)]);
    world.fetch("table").0.unwrap();
    assert_eq!(world.purchases.get(), 0);
    assert!(!kept.exists());
}

#[test]
fn a_truncated_wheel_is_had_again() {
    let world = World::new(TABLE);
    let kept = world.dir().join(".wheel");
    fs::create_dir_all(&kept).unwrap();
    let path = kept.join("weather.whl");
    wheel(&path, &[("weather/table.csv", TABLE), ("weather/note.txt", NOTE)]);
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    world.fetch("table").0.unwrap();
    assert_eq!(world.purchases.get(), 1);
    assert_eq!(fs::read(world.dir().join("weather/table.csv")).unwrap(), TABLE);
}

#[test]
fn a_wheel_without_the_file_is_named() {
    let root = tempfile::tempdir().unwrap();
    let download = |_: &Entry, dir: &Path| {
        let path = dir.join("empty.whl");
        wheel(&path, &[]);
        Ok(path)
    };
    let fetcher = Fetcher { root: root.path(), entries: &entries(), download: &download };
    let error = fetcher.fetch("table", &mut |_| ()).unwrap_err();
    assert!(matches!(&error, FetchError::Wheel { member, .. } if member == "weather/table.csv"), "{error}");
}

#[test]
fn a_failed_download_is_passed_on_and_leaves_the_cache_usable() {
    let world = World::new(TABLE);
    let download = |entry: &Entry, _: &Path| {
        Err(FetchError::Download {
            package: entry.package.clone(),
            version: entry.version.clone(),
            detail: "no route".to_owned(),
        })
    };
    let fetcher = Fetcher { root: world.root.path(), entries: &entries(), download: &download };
    let error = fetcher.fetch("table", &mut |_| ()).unwrap_err();
    assert_eq!(error.to_string(), "downloading weather 1.0 failed: no route");
    assert!(error.hint().unwrap().contains("pip download --no-deps weather==1.0"));
    world.fetch("table").0.unwrap();
}

#[test]
fn two_processes_do_not_download_at_once() {
    let world = World::new(TABLE);
    fs::create_dir_all(world.dir()).unwrap();
    let path = world.dir().join(".lock");
    let lock = File::create(&path).unwrap();
    lock.lock().unwrap();
    // Whoever waits says so first; that is when the other one lets go.
    let holder = Cell::new(Some(lock));
    let download = |_: &Entry, dir: &Path| {
        let path = dir.join("weather.whl");
        wheel(&path, &[("weather/table.csv", TABLE), ("weather/note.txt", NOTE)]);
        Ok(path)
    };
    let fetcher = Fetcher { root: world.root.path(), entries: &entries(), download: &download };
    let mut notices = Vec::new();
    let fetched = fetcher.fetch("table", &mut |notice| {
        notices.push(notice.clone());
        drop(holder.take());
    });
    fetched.unwrap();
    assert_eq!(notices, [Notice::Waiting { path }, downloading()]);
}

#[test]
fn the_cache_follows_the_environment() {
    let all = [("D2O_CACHE", "/mine"), ("XDG_CACHE_HOME", "/xdg"), ("HOME", "/home")];
    for (skip, expected) in ["/mine", "/xdg/d2o", "/home/.cache/d2o"].into_iter().enumerate() {
        let set = &all[skip..];
        let environment = |name: &str| set.iter().find(|pair| pair.0 == name).map(|pair| pair.1.into());
        assert_eq!(cache_dir(&environment).unwrap(), Path::new(expected));
    }
    let error = cache_dir(&|_| None).unwrap_err();
    assert!(error.hint().unwrap().contains("D2O_CACHE"));
}

/// Everything below a directory, by name.
fn below(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(below(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

#[test]
fn a_wheel_writes_what_was_asked_for_and_nothing_elsewhere() {
    let root = tempfile::tempdir().unwrap();
    let inside = root.path().join("a/cache");
    fs::create_dir_all(&inside).unwrap();
    let download = |_: &Entry, dir: &Path| {
        let path = dir.join("weather-1.0-py3-none-any.whl");
        let mut writer = ZipWriter::new(File::create(&path).unwrap());
        let options = SimpleFileOptions::default();
        // Names that lead out, and links in the place of a directory and of the file itself.
        for name in ["../../../evil", "/tmp/evil-of-a-test", "weather/../../evil", "C:\\evil"] {
            writer.start_file(name, options).unwrap();
            writer.write_all(b"evil").unwrap();
        }
        writer.add_symlink("other", "../../..", options).unwrap();
        writer.add_symlink("weather/note.txt", "../../../../secret", options).unwrap();
        writer.start_file("weather/table.csv", options).unwrap();
        writer.write_all(TABLE).unwrap();
        writer.finish().unwrap();
        Ok(path)
    };
    fs::write(root.path().join("secret"), NOTE).unwrap();
    let table = [entry("table", record("weather/table.csv", TABLE))];
    let fetcher = Fetcher { root: &inside, entries: &table, download: &download };
    let files = fetcher.fetch("table", &mut |_| {}).unwrap();
    let lock = inside.join("fetch/weather-1.0/.lock");
    assert_eq!(below(root.path()), [lock, files[0].clone(), root.path().join("secret")]);
    // The link's text is what the member holds; it is not what was promised, and no link is made.
    let note = [entry("note", record("weather/note.txt", NOTE))];
    let fetcher = Fetcher { root: &inside, entries: &note, download: &download };
    assert!(matches!(fetcher.fetch("note", &mut |_| {}), Err(FetchError::Mismatch { .. })));
    assert!(!inside.join("fetch/weather-1.0/weather/note.txt").exists());
    assert!(!Path::new("/tmp/evil-of-a-test").exists());
}
