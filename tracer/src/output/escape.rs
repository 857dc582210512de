//! Makes foreign text safe for a terminal and honest to the eye.
//!
//! A `comm` is set by the process itself, a container's name by whoever started
//! it: either can hold an escape sequence, a line feed, or characters that hide
//! or reorder what is around them. JSON needs none of this.

use std::borrow::Cow;
use std::fmt::Write as _;

/// The text with everything that is not plainly visible replaced: `\xNN` to
/// U+00FF, `\u{..}` above. Borrows where there is nothing to replace. The
/// backslash itself stays, so the result is for reading, not for undoing.
pub fn terminal(text: &str) -> Cow<'_, str> {
    let Some(first) = text.find(is_unsafe) else {
        return Cow::Borrowed(text);
    };
    let mut safe = String::with_capacity(text.len() + 16);
    let (clean, rest) = text.split_at(first);
    safe.push_str(clean);
    for c in rest.chars() {
        if !is_unsafe(c) {
            safe.push(c);
            continue;
        }
        let value = u32::from(c);
        // Writing to a String does not fail.
        let _ = if value <= 0xff {
            write!(safe, "\\x{value:02x}")
        } else {
            write!(safe, "\\u{{{value:x}}}")
        };
    }
    Cow::Owned(safe)
}

/// Whether a character is shown by its number.
fn is_unsafe(c: char) -> bool {
    match c {
        ' '..='~' => false,
        _ if c.is_ascii() => true,
        _ => looks_empty(c) || is_unprintable(c),
    }
}

/// Not printable by Unicode: control, format (bidi overrides and zero-width
/// characters are there), private use, unassigned, and every space but the
/// plain one. The standard library has the table, but shows it only through
/// `escape_debug`, which takes a combining mark at the start of a text for
/// unprintable: hence the letter before it.
fn is_unprintable(c: char) -> bool {
    let mut pair = [0; 5];
    pair[0] = b'a';
    let end = 1 + c.encode_utf8(&mut pair[1..]).len();
    match std::str::from_utf8(&pair[..end]) {
        Ok(pair) => pair.escape_debug().nth(1) == Some('\\'),
        Err(_) => true,
    }
}

/// Printable by Unicode, and yet nothing to be seen: joiners, fillers, blanks,
/// variation selectors.
fn looks_empty(c: char) -> bool {
    matches!(
        c,
        '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{ffa0}'
            | '\u{e0100}'..='\u{e01ef}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_is_borrowed() {
        for text in [
            "",
            "init.sh",
            "a b\\c",
            "Ü 日本 नमस्ते",
            "e\u{301}",
            "\u{301}",
            "🦀",
        ] {
            assert!(
                matches!(terminal(text), Cow::Borrowed(same) if same == text),
                "{text:?}"
            );
        }
    }

    #[test]
    fn what_moves_the_cursor_is_shown_by_its_number() {
        assert_eq!(
            terminal("\x1b[2J\x1b]0;pwned\x07"),
            "\\x1b[2J\\x1b]0;pwned\\x07"
        );
        assert_eq!(
            terminal("a\nb\r\tc\x7f\u{9b}"),
            "a\\x0ab\\x0d\\x09c\\x7f\\x9b"
        );
    }

    #[test]
    fn what_hides_or_reorders_is_shown_by_its_number() {
        let bidi = ('\u{202a}'..='\u{202e}').chain('\u{2066}'..='\u{2069}');
        let invisible = [
            '\u{a0}',
            '\u{ad}',
            '\u{34f}',
            '\u{61c}',
            '\u{200b}',
            '\u{200c}',
            '\u{200d}',
            '\u{200e}',
            '\u{200f}',
            '\u{2028}',
            '\u{2029}',
            '\u{2060}',
            '\u{2800}',
            '\u{3000}',
            '\u{3164}',
            '\u{fe0f}',
            '\u{feff}',
            '\u{fff9}',
            '\u{e000}',
            '\u{e0041}',
            '\u{e0100}',
            '\u{10ffff}',
        ];
        for c in bidi.chain(invisible) {
            let safe = terminal(&format!("a{c}b")).into_owned();
            assert!(
                safe.is_ascii() && safe.starts_with("a\\"),
                "{c:?}: {safe:?}"
            );
        }
        assert_eq!(terminal("txt\u{202e}exe"), "txt\\u{202e}exe");
    }

    #[test]
    fn no_control_character_is_left_of_any() {
        for c in (0..=0xffff).filter_map(char::from_u32) {
            let mut text = [0; 4];
            let safe = terminal(c.encode_utf8(&mut text)).into_owned();
            assert!(!safe.contains(char::is_control), "{c:?}");
        }
    }
}
