//! What came of a scenario, for people: the prediction, the tracer's own lines,
//! the verdict.
//!
//! The lines are those of [`crate::output::text`], broken to fit a terminal.

use std::cell::RefCell;
use std::io::{self, Write};
use std::rc::Rc;

use anstyle::{AnsiColor, Style};
use jiff::tz::TimeZone;

use super::play::Scene;
use super::report::Report;
use super::scenario::Scenario;
use crate::decide::{Outcome, Reason};
use crate::output::Sink as _;
use crate::output::escape::terminal;
use crate::output::text::{Text, TextOptions, is_news};
use crate::output::wrap::{cells, width, wrap, wrap_cells};
use crate::record::Record;

/// Columns that a line may take.
const COLUMNS: usize = 100;
const INDENT: &str = "  ";
/// What continues the line above it.
const HANGING: &str = "      ";

/// How to print.
#[derive(Debug, Clone)]
pub struct Options {
    pub color: bool,
    /// Under each signal, the path through the kernel's tests.
    pub verbose: bool,
    /// The zone of the times shown.
    pub time: TimeZone,
}

/// Prints scenarios, one after the other.
pub struct Show<W> {
    out: W,
    options: TextOptions,
    /// The sink of `live`, and what it writes.
    text: Text<Shared>,
    written: Shared,
}

/// Memory that the sink writes and we read.
#[derive(Debug, Clone, Default)]
struct Shared(Rc<RefCell<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<W: Write> Show<W> {
    pub fn new(out: W, options: &Options) -> Self {
        let written = Shared::default();
        let sink = TextOptions {
            color: options.color,
            verbose: options.verbose,
            // We choose ourselves what is news: see `is_shown`.
            all: true,
            time: options.time.clone(),
        };
        Self {
            out,
            text: Text::new(written.clone(), sink.clone()),
            options: sink,
            written,
        }
    }

    /// Before anything happens: what will.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn prediction(&mut self, scenario: &Scenario) -> io::Result<()> {
        // With columns of its own.
        self.text = Text::new(self.written.clone(), self.options.clone());
        let name = self.style(Style::new().bold(), scenario.name);
        writeln!(self.out, "{name}: {}\n", scenario.title)?;
        self.heading("PREDICTION", "")?;
        self.paragraph(scenario.prediction)?;
        writeln!(self.out)?;
        self.heading("WHAT THE KERNEL DID", "")?;
        self.out.flush()
    }

    /// What happened just now.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn scene(&mut self, scene: &Scene<'_>) -> io::Result<()> {
        match scene {
            Scene::Step(told) => {
                let text = self.style(Style::new().dimmed(), &format!("# {}", told.text));
                writeln!(self.out, "{INDENT}{text}")?;
            }
            Scene::Record(record) if is_shown(record) => self.record(record)?,
            Scene::Record(_) => return Ok(()),
        }
        self.out.flush()
    }

    fn record(&mut self, record: &Record) -> io::Result<()> {
        self.text.record(record)?;
        self.text.flush()?;
        let bytes = std::mem::take(&mut *self.written.0.borrow_mut());
        let is_decided = matches!(record, Record::Signal(_) | Record::Deliver(_));
        for (index, line) in String::from_utf8_lossy(&bytes).lines().enumerate() {
            let text = line.trim_start();
            let own = &line[..line.len() - text.len()];
            let (first, rest) = (format!("{INDENT}{own}"), format!("{HANGING}{own}"));
            let folded = if width(&first) + width(text) <= COLUMNS {
                format!("{first}{text}")
            } else if index == 0 {
                fold(text, is_decided)
            } else {
                wrap_cells(text, COLUMNS, &first, &rest)
            };
            writeln!(self.out, "{folded}")?;
        }
        Ok(())
    }

    /// After all that: whether it was as predicted, and what to learn.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn verdict(&mut self, report: &Report) -> io::Result<()> {
        let green = AnsiColor::Green.on_default().bold();
        let red = AnsiColor::Red.on_default().bold();
        writeln!(self.out)?;
        let result = if report.held() {
            self.style(green, "the prediction held")
        } else {
            self.style(red, "the prediction did NOT hold")
        };
        self.heading("VERDICT", &result)?;
        for check in &report.checks {
            let mark = if check.held {
                self.style(green, "ok")
            } else {
                self.style(red, "NO")
            };
            let expected = wrap(&check.expected, COLUMNS, "", HANGING);
            writeln!(self.out, "{INDENT}{mark}  {expected}")?;
            if let Some(got) = &check.got {
                let got = wrap(&terminal(got), COLUMNS, "      got: ", "           ");
                writeln!(self.out, "{got}")?;
            }
        }
        writeln!(self.out)?;
        self.paragraph(report.scenario.lesson)?;
        let functions = report.scenario.functions.join("(), ");
        let line = format!("In the kernel: {functions}()");
        let line = self.style(Style::new().dimmed(), &line);
        writeln!(self.out, "{INDENT}{line}")?;
        self.out.flush()
    }

    /// Between two scenarios.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn gap(&mut self) -> io::Result<()> {
        let line = self.style(Style::new().dimmed(), &"-".repeat(COLUMNS));
        writeln!(self.out, "\n{line}\n")
    }

    /// After several scenarios.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn tally(&mut self, played: usize, refuted: &[&str]) -> io::Result<()> {
        match refuted {
            [] => writeln!(self.out, "\nAll {played} predictions held."),
            names => writeln!(
                self.out,
                "\n{} of {played} predictions did NOT hold: {}",
                names.len(),
                names.join(", ")
            ),
        }
    }

    fn heading(&mut self, text: &str, after: &str) -> io::Result<()> {
        let colon = if after.is_empty() { "" } else { ": " };
        let text = self.style(Style::new().bold(), text);
        writeln!(self.out, "{text}{colon}{after}")
    }

    fn paragraph(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.out, "{}", wrap(text, COLUMNS, INDENT, INDENT))
    }

    fn style(&self, style: Style, text: &str) -> String {
        if self.options.color {
            format!("{style}{text}{style:#}")
        } else {
            text.to_owned()
        }
    }
}

