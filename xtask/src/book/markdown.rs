//! Links of the Markdown, as a code host shows it: every file is there, and in it
//! every heading.

use std::path::Path;

use super::{files_below, links, read};
use crate::failure::Result;

/// What leads nowhere, in any Markdown file below `root`.
pub fn dead_links(root: &Path) -> Result<Vec<String>> {
    let mut dead = Vec::new();
    for page in files_below(root, "md")? {
        let text = read(&page)?;
        for link in links::in_markdown(&text) {
            let Some((target, anchor)) = links::resolve(&page, link) else {
                continue;
            };
            let why = if !target.exists() {
                "no such file"
            } else if !anchor.is_empty() && !anchors(&read(&target)?).contains(&anchor.to_owned()) {
                "no such heading"
            } else {
                continue;
            };
            let from = page.strip_prefix(root).unwrap_or(&page).display();
            dead.push(format!("{from}: {link}: {why}"));
        }
    }
    Ok(dead)
}

/// The anchors of a page's headings: the second of a name has `-1`.
fn anchors(text: &str) -> Vec<String> {
    let mut plain: Vec<String> = Vec::new();
    let mut all = Vec::new();
    for line in links::prose(text) {
        let heading = line.trim_start_matches('#');
        if !heading.starts_with(' ') || heading.len() == line.len() {
            continue;
        }
        let anchor = anchor_of(heading.trim());
        let before = plain.iter().filter(|other| **other == anchor).count();
        all.push(match before {
            0 => anchor.clone(),
            count => format!("{anchor}-{count}"),
        });
        plain.push(anchor);
    }
    all
}

/// As GitHub makes it.
fn anchor_of(heading: &str) -> String {
    heading
        .to_lowercase()
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '_' | '-'))
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Workspace;

    #[test]
    fn no_link_of_the_documents_is_dead() -> Result<()> {
        let dead = dead_links(&Workspace::find()?.root)?;
        assert_eq!(dead, Vec::<String>::new());
        Ok(())
    }

    #[test]
    fn headings_have_the_anchors_that_a_code_host_gives_them() {
        let page = "# Dropped or kept: `prepare_signal()`\n```\n# no\n```\n## A, b\n## a b\n#no\n";
        let want = ["dropped-or-kept-prepare_signal", "a-b", "a-b-1"];
        assert_eq!(anchors(page), want);
    }
}
