//! What came of a scenario, for people: the prediction, the tracer's own lines,
//! the verdict.
//!
//! The lines are those of [`crate::output::text`], broken to fit a terminal.
//! [`page()`] tells of a scenario without playing it, [`list()`] names them all.

mod list;
mod page;

use std::cell::RefCell;
use std::io::{self, Write};
use std::rc::Rc;

use anstyle::AnsiColor;
use jiff::tz::TimeZone;

use super::play::Scene;
use super::report::Report;
use super::scenario::Scenario;
use super::stage::Told;
use crate::decide::{Outcome, Reason};
use crate::explain::{Answer, text::advice};
use crate::output::Sink as _;
use crate::output::escape::terminal;
use crate::output::text::{Paint, Text, TextOptions, is_news, path};
use crate::output::wrap::{cells, width, wrap, wrap_cells};
use crate::record::{PathStep, Record};

pub use list::list;
pub use page::page;

/// Columns that a line may take where nobody knows better.
pub const COLUMNS: usize = 80;
const INDENT: &str = "  ";
/// What continues the line above it.
const HANGING: &str = "      ";

/// How to print.
#[derive(Debug, Clone)]
pub struct Options {
    pub color: bool,
    /// Columns that a line may take.
    pub columns: usize,
    /// Under each signal, the path through the kernel's tests.
    pub explain: bool,
    /// Enter is echoed, and ends the line that asks for it.
    pub echo: bool,
    /// The zone of the times shown.
    pub time: TimeZone,
}

/// Prints scenarios, one after the other.
pub struct Show<W> {
    out: W,
    options: Options,
    paint: Paint,
    /// The sink of `live`, and what it writes.
    text: Text<Shared>,
    written: Shared,
    /// The last line is an empty one.
    is_apart: bool,
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

fn sink(written: &Shared, options: &Options) -> Text<Shared> {
    let options = TextOptions {
        color: options.color,
        // We print the path ourselves, and choose ourselves what is news: see
        // `is_shown`.
        verbose: false,
        all: true,
        time: options.time.clone(),
    };
    Text::new(written.clone(), options)
}

impl<W: Write> Show<W> {
    pub fn new(out: W, options: &Options) -> Self {
        let written = Shared::default();
        Self {
            out,
            text: sink(&written, options),
            paint: Paint(options.color),
            options: options.clone(),
            written,
            is_apart: false,
        }
    }

