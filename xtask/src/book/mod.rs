//! `cargo xtask book`: the documents as a book, `docs/` to `target/book`.
//!
//! What is wrong with it fails: a warning of mdBook's, a page that no table of
//! contents names, and a link that leads nowhere, in the Markdown (as a code host
//! shows it) and in the book itself.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::args::Args;
use crate::failure::{Context as _, Result, fail};
use crate::pins;
use crate::tool::Tool;
use crate::workspace::Workspace;

mod html;
mod links;
mod markdown;

/// Its default features are for watching and serving while somebody writes.
const MDBOOK: Tool = Tool {
    name: "mdbook",
    version: pins::MDBOOK,
    features: &["search"],
    takes: "about a minute of processor time",
};

/// The command.
pub fn run(ws: &Workspace, args: &mut Args) -> Result<ExitCode> {
    args.finish()?;
    build(ws)?;
    println!("{}", ws.target.join("book/index.html").display());
    Ok(ExitCode::SUCCESS)
}

/// Builds the book and checks it.
pub fn build(ws: &Workspace) -> Result<()> {
    let mut wrong = markdown::dead_links(&ws.root)?;
    wrong.extend(left_out(&ws.root.join("docs"))?);
    none_of(&wrong, "the documents")?;

    MDBOOK.ensure(ws)?;
    let book = ws.target.join("book");
    let mut mdbook = ws.command(ws.tools().join("bin").join(MDBOOK.name));
    mdbook.arg("build").arg("--dest-dir").arg(&book);
    mdbook
        .arg(&ws.root)
        .env_remove("RUST_LOG")
        .env_remove("MDBOOK_LOG");
    let output = mdbook.output().context(|| "cannot run mdbook".to_owned())?;
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        return fail(format!("mdbook failed:\n{}", said.trim_end()));
    }
    let warnings: Vec<_> = said.lines().filter(|line| is_warning(line)).collect();
    none_of(&warnings, "mdbook")?;
    none_of(&html::dead_links(&book)?, "the book")
}

fn is_warning(line: &str) -> bool {
    line.split_whitespace()
        .take(3)
        .any(|word| matches!(word.trim_matches(['[', ']']), "WARN" | "ERROR"))
}

/// Fails with all of it, so that one run shows all there is to mend.
fn none_of(wrong: &[impl AsRef<str>], what: &str) -> Result<()> {
    if wrong.is_empty() {
        return Ok(());
    }
    let lines: Vec<_> = wrong.iter().map(AsRef::as_ref).collect();
    fail(format!("{what}:\n  {}", lines.join("\n  ")))
}

/// Pages that the table of contents does not name.
fn left_out(docs: &Path) -> Result<Vec<String>> {
    let contents = docs.join("SUMMARY.md");
    let text = read(&contents)?;
    let named: Vec<&str> = links::in_markdown(&text).collect();
    let pages = files_below(docs, "md")?;
    let names = pages.iter().filter_map(|page| page.file_name()?.to_str());
    Ok(names
        .filter(|name| *name != "SUMMARY.md" && !named.contains(name))
        .map(|name| format!("docs/{name} is not in docs/SUMMARY.md"))
        .collect())
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).context(|| format!("cannot read {}", path.display()))
}

/// Files with this extension, in order; nothing below what is built or hidden.
fn files_below(dir: &Path, extension: &str) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut dirs = vec![dir.to_owned()];
    while let Some(dir) = dirs.pop() {
        let entries = fs::read_dir(&dir).context(|| format!("cannot list {}", dir.display()))?;
        for path in entries.flatten().map(|entry| entry.path()) {
            let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
            if path.is_dir() && name != "target" && !name.starts_with('.') {
                dirs.push(path);
            } else if path.extension().is_some_and(|it| it == extension) && path.is_file() {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_is_told_from_a_title() {
        assert!(is_warning(" WARN Potential incomplete link"));
        assert!(is_warning("2026-11-23 10:00:00 [ERROR] (mdbook): no"));
        assert!(!is_warning(" INFO Book building has started"));
        assert!(!is_warning(" INFO HTML book written to `ERROR`"));
    }

    #[test]
    fn every_page_is_in_the_book() -> Result<()> {
        let root = Workspace::find()?.root;
        assert_eq!(left_out(&root.join("docs"))?, Vec::<String>::new());
        Ok(())
    }
}
