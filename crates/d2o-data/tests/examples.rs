//! The example runs and finds what its rows hold.

use d2o_data::LintKind;

#[allow(dead_code, reason = "its main is the example's")]
#[path = "../examples/load.rs"]
mod load;

#[test]
fn the_example_finds_its_rows() {
    let path = load::write_rows().unwrap();
    let dataset = load::load(&path).unwrap();
    std::fs::remove_file(path).unwrap();
    let summary = &dataset.summary;
    assert_eq!((summary.rows, summary.duplicates, summary.train + summary.held_out), (5, 1, 4));
    assert_eq!(dataset.lint.count(LintKind::Duplicate), 0, "they are dropped before");
    let ids: Vec<&str> = dataset.train.iter().chain(&dataset.held_out).map(|row| row.id.as_str()).collect();
    assert!(["soup", "film", "walk", "tea"].iter().all(|id| ids.contains(id)), "{ids:?}");
}
