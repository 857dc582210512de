//! Links of the book that was built: every file is there, and in it every anchor.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::{files_below, links, read};
use crate::failure::{Result, fail};

/// The whole book on one page, for printing: its anchors are those of many pages,
/// and its links are those of the others.
const PRINT: &str = "print.html";

/// What leads nowhere.
pub fn dead_links(book: &Path) -> Result<Vec<String>> {
    let mut pages: BTreeMap<PathBuf, String> = BTreeMap::new();
    for page in files_below(book, "html")? {
        let text = read(&page)?;
        pages.insert(page, text);
    }
    if pages.len() < 5 {
        return fail(format!("there is no book in {}", book.display()));
    }
    let anchors: BTreeMap<&PathBuf, BTreeSet<&str>> = pages
        .iter()
        .map(|(page, text)| (page, values(text, "id").collect()))
        .collect();
    let mut dead = Vec::new();
    for (page, text) in pages.iter().filter(|(page, _)| !page.ends_with(PRINT)) {
        for link in values(text, "href").chain(values(text, "src")) {
            let Some((target, anchor)) = links::resolve(page, link) else {
                continue;
            };
            let why = if !target.exists() {
                "no such file"
            } else if !anchor.is_empty()
                && anchors
                    .get(&target)
                    .is_some_and(|all| !all.contains(anchor))
            {
                "no such anchor"
            } else {
                continue;
            };
            let from = page.strip_prefix(book).unwrap_or(page).display();
            dead.push(format!("{from}: {link}: {why}"));
        }
    }
    dead.sort();
    dead.dedup();
    Ok(dead)
}

/// The values of an attribute. mdBook quotes them all, and escapes what is text.
fn values<'a>(text: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    let begin = format!(" {name}=\"");
    let mut rest = text;
    std::iter::from_fn(move || {
        let at = rest.find(&begin)? + begin.len();
        let (value, after) = rest[at..].split_once('"')?;
        rest = after;
        Some(value)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_to_nothing_are_found() -> Result<()> {
        let dir = std::env::temp_dir().join(format!("xtask-book-{}", std::process::id()));
        std::fs::create_dir_all(&dir).expect("the temporary directory is writable");
        let page = |name: &str, text: &str| {
            std::fs::write(dir.join(name), text).expect("it was just made");
        };
        page(
            "a.html",
            r##"<a href="b.html#y"> <a href="#x" id="x"> <a href="b.html#z">"##,
        );
        page(
            "b.html",
            r#"<h2 id="y"> <img src="no.png"> <a href="https://example.org">"#,
        );
        for name in ["c.html", "d.html", PRINT] {
            page(name, r#"<a href="a.html">"#);
        }
        page(PRINT, r##"<a href="#nowhere">"##);
        let dead = dead_links(&dir)?;
        std::fs::remove_dir_all(&dir).expect("it was made above");
        let want = [
            "a.html: b.html#z: no such anchor",
            "b.html: no.png: no such file",
        ];
        assert_eq!(dead, want);
        Ok(())
    }

    #[test]
    fn attributes_are_found_by_their_whole_name() {
        let text = r#"<a href="x.html#y" id="z"><img data-src="no" src="p.png">"#;
        assert_eq!(values(text, "href").collect::<Vec<_>>(), ["x.html#y"]);
        assert_eq!(values(text, "src").collect::<Vec<_>>(), ["p.png"]);
        assert_eq!(values(text, "id").collect::<Vec<_>>(), ["z"]);
    }
}
