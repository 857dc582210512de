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
/// spaces within a line are kept, and a number stays with the word before it
/// (`PID 1`, `init.sh 1[31150]`).
pub fn wrap(text: &str, columns: usize, first: &str, rest: &str) -> String {
    fill(words(text), columns, first, rest)
}

/// The same, but breaks where two spaces or more separate columns, as long as
/// each of them fits by itself.
pub fn wrap_cells(text: &str, columns: usize, first: &str, rest: &str) -> String {
    let room = columns.saturating_sub(width(rest));
    let pieces = cells(text).into_iter().flat_map(|cell| {
        if width(cell.trim_end()) > room {
            words(cell)
        } else {
            vec![cell]
        }
    });
    fill(pieces.collect(), columns, first, rest)
}

/// The columns of a line, each with the spaces behind it.
pub fn cells(text: &str) -> Vec<&str> {
    split(text, |before, after| {
        before.ends_with("  ") && !after.starts_with(' ')
    })
}

fn words(text: &str) -> Vec<&str> {
    split(text, |before, after| {
        before.ends_with(' ') && !after.starts_with(|c: char| c == ' ' || c.is_ascii_digit())
    })
}

/// Cuts wherever `is_cut` says so about what is before and what is after.
fn split(text: &str, is_cut: impl Fn(&str, &str) -> bool) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut begin = 0;
    for (at, _) in text.match_indices(' ') {
        let end = at + 1;
        if end < text.len() && is_cut(&text[begin..end], &text[end..]) {
            pieces.push(&text[begin..end]);
            begin = end;
        }
    }
    pieces.push(&text[begin..]);
    pieces
}

fn fill(pieces: Vec<&str>, columns: usize, first: &str, rest: &str) -> String {
    let mut out = String::from(first);
    let mut line = width(first);
    let mut empty = true;
    for piece in pieces {
        if !empty && line + width(piece.trim_end()) > columns {
            out.truncate(out.trim_end().len());
            out.push('\n');
            out.push_str(rest);
            line = width(rest);
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
        assert_eq!(wrap("", 6, "", "-"), "");
    }

    #[test]
    fn a_number_stays_with_its_word() {
        assert_eq!(wrap("to end PID 1 so", 10, "", ""), "to end\nPID 1 so");
    }

    #[test]
    fn columns_stay_whole_where_they_can() {
        let line = "12:00  box (a b)  one -> two  and on";
        assert_eq!(
            cells(line),
            ["12:00  ", "box (a b)  ", "one -> two  ", "and on"]
        );
        let broken = "12:00  box (a b)\n  one -> two\n  and on";
        assert_eq!(wrap_cells(line, 19, "", "  "), broken);
        assert_eq!(wrap_cells("x  one two", 6, "", "  "), "x  one\n  two");
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
