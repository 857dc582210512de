//! `docs/troubleshooting.md`: the pages that errors name, and the errors held to
//! the source.

use std::path::Path;

use super::{cell, hold};
use crate::trouble::ALL;

fn list() -> String {
    let mut text = String::from("| page | what is the matter |\n|---|---|\n");
    for entry in ALL {
        text += &format!("| [`{0}`](#{0}) | {1} |\n", entry.id, cell(entry.title));
    }
    text
}

fn pages() -> String {
    let pages = ALL.iter().map(|entry| {
        let mut text = format!("### {}\n\n**{}.**\n\n", entry.id, entry.title);
        if !entry.said.is_empty() {
            text += &format!("```text\n{}\n```\n\n", entry.said.join("\n"));
        }
        text += &format!("{}\n\n", entry.why);
        for (index, step) in entry.steps.iter().enumerate() {
            text += &format!("{}. {step}\n", index + 1);
        }
        text.push('\n');
        text
    });
    pages.collect()
}

#[test]
fn the_page_of_troubles_is_that_of_the_code() {
    let test = "docs::troubles";
    hold("troubleshooting.md", "the list", test, &list());
    hold("troubleshooting.md", "the pages", test, &pages());
}

/// The source of every file below, with literals that are broken over lines made
/// whole.
fn source(dir: &Path, into: &mut String) {
    for entry in std::fs::read_dir(dir).expect("the source is there") {
        let path = entry.expect("it can be listed").path();
        if path.ends_with("trouble") || path.ends_with("docs") {
            continue;
        }
        if path.is_dir() {
            source(&path, into);
        } else if path.extension().is_some_and(|ext| ext == "rs") {
            let text = std::fs::read_to_string(&path).expect("it can be read");
            let mut is_broken = false;
            for line in text.lines() {
                let line = if is_broken { line.trim_start() } else { line };
                is_broken = line.ends_with('\\');
                into.push_str(line.trim_end_matches('\\'));
                if !is_broken {
                    into.push('\n');
                }
            }
        }
    }
}

#[test]
fn what_the_pages_quote_is_what_the_program_says() {
    let mut text = String::new();
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    source(&src, &mut text);
    for entry in ALL {
        for said in entry.said {
            let pieces = said.split("...").map(str::trim);
            for piece in pieces.filter(|piece| piece.len() > 2) {
                assert!(text.contains(piece), "{}: nothing says {piece:?}", entry.id);
            }
        }
    }
}

#[test]
fn the_pages_of_troubles_read_well() {
    for entry in ALL {
        assert!(
            entry
                .id
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b == b'-')
        );
        assert!(!entry.title.ends_with('.') && entry.why.ends_with('.'));
        assert!(!entry.steps.is_empty(), "{}", entry.id);
        for step in entry.steps {
            // A sentence, or a command at its end, for people to copy.
            assert!(step.ends_with(['.', '`', ')', '"']), "{}: {step}", entry.id);
            assert_eq!(step.matches('`').count() % 2, 0, "{}: {step}", entry.id);
            // What it says to look up is there to be looked up.
            for word in step.split("sigwhy explain ").skip(1) {
                let word: String = word
                    .chars()
                    .take_while(|c| c.is_ascii_lowercase() || *c == '-')
                    .collect();
                assert!(crate::trouble::Trouble::find(&word).is_some(), "{word:?}");
            }
        }
    }
}
