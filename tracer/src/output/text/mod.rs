//! Text for people: a line per event, in aligned columns.
//!
//! Not for programs: the shape may change with every release, JSON's does not.
//! Reasons are never cut, long names of containers are.

use std::io::{self, Write};

use jiff::tz::TimeZone;

use super::Sink;
use crate::decide::{Outcome, Reason};
use crate::record::{Deliver, Exit, PathStep, Record, Scope, Signal, Timestamp};

mod columns;
mod episode;
pub mod path;
mod session;
pub(crate) mod words;

#[cfg(test)]
mod tests;

pub use columns::Paint;
use columns::{Cell, Columns};
pub use episode::{seconds, verdict};
pub use session::{header, summary};

use super::escape::terminal;

/// Bytes after which the buffer is written.
const CHUNK: usize = 64 * 1024;

/// Of the processes that a namespace's end kills, how many are named.
const NAMED_VICTIMS: usize = 20;

/// How to print.
#[derive(Debug, Clone)]
pub struct TextOptions {
    pub color: bool,
    /// Under each event, the path through the kernel's tests.
    pub verbose: bool,
    /// Also what is no news: every delivery, every exit.
    pub all: bool,
    /// The zone of the times shown.
    pub time: TimeZone,
}

/// The sink. Start and stop are not lines of it: see [`header`] and [`summary`].
#[derive(Debug)]
pub struct Text<W> {
    writer: W,
    options: TextOptions,
    columns: Columns,
    paint: Paint,
    buffer: String,
}

impl<W: Write> Text<W> {
    /// A sink that writes there; needs no `BufWriter`.
    pub fn new(writer: W, options: TextOptions) -> Self {
        Self {
            writer,
            paint: Paint(options.color),
            options,
            columns: Columns::default(),
            buffer: String::new(),
        }
    }

    /// The writer, without what was not flushed.
    pub fn into_inner(self) -> W {
        self.writer
    }

    fn write(&mut self) -> io::Result<()> {
        let result = self.writer.write_all(self.buffer.as_bytes());
        self.buffer.clear();
        result
    }

    /// Begins a line: time and container.
    fn begin(&mut self, ts: Timestamp, container: &str) {
        let time = words::time(ts, &self.options.time);
        self.buffer.push_str(&self.paint.faint(&time));
        self.buffer.push_str("  ");
        self.columns
            .push(&mut self.buffer, Cell::Container, container, container);
    }

    fn line(&mut self, text: &str) {
        self.buffer.push_str(text);
        self.buffer.push('\n');
    }

    /// The columns after the container, then the sentence.
    fn event(&mut self, signal: &str, route: &str, outcome: Outcome, reason: Reason, why: &str) {
        let name = terminal(signal);
        self.columns.push(
            &mut self.buffer,
            Cell::Signal,
            &name,
            &self.paint.bold(&name),
        );
        self.columns
            .push(&mut self.buffer, Cell::Route, route, route);
        let word = words::outcome(outcome, reason);
        self.columns.push(
            &mut self.buffer,
            Cell::Outcome,
            &word,
            &self.paint.outcome(outcome, reason, &word),
        );
        self.line(&terminal(why));
    }

    fn signal(&mut self, r: &Signal) {
        let container = r.target.process.container.as_deref();
        self.begin(r.when.ts, &words::container(container));
        let mut route = format!(
            "{} -> {}",
            words::sender(&r.sender, container),
            words::process(&r.target.process)
        );
        if r.scope == Scope::Thread
            && let (Some(tid), Some(pid)) = (r.target.process.tid, r.target.process.pid)
            && tid != pid
        {
            route.push_str(&format!(" (thread {tid})"));
        }
        self.event(&r.signal.name, &route, r.outcome, r.reason, &r.explanation);
        if self.options.verbose {
            self.line(&format!(
                "    {}, {}, decided by {}",
                terminal(&r.signal.code_name),
                if r.forced { "forced" } else { "not forced" },
                terminal(&r.rule)
            ));
            if !r.sender.ancestors.is_empty() {
                let up: Vec<_> = r.sender.ancestors.iter().map(words::ancestor).collect();
                self.line(&format!("    sent below {}", up.join(" < ")));
            }
            self.path(&r.path);
        }
    }

