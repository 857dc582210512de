//! The report as one page for a browser: the worst terminations, why, and a
//! picture of each.
//!
//! The page needs nothing but itself: its style and its script are in it, and its
//! policy (CSP) forbids everything else, scripts in names of processes too. What
//! there is to read is there without a script; `page.js` adds the filter, the
//! tooltips and the keys. The same report gives the same page.

use std::io;

use jiff::tz::TimeZone;

use super::{Report, Told};

mod article;
mod axis;
mod draw;
mod front;
mod lanes;
mod layout;
mod marks;
mod picture;
#[cfg(test)]
mod tests;
mod write;

use write::Page;

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// What the policy allows: these two, by their SHA-256. A test says what they
/// should be.
const STYLE_HASH: &str = "sha256-R3a8CP5X5KzwwOtJB5qZqj8hwRCFMQD1KB9DIetW/FQ=";
const SCRIPT_HASH: &str = "sha256-EiH3/AslmZ4+Buv4jwvOnCQb3oZWSyb2M7Zy5mtsDww=";

/// What a page of ours begins with, by which it may be overwritten.
pub const HEAD: &str = "<!doctype html>\n<!-- sigwhy report -->\n";

/// Terminations told whole where nobody says how many: of each, some hundred
/// events are kept.
pub const WHOLE: usize = 100;

/// Terminations listed where nobody says.
pub const LISTED: usize = 100;

/// What is on the page.
#[derive(Debug, Clone)]
pub struct Options {
    /// Terminations listed.
    pub limit: usize,
    pub zone: TimeZone,
}

/// Writes the page.
///
/// # Errors
/// Those of the writer.
pub fn render(report: &Report, options: &Options, out: &mut impl io::Write) -> io::Result<()> {
    let ranked = report.ranked();
    let shown = &ranked[..ranked.len().min(options.limit)];
    let whole = |told: &&Told| told.scene.is_some();
    let told = shown.iter().copied().filter(whole).count();
    let mut page = Page::default();
    head(&mut page, report);
    front::write(&mut page, report, shown, &options.zone);
    for (index, told) in shown.iter().enumerate() {
        if told.scene.is_some() {
            article::write(&mut page, told, index + 1, &options.zone);
            // Each is some ten kilobytes, and they may be many.
            out.write_all(page.take().as_bytes())?;
        }
    }
    if told < shown.len() {
        page.tag("p")
            .attr("class", "note")
            .end()
            .text(format_args!(
                "The first {told} are told whole; --whole N tells more of them."
            ))
            .close("p");
    }
    page.raw("</main><div id=\"tip\" role=\"tooltip\" hidden></div><script>")
        .raw(SCRIPT)
        .raw("</script></body></html>\n");
    out.write_all(page.take().as_bytes())
}

fn head(page: &mut Page, report: &Report) {
    page.raw(HEAD)
        .raw("<html lang=\"en\"><head><meta charset=\"utf-8\">");
    page.tag("meta")
        .attr("http-equiv", "Content-Security-Policy")
        .attr(
            "content",
            format_args!(
                "default-src 'none'; style-src '{STYLE_HASH}'; script-src '{SCRIPT_HASH}'; \
                 base-uri 'none'; form-action 'none'"
            ),
        )
        .end();
    page.raw("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">")
        .raw("<meta name=\"color-scheme\" content=\"light dark\">")
        .raw("<meta name=\"referrer\" content=\"no-referrer\"><title>");
    page.text(front::title(report));
    page.raw("</title><style>")
        .raw(STYLE)
        .raw("</style></head><body>")
        .raw("<svg class=\"defs\" width=\"0\" height=\"0\" aria-hidden=\"true\"><defs>")
        .raw("<pattern id=\"hatch\" width=\"8\" height=\"8\" patternUnits=\"userSpaceOnUse\" ")
        .raw("patternTransform=\"rotate(45)\"><rect width=\"8\" height=\"8\" class=\"hatch-a\"/>")
        .raw("<rect width=\"3\" height=\"8\" class=\"hatch-b\"/></pattern></defs></svg>");
}
