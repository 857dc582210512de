//! The report for people: a line per check, what to do, a verdict.

use std::fmt::Write as _;
use std::io;

use anstyle::{AnsiColor, Style};

use super::{Report, Status};
use crate::trouble::Trouble;

/// Writes the whole report, with colours if `colour`.
///
/// # Errors
/// Those of the writer.
pub fn render(report: &Report, out: &mut impl io::Write, colour: bool) -> io::Result<()> {
    let paint = |style: Style| if colour { style } else { Style::new() };
    let titles = report
        .checks
        .iter()
        .map(|check| escape(&check.title).chars().count());
    let width = titles.max().unwrap_or(0);
    let mut group = "";
    for check in &report.checks {
        if check.group != group {
            group = check.group;
            let style = paint(Style::new().bold());
            writeln!(out, "{style}{group}{style:#}")?;
        }
        let style = paint(style_of(check.status));
        let (title, detail) = (escape(&check.title), escape(&check.detail));
        let word = word_of(check.status);
        writeln!(
            out,
            "  {style}{word:<4}{style:#}  {title:<width$}  {detail}"
        )?;
        if let Some(remedy) = &check.remedy {
            let page = check.page.and_then(Trouble::find);
            let page = page.map_or_else(String::new, |trouble| trouble.more().to_string());
            writeln!(out, "        -> {}{page}", escape(remedy))?;
        }
    }
    let style = paint(style_of(if report.can_trace {
        Status::Ok
    } else {
        Status::Fail
    }));
    writeln!(out, "{style}{}{style:#}", escape(&report.verdict))
}

fn word_of(status: Status) -> &'static str {
    match status {
        Status::Ok => "OK",
        Status::Info => "INFO",
        Status::Warn => "WARN",
        Status::Fail => "FAIL",
    }
}

fn style_of(status: Status) -> Style {
    match status {
        Status::Ok => AnsiColor::Green.on_default(),
        Status::Info => AnsiColor::Cyan.on_default(),
        Status::Warn => AnsiColor::Yellow.on_default(),
        Status::Fail => AnsiColor::Red.on_default().bold(),
    }
}

/// Makes control characters, and those that reorder or hide text, visible: mount
/// points and types of a given file are anyone's words.
fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        let is_deceptive = matches!(
            c,
            '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        );
        if c.is_control() || is_deceptive {
            // Writing to a String does not fail.
            let _ = write!(safe, "{}", c.escape_default());
        } else {
            safe.push(c);
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::super::Check;
    use super::*;

    fn text(report: &Report, colour: bool) -> String {
        let mut out = Vec::new();
        render(report, &mut out, colour).expect("a Vec takes everything");
        String::from_utf8(out).expect("text was written")
    }

    fn sample() -> Report {
        Report::new(vec![
            Check::new("Kernel", "btf", "BTF", Status::Ok, "126689 types"),
            Check::new("Kernel", "jit", "BPF JIT", Status::Warn, "off").remedy("switch it on"),
            Check::new(
                "Rights",
                "capabilities",
                "capabilities",
                Status::Fail,
                "CAP_BPF is missing",
            )
            .remedy("run it with sudo"),
        ])
    }

    #[test]
    fn lines_are_aligned_and_remedies_follow() {
        assert_eq!(
            text(&sample(), false),
            "\
Kernel
  OK    BTF           126689 types
  WARN  BPF JIT       off
        -> switch it on
Rights
  FAIL  capabilities  CAP_BPF is missing
        -> run it with sudo (more: sigwhy explain no-permission)
sigwhy cannot trace on this machine: see capabilities
"
        );
    }

    #[test]
    fn colours_change_nothing_but_colours() {
        let coloured = text(&sample(), true);
        assert!(coloured.contains("\u{1b}["));
        let mut plain = String::new();
        let mut rest = coloured.as_str();
        while let Some((before, after)) = rest.split_once('\u{1b}') {
            plain.push_str(before);
            rest = after.split_once('m').expect("every sequence ends").1;
        }
        assert_eq!(plain + rest, text(&sample(), false));
    }

    #[test]
    fn foreign_text_cannot_write_to_the_terminal() {
        let evil = "/mnt/\u{1b}[31m\n\u{202e}x\r\u{9b}\u{7}";
        let report = Report::new(vec![
            Check::new("Surroundings", "x", evil, Status::Warn, evil).remedy(evil),
        ]);
        let out = text(&report, false);
        assert!(
            !out.contains(['\u{1b}', '\u{202e}', '\r', '\u{9b}', '\u{7}']),
            "{out:?}"
        );
        assert_eq!(out.lines().count(), 4);
        assert_eq!(escape("Ü 日本 \\"), "Ü 日本 \\");
    }

    #[test]
    fn nothing_wrong_can_trace() {
        let report = Report::new(Vec::new());
        assert_eq!(text(&report, false), "sigwhy can trace on this machine\n");
    }
}
