//! The files that references name, and without any what can be fetched.
#![allow(clippy::print_stdout, missing_docs, reason = "an example prints what it finds")]

use d2o_fetch::{FetchError, entries, resolve_files};

pub(crate) fn main() -> Result<(), FetchError> {
    let references: Vec<String> = std::env::args().skip(1).filter(|argument| argument.contains([':', '/'])).collect();
    for reference in &references {
        for path in resolve_files(reference)? {
            println!("{}", path.display());
        }
    }
    if references.is_empty() {
        for entry in entries() {
            println!("fetch:{}: {}", entry.name, entry.about);
        }
    }
    Ok(())
}