    /// Before anything happens: what will.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn prediction(&mut self, scenario: &Scenario) -> io::Result<()> {
        // With columns of its own.
        self.text = sink(&self.written, &self.options);
        self.title(scenario)?;
        self.see(scenario)?;
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
            Scene::Record(record) if !is_shown(record) => return Ok(()),
            _ => self.is_apart = false,
        }
        match scene {
            Scene::Step(told) => self.told(told)?,
            Scene::Record(record) => self.record(record)?,
            Scene::Pause => {
                let text = self.paint.faint("-- Enter: the next step --");
                let end = if self.options.echo { " " } else { "\n" };
                write!(self.out, "{INDENT}{text}{end}")?;
            }
            Scene::NoMoreCues => {
                let text = self.paint.faint("-- the rest goes on by itself --");
                let begin = if self.options.echo { "\n" } else { "" };
                writeln!(self.out, "{begin}{INDENT}{text}")?;
            }
        }
        self.out.flush()
    }

    fn told(&mut self, told: &Told) -> io::Result<()> {
        // What belongs to the line above is further in.
        let text = told.text.trim_start();
        let own = &told.text[..told.text.len() - text.len()];
        let first = format!("{INDENT}# {own}");
        let rest = format!("{INDENT}#   {own}");
        let text = wrap(text, self.options.columns, &first, &rest);
        writeln!(self.out, "{}", self.paint.faint(&text))?;
        match &told.answer {
            Some(answer) => self.answer(answer),
            None => Ok(()),
        }
    }

    /// What the model says of a signal that nobody has sent.
    fn answer(&mut self, answer: &Answer) -> io::Result<()> {
        let (outcome, reason) = (answer.outcome, answer.reason);
        let word = outcome.id().to_uppercase();
        let word = self.paint.outcome(outcome, reason, &word);
        let first = format!("{HANGING}{word}  ");
        let rest = " ".repeat(width(&first));
        let text = wrap(&answer.explanation, self.options.columns, &first, &rest);
        writeln!(self.out, "{text}")?;
        if let Some(taken) = &answer.delivery {
            let text = format!("when it leaves the queue: {}", taken.explanation);
            self.hanging(&text)?;
        }
        if self.options.explain {
            self.path(&answer.path, answer.rule, Some(answer.forced))?;
        }
        Ok(())
    }

    fn record(&mut self, record: &Record) -> io::Result<()> {
        self.text.record(record)?;
        self.text.flush()?;
        let bytes = std::mem::take(&mut *self.written.0.borrow_mut());
        let columns = self.options.columns;
        let is_decided = matches!(record, Record::Signal(_) | Record::Deliver(_));
        for (index, line) in String::from_utf8_lossy(&bytes).lines().enumerate() {
            let text = line.trim_start();
            let own = &line[..line.len() - text.len()];
            let (first, rest) = (format!("{INDENT}{own}"), format!("{HANGING}{own}"));
            let folded = if width(&first) + width(text) <= columns {
                format!("{first}{text}")
            } else if index == 0 {
                fold(text, is_decided, columns)
            } else {
                wrap_cells(text, columns, &first, &rest)
            };
            writeln!(self.out, "{folded}")?;
        }
        match record {
            _ if !self.options.explain => Ok(()),
            Record::Signal(r) => self.path(&r.path, &r.rule, Some(r.forced)),
            Record::Deliver(r) => self.path(&r.path, &r.rule, None),
            _ => Ok(()),
        }
    }

    /// The kernel's tests on the way to a decision.
    fn path(&mut self, path: &[PathStep], rule: &str, forced: Option<bool>) -> io::Result<()> {
        let mut text = String::new();
        path::explained(&mut text, path, self.options.columns, HANGING, self.paint);
        let decided = self.paint.bold(&path::decided(rule, forced));
        self.is_apart = true;
        writeln!(self.out, "{text}{HANGING}{decided}\n")
    }

    /// After all that: whether it was as predicted, and what to learn.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn verdict(&mut self, report: &Report) -> io::Result<()> {
        let green = AnsiColor::Green.on_default().bold();
        let red = AnsiColor::Red.on_default().bold();
        if !self.is_apart {
            writeln!(self.out)?;
        }
        let result = if report.held() {
            self.paint.style(green, "the prediction held")
        } else {
            self.paint.style(red, "the prediction did NOT hold")
        };
        self.heading("VERDICT", &result)?;
        let columns = self.options.columns;
        for check in &report.checks {
            let mark = if check.held {
                self.paint.style(green, "ok")
            } else {
                self.paint.style(red, "NO")
            };
            let first = format!("{INDENT}{mark}  ");
            let expected = wrap(&check.expected, columns, &first, HANGING);
            writeln!(self.out, "{expected}")?;
            if let Some(got) = &check.got {
                let got = wrap(&terminal(got), columns, "      got: ", "           ");
                writeln!(self.out, "{got}")?;
            }
        }
        writeln!(self.out)?;
        self.lesson(report.scenario)?;
        self.exercises(report.scenario)?;
        self.out.flush()
    }

    /// Between two scenarios.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn gap(&mut self) -> io::Result<()> {
        let line = self.paint.faint(&"-".repeat(self.options.columns));
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

    fn title(&mut self, scenario: &Scenario) -> io::Result<()> {
        let title = format!("{}: {}", self.paint.bold(scenario.name), scenario.title);
        writeln!(
            self.out,
            "{}\n",
            wrap(&title, self.options.columns, "", INDENT)
        )
    }

    fn see(&mut self, scenario: &Scenario) -> io::Result<()> {
        self.heading("WHAT YOU WILL SEE", "")?;
        self.points(scenario.see)?;
        writeln!(self.out)
    }

    /// Why it is so, what is said elsewhere, and where it is decided.
    fn lesson(&mut self, scenario: &Scenario) -> io::Result<()> {
        self.paragraph(scenario.lesson)?;
        if let Some(article) = scenario.article {
            writeln!(self.out)?;
            // The two halves of it, each for itself.
            let (often, truth) = article.split_once(" In truth: ").unwrap_or((article, ""));
            self.paragraph(often)?;
            if !truth.is_empty() {
                self.paragraph(&format!("In truth: {truth}"))?;
            }
        }
        writeln!(self.out)?;
        let functions = scenario.functions.join("(), ");
        let line = format!("In the kernel: {functions}()");
        let line = wrap(&line, self.options.columns, INDENT, HANGING);
        writeln!(self.out, "{}", self.paint.faint(&line))
    }

    fn exercises(&mut self, scenario: &Scenario) -> io::Result<()> {
        writeln!(self.out)?;
        self.heading("TRY", "")?;
        let columns = self.options.columns;
        let mut exercises = scenario.exercises.iter();
        exercises.try_for_each(|text| advice(&mut self.out, text, columns))
    }

    fn points(&mut self, lines: &[&str]) -> io::Result<()> {
        for line in lines {
            let line = wrap(line, self.options.columns, "  - ", "    ");
            writeln!(self.out, "{line}")?;
        }
        Ok(())
    }

    fn heading(&mut self, text: &str, after: &str) -> io::Result<()> {
        let colon = if after.is_empty() { "" } else { ": " };
        writeln!(self.out, "{}{colon}{after}", self.paint.bold(text))
    }

    fn paragraph(&mut self, text: &str) -> io::Result<()> {
        let text = wrap(text, self.options.columns, INDENT, INDENT);
        writeln!(self.out, "{text}")
    }

    fn hanging(&mut self, text: &str) -> io::Result<()> {
        let text = wrap(text, self.options.columns, HANGING, HANGING);
        writeln!(self.out, "{text}")
    }
}

/// What `live` shows by default, and the handlers that ran.
fn is_shown(record: &Record) -> bool {
    match record {
        Record::Deliver(r) if r.reason != Reason::GroupExit => {
            // One that had waited kills only now; elsewhere the line that it was sent
            // says so.
            let strikes = r.reason == Reason::DefaultTerminate;
            r.outcome == Outcome::Handled || strikes || is_news(record)
        }
        _ => is_news(record),
    }
}

/// A line of the tracer that is too wide: what happened first, then, below it,
/// the sentence about it, with the outcome where there is one.
fn fold(line: &str, is_decided: bool, columns: usize) -> String {
    let cells = cells(line);
    let Some((sentence, before)) = cells.split_last() else {
        return String::new();
    };
    let (outcome, before) = match before.split_last() {
        Some((outcome, before)) if is_decided => (outcome.trim_end(), before),
        _ => ("", before),
    };
    let first = wrap_cells(&before.concat(), columns, INDENT, HANGING);
    let gap = if outcome.is_empty() { "" } else { "  " };
    let begin = format!("{HANGING}{outcome}{gap}");
    let rest = " ".repeat(width(&begin));
    format!("{first}\n{}", wrap(sentence, columns, &begin, &rest))
}

#[cfg(test)]
mod tests;
