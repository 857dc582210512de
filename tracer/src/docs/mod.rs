//! The parts of `docs/` that are made from the code, and held to it by tests.
//!
//! Each stands between two comments of its page, of which the first says which
//! test writes it anew: `UPDATE_DOCS=1 cargo test docs::reasons`. The rest of a page
//! is written by people and left alone. Only tests are here: nothing of it is in
//! the binary.

use std::path::{Path, PathBuf};

mod commands;
mod course;
mod json;
mod reasons;
mod troubles;

/// A page of `docs/`.
fn path(page: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../docs")
        .join(page)
}

/// Holds the part `what` of a page to `is`; with UPDATE_DOCS=1 puts it there.
/// `test` is what the comment of the page says to run.
#[track_caller]
pub fn hold(page: &str, what: &str, test: &str, is: &str) {
    let path = path(page);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|why| panic!("docs/{page}: {why}"));
    let begin = format!("<!-- {what}: UPDATE_DOCS=1 cargo test {test} -->\n");
    let end = format!("<!-- the end of {what} -->\n");
    let Some((before, (was, after))) = text
        .split_once(&begin)
        .and_then(|(before, rest)| Some((before, rest.split_once(&end)?)))
    else {
        panic!("docs/{page} has no place for {what}: {begin}...{end}");
    };
    if std::env::var_os("UPDATE_DOCS").is_some_and(|value| value == "1") {
        let new = format!("{before}{begin}{is}{end}{after}");
        std::fs::write(&path, new).expect("docs can be written");
        return;
    }
    assert!(
        was == is,
        "docs/{page} is not that of the code: run `UPDATE_DOCS=1 cargo test {test}` and look at the difference"
    );
}

/// Text for a cell of a table.
fn cell(text: &str) -> String {
    text.split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .replace('|', "\\|")
}
