//! The examples run.

#[path = "../examples/page.rs"]
mod page;

#[test]
fn page() {
    page::draw(tempfile::tempdir().unwrap().path()).unwrap();
}
