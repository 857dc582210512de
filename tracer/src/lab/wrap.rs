//! Breaking text into lines, colours and all.

/// Characters that are seen: escape sequences for colours take no room.
pub fn width(text: &str) -> usize {
    let mut seen = 0;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c == '\x1b' {
            // CSI ... final byte, which for colours is `m`.
            for c in chars.by_ref() {
                if c.is_ascii_alphabetic() {
                    break;
                }
            }
        } else {
            seen += 1;
        }
    }
    seen
}

/// Breaks at spaces so that no line is wider than `columns`, where words allow
/// it. The first line begins with `first`, the others with `rest`. Runs of
/// spaces within a line are kept.
pub fn wrap(text: &str, columns: usize, first: &str, rest: &str) -> String {
    let mut out = String::from(first);
    let mut line = width(first);
    let mut empty = true;
    for piece in text.split_inclusive(' ') {
        let word = piece.trim_end();
        if !empty && line + width(word) > columns {
            out.truncate(out.trim_end().len());
            out.push('\n');
            out.push_str(rest);
            line = width(rest);
            empty = true;
        }
        if empty && word.is_empty() {
            continue;
        }
        out.push_str(piece);
        line += width(piece);
        empty = false;
    }
    out.truncate(out.trim_end().len());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn breaks_at_spaces_and_nowhere_else() {
        assert_eq!(wrap("one two three", 9, "", "  "), "one two\n  three");
        assert_eq!(wrap("one two", 7, "", ""), "one two");
        assert_eq!(wrap("incomprehensible", 5, "> ", ""), "> incomprehensible");
        assert_eq!(wrap("a  b   c", 80, "", ""), "a  b   c");
        assert_eq!(wrap("aaaa     bbbb", 6, "", "-"), "aaaa\n-bbbb");
    }

    #[test]
    fn colours_take_no_room() {
        let red = "\x1b[1m\x1b[31mred\x1b[0m";
        assert_eq!(width(red), 3);
        assert_eq!(
            wrap(&format!("{red} {red}"), 7, "", ""),
            format!("{red} {red}")
        );
    }
}