/// The list of scenarios.
///
/// # Errors
/// Those of the writer.
pub fn list(out: &mut impl Write, scenarios: &[&Scenario], color: bool) -> io::Result<()> {
    let longest = scenarios.iter().map(|s| s.name.len()).max().unwrap_or(0);
    let bold = if color {
        Style::new().bold()
    } else {
        Style::new()
    };
    for scenario in scenarios {
        let name = scenario.name;
        let gap = " ".repeat(longest - name.len() + 2);
        writeln!(out, "{bold}{name}{bold:#}{gap}{}", scenario.summary)?;
    }
    out.flush()
}

/// What `live` shows by default, and the handlers that ran.
fn is_shown(record: &Record) -> bool {
    match record {
        Record::Deliver(r) if r.reason != Reason::GroupExit => {
            r.outcome == Outcome::Handled || is_news(record)
        }
        _ => is_news(record),
    }
}

/// A line of the tracer that is too wide: what happened first, then, below it,
/// the sentence about it, with the outcome where there is one.
fn fold(line: &str, is_decided: bool) -> String {
    let cells = cells(line);
    let Some((sentence, before)) = cells.split_last() else {
        return String::new();
    };
    let (outcome, before) = match before.split_last() {
        Some((outcome, before)) if is_decided => (outcome.trim_end(), before),
        _ => ("", before),
    };
    let first = wrap_cells(&before.concat(), COLUMNS, INDENT, HANGING);
    let gap = if outcome.is_empty() { "" } else { "  " };
    let begin = format!("{HANGING}{outcome}{gap}");
    let rest = " ".repeat(width(&begin));
    format!("{first}\n{}", wrap(sentence, COLUMNS, &begin, &rest))
}

#[cfg(test)]
mod tests;
