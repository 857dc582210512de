//! Links: where they are in a text, and where they lead.

use std::path::{Component, Path, PathBuf};

/// The targets of the links and pictures of a Markdown text, code left out. Our own
/// documents are read, not anybody's: links are inline, and no target has a `)` or a
/// space in it.
pub fn in_markdown(text: &str) -> impl Iterator<Item = &str> {
    prose(text).flat_map(|line| {
        // Every other piece between backticks is code.
        line.split('`')
            .step_by(2)
            .flat_map(|piece| piece.split("](").skip(1))
            .filter_map(|rest| rest.split([')', ' ']).next())
    })
}

/// The lines outside of fenced blocks.
pub fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut is_code = false;
    text.lines().filter(move |line| {
        let is_fence = line.trim_start().starts_with("```");
        is_code ^= is_fence;
        !is_code && !is_fence
    })
}

/// A link that stays in the tree: the file, which is `from` itself for an anchor
/// alone, and the anchor, which may be empty. `None` where it leads elsewhere.
pub fn resolve<'a>(from: &Path, link: &'a str) -> Option<(PathBuf, &'a str)> {
    let scheme = link.split(['/', '?', '#']).next().unwrap_or_default();
    if scheme.contains(':') || link.starts_with("//") {
        return None;
    }
    let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
    let path = path.split('?').next().unwrap_or_default();
    if path.is_empty() {
        return Some((from.to_owned(), anchor));
    }
    let dir = from.parent().unwrap_or(Path::new(""));
    Some((without_dots(&dir.join(path)), anchor))
}

/// The path without `.` and `..`; no file need be there.
fn without_dots(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                plain.pop();
            }
            Component::CurDir => {}
            part => plain.push(part),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_found_outside_of_code() {
        let text = "[a](b.md) and `[no](x)`, ![p](p.png \"t\")\n```\n[no](y)\n```\n[c](#d)";
        let links: Vec<_> = in_markdown(text).collect();
        assert_eq!(links, ["b.md", "p.png", "#d"]);
    }

    #[test]
    fn links_lead_from_where_they_are() {
        let from = Path::new("/r/docs/a.md");
        let to = |link| resolve(from, link).map(|(path, anchor)| (path, anchor.to_owned()));
        let at = |path: &str, anchor: &str| Some((PathBuf::from(path), anchor.to_owned()));
        assert_eq!(to("b.md#c"), at("/r/docs/b.md", "c"));
        assert_eq!(to("../x/./y"), at("/r/x/y", ""));
        assert_eq!(to("#c"), at("/r/docs/a.md", "c"));
        assert_eq!(to("book.js?v=1"), at("/r/docs/book.js", ""));
        assert_eq!(to("https://example.org/#x"), None);
        assert_eq!(to("data:image/png;base64,x"), None);
    }
}