    fn deliver(&mut self, r: &Deliver) {
        let container = r.target.process.container.as_deref();
        self.begin(r.when.ts, &words::container(container));
        let route = format!(
            "<- taken from the queue by {}",
            words::process(&r.target.process)
        );
        let why = match r.latency_ns {
            Some(ns) => format!("{} (after {})", r.explanation, words::duration(ns)),
            None => r.explanation.to_string(),
        };
        self.event(&r.signal.name, &route, r.outcome, r.reason, &why);
        if self.options.verbose {
            self.line(&format!(
                "    {}, decided by {}",
                terminal(&r.signal.code_name),
                terminal(&r.rule)
            ));
            self.path(&r.path);
        }
    }

    fn path(&mut self, path: &[PathStep]) {
        let test =
            |step: &PathStep| format!("{}: {}", terminal(&step.function), terminal(&step.test));
        let width = path.iter().map(|s| test(s).chars().count()).max();
        let width = width.unwrap_or(0).min(80);
        for step in path {
            let holds = words::yes(step.holds);
            let mut line = format!("    {:<width$}  {holds:<3}", test(step));
            if step.values.is_empty() {
                line.truncate(line.trim_end().len());
            } else {
                line.push_str(&format!("  ({})", terminal(&step.values)));
            }
            self.line(&line);
        }
    }

    fn zap(&mut self, r: &crate::record::Zap) {
        self.begin(r.when.ts, &words::container(r.container.as_deref()));
        let lines = words::zap(r, &self.paint, NAMED_VICTIMS, self.options.all);
        for line in lines {
            self.line(&line);
        }
    }

    fn exit(&mut self, r: &Exit) {
        self.begin(r.when.ts, &words::container(r.container.as_deref()));
        self.line(&words::exit(r));
    }
}

/// Whether a record is shown to people who did not ask for all of them.
pub fn is_news(record: &Record) -> bool {
    match record {
        Record::Signal(_) | Record::Zap(_) | Record::Episode(_) => true,
        Record::Deliver(r) => {
            r.outcome == Outcome::Stopped
                || matches!(
                    r.reason,
                    Reason::UnkillableInitAtDequeue | Reason::ModelDisagrees
                )
        }
        Record::Exit(r) => r.is_init,
        Record::Loss(r) => r.ring_full > 0,
        Record::Preroll(_) => true,
        Record::Start(_) | Record::Stop(_) => false,
    }
}

impl<W: Write> Sink for Text<W> {
    fn record(&mut self, record: &Record) -> io::Result<()> {
        if !self.options.all && !is_news(record) {
            return Ok(());
        }
        match record {
            Record::Signal(r) => self.signal(r),
            Record::Deliver(r) => self.deliver(r),
            Record::Zap(r) => self.zap(r),
            Record::Exit(r) => self.exit(r),
            Record::Episode(r) => self.episode(r),
            Record::Loss(r) => {
                let time = words::time(r.when.ts, &self.options.time);
                let line = format!(
                    "{}  {}",
                    self.paint.faint(&time),
                    words::loss(r, &self.paint)
                );
                self.line(&line);
            }
            Record::Preroll(r) => {
                let time = words::time(r.when.ts, &self.options.time);
                let line = format!("{time}  {}", words::preroll(r, &self.options.time));
                let line = self.paint.faint(&line);
                self.line(&line);
            }
            // For stderr: see header() and summary().
            Record::Start(_) | Record::Stop(_) => {}
        }
        if self.buffer.len() >= CHUNK {
            self.write()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.write()?;
        self.writer.flush()
    }
}
