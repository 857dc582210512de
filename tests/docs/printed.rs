//! What the pages print of commands that print the same each time, on any machine
//! and without root: every block of `console`. With UPDATE_DOCS=1 they are printed
//! anew (`UPDATE_DOCS=1 cargo xtask test docs::printed`).

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};

use super::{BLOCK, Experiment, experiments, perform};
use crate::harness::skip::skip;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// Pages whose blocks are experiments, for root and with patience.
const ELSEWHERE: [&str; 2] = ["kernel-zap.md", "kernel-beliefs.md"];

fn pages() -> anyhow::Result<Vec<PathBuf>> {
    let mut pages = vec![Path::new(ROOT).join("README.md")];
    for entry in fs::read_dir(Path::new(ROOT).join("docs"))? {
        let path = entry?.path();
        let is_ours = !ELSEWHERE.iter().any(|page| path.ends_with(page));
        if path.extension().is_some_and(|it| it == "md") && is_ours {
            pages.push(path);
        }
    }
    pages.sort();
    Ok(pages)
}

#[test]
fn every_page_prints_what_is_printed() -> anyhow::Result<()> {
    if !Path::new(ROOT).join("docs").is_dir() {
        skip("no documents here");
        return Ok(());
    }
    let mut count = 0;
    for page in pages()? {
        let text = fs::read_to_string(&page)?;
        let wanted = experiments(&text);
        count += wanted.len();
        let printed = perform(&wanted, Path::new(ROOT))?;
        ensure!(
            printed.len() == wanted.len(),
            "{}: {printed:?}",
            page.display()
        );
        if std::env::var_os("UPDATE_DOCS").is_some_and(|value| value == "1") {
            let new = with_printed(&text, &printed).context("as many blocks as before")?;
            fs::write(&page, new)?;
            continue;
        }
        for (Experiment { command, prints }, got) in wanted.iter().zip(&printed) {
            let page = page.display();
            ensure!(
                got == prints,
                "{page}: $ {command}\nwant {prints:?}\ngot  {got:?}\nUPDATE_DOCS=1 cargo xtask test docs::printed"
            );
        }
    }
    ensure!(
        count >= 5,
        "only {count} commands are held to what they print"
    );
    Ok(())
}

/// The page with these below its commands.
fn with_printed(text: &str, printed: &[String]) -> Option<String> {
    let mut printed = printed.iter();
    let mut blocks = text.split(BLOCK);
    let mut new = blocks.next()?.to_owned();
    for block in blocks {
        let (inside, after) = block.split_once("\n```")?;
        let mut lines = String::new();
        for command in inside.lines().filter(|line| line.starts_with("$ ")) {
            lines += &format!("{command}\n{}", printed.next()?);
        }
        new += &format!("{BLOCK}{}\n```{after}", lines.trim_end());
    }
    Some(new)
}

#[test]
fn a_block_is_printed_anew() {
    let page = "text\n```console\n$ one\nold\n$ two\n```\nmore\n";
    let printed = ["new\n".to_owned(), "2\n".to_owned()];
    let want = "text\n```console\n$ one\nnew\n$ two\n2\n```\nmore\n";
    assert_eq!(with_printed(page, &printed).as_deref(), Some(want));
}
