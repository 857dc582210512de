//! Writes HTML and SVG in which no foreign text can become markup.
//!
//! Markup is what stands in our source (`&'static str`), everything else goes
//! through [`Page::text`] or an attribute's value and is escaped there: a template
//! library would do that too, but not make visible what hides or reorders text,
//! which names of processes can hold ([`crate::output::escape`]).

use std::fmt::{self, Write as _};

use crate::output::escape::terminal;

/// A page in the making.
#[derive(Debug, Default)]
pub struct Page(String);

impl Page {
    /// Markup of ours.
    pub fn raw(&mut self, markup: &'static str) -> &mut Self {
        self.0.push_str(markup);
        self
    }

    /// Text of anybody's.
    pub fn text(&mut self, text: impl fmt::Display) -> &mut Self {
        // Writing to a String does not fail.
        let _ = write!(Escaped(&mut self.0), "{text}");
        self
    }

    /// `<name`, to which attributes are added; [`Tag::end`] closes the tag.
    pub fn tag(&mut self, name: &'static str) -> Tag<'_> {
        self.0.push('<');
        self.0.push_str(name);
        Tag(self)
    }

    /// `<name>text</name>`
    pub fn element(&mut self, name: &'static str, text: impl fmt::Display) -> &mut Self {
        self.tag(name).end().text(text).close(name)
    }

    /// `</name>`
    pub fn close(&mut self, name: &'static str) -> &mut Self {
        self.0.push_str("</");
        self.0.push_str(name);
        self.0.push('>');
        self
    }

    /// What was written, of which this page now has nothing.
    pub fn take(&mut self) -> String {
        std::mem::take(&mut self.0)
    }
}

/// A start tag that is still open.
#[derive(Debug)]
pub struct Tag<'a>(&'a mut Page);

impl<'a> Tag<'a> {
    /// An attribute with a value of anybody's.
    pub fn attr(self, name: &'static str, value: impl fmt::Display) -> Self {
        self.0.raw(" ").raw(name).raw("=\"").text(value).raw("\"");
        self
    }

    /// One without a value, where `holds`.
    pub fn flag(self, name: &'static str, holds: bool) -> Self {
        if holds {
            self.0.raw(" ").raw(name);
        }
        self
    }

    /// `>`
    pub fn end(self) -> &'a mut Page {
        self.0.raw(">")
    }

    /// `/>`, which SVG has.
    pub fn empty(self) -> &'a mut Page {
        self.0.raw("/>")
    }
}

/// Escapes for text and for attributes in double quotes.
struct Escaped<'a>(&'a mut String);

impl fmt::Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for c in terminal(text).chars() {
            match c {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                c => self.0.push(c),
            }
        }
        Ok(())
    }
}

/// A part of a width, as SVG has it: `12.5%`. Three decimals are a tenth of a
/// pixel on the widest screen.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Percent(pub f64);

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{:.3}", self.0);
        let text = text.trim_end_matches('0').trim_end_matches('.');
        write!(f, "{text}%")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Page)) -> String {
        let mut page = Page::default();
        write(&mut page);
        page.take()
    }

    #[test]
    fn nothing_foreign_is_markup() {
        let hostile = "</title><script>alert('1')</script><!-- & \" \u{2028}\u{202e}\0\x1b[2J";
        let text = written(|page| {
            page.element("td", hostile);
        });
        let safe = "&lt;/title&gt;&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&lt;!-- &amp; &quot; \
                    \\u{2028}\\u{202e}\\x00\\x1b[2J";
        assert_eq!(text, format!("<td>{safe}</td>"));
        let attribute = written(|page| {
            page.tag("a")
                .attr("title", hostile)
                .flag("hidden", true)
                .end();
        });
        assert_eq!(attribute, format!("<a title=\"{safe}\" hidden>"));
    }

    #[test]
    fn no_character_opens_a_tag_or_ends_a_value() {
        for c in (0..=0xffff).filter_map(char::from_u32) {
            let text = written(|page| {
                page.text(c);
            });
            assert!(
                !text.contains(['<', '>', '"', '\'']) && !text.contains(char::is_control),
                "{c:?}: {text}"
            );
        }
    }

    #[test]
    fn parts_are_short_and_exact_enough() {
        let shown: Vec<_> = [0.0, 4.0, 12.5, 99.99951, 33.333333]
            .map(|part| Percent(part).to_string())
            .into();
        assert_eq!(shown, ["0%", "4%", "12.5%", "100%", "33.333%"]);
    }
}
