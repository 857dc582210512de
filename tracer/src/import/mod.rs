//! Signals that another tracer recorded, where sigwhy was not running: the text of
//! `perf script`, of ftrace and of a bpftrace script (docs/import.md has it), made
//! into records.
//!
//! `text` and `bpftrace` read lines, `infer` makes records of what they say: `lives` and
//! `zaps` have looked ahead for it, `verdict` judges one signal, `tell` writes it down.
//! These tracers note the kernel's result and hardly any of what it looked at, so
//! a record made here says less, and never more than the text does: see
//! [`Format::limits`].
//!
//! Not here: what the records mean (the episodes).

use std::{
    fs::File,
    io::{self, BufRead, BufReader},
    path::Path,
};

use anyhow::Context as _;
use clap::ValueEnum;

use crate::record::{Record, Timestamp};
use crate::trouble::Trouble;

mod bpftrace;
mod event;
mod infer;
mod lives;
mod tell;
#[cfg(test)]
mod tests;
mod text;
mod verdict;
mod zaps;

use event::{Event, Line, What};

/// Events kept at most, some 100 bytes each: what comes after them is left out.
const EVENTS: usize = 4_000_000;

/// Longer lines are cut: no tracer writes such.
const LINE: u64 = 64 << 10;

/// Lines that are looked at to find whose text it is instead.
const GLANCE: u64 = 1_000;

/// Lines that a name with line feeds can make of one.
const PIECES: usize = 16;

/// Whose text it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// `perf script`, of the events signal:* and sched:sched_process_*.
    PerfScript,
    /// `/sys/kernel/tracing/trace`, `trace_pipe`, or `trace-cmd report`.
    Ftrace,
    /// The bpftrace script of docs/import.md.
    Bpftrace,
}

impl Format {
    /// As people call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::PerfScript => "perf script",
            Self::Ftrace => "ftrace",
            Self::Bpftrace => "bpftrace",
        }
    }

    /// What records made of it cannot say.
    pub fn limits(self) -> String {
        format!(
            "imported from {} text, which has no containers, namespaces, handlers, masks and exit codes: reasons are limited to already_pending, queue_full, kill and what a delivery says",
            self.name()
        )
    }

    fn line(self, line: &[u8]) -> Line {
        match self {
            Self::PerfScript | Self::Ftrace => text::line(line),
            Self::Bpftrace => bpftrace::line(line),
        }
    }

    /// What a line looks like; `None` for one that is nobody's.
    pub fn of(line: &[u8]) -> Option<Self> {
        let is_event = |line| matches!(line, Line::Event(_));
        if is_event(bpftrace::line(line)) {
            return Some(Self::Bpftrace);
        }
        if !is_event(text::line(line)) {
            return None;
        }
        // perf names the system that an event is of.
        let has = |name: &[u8]| memchr::memmem::find(line, name).is_some();
        let is_perf = has(b" signal:signal_") || has(b" sched:sched_process_");
        Some(if is_perf {
            Self::PerfScript
        } else {
            Self::Ftrace
        })
    }
}

/// How to import.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    pub format: Format,
    /// When the clock of the text was 0.
    pub boot: Option<Timestamp>,
}

/// What a text came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    pub limits: String,
    /// Signals by the kernel's result, in its order: queued, ignored, already
    /// pending, failed, queued without siginfo, and any other.
    pub results: [u64; 6],
    /// Lines of an event that could not be read, and the number of the first.
    pub bad_lines: u64,
    pub first_bad: Option<u64>,
    /// Events that the tracer says it lost.
    pub lost: u64,
    /// Events beyond those that find room.
    pub left_out: u64,
    /// The time of day is known.
    pub has_date: bool,
}

/// What a text has, to be made into records.
#[derive(Debug)]
pub struct Imported {
    events: Vec<Event>,
    format: Format,
    boot: Option<Timestamp>,
    pub summary: Summary,
}

impl Imported {
    /// The records, made as they are taken.
    pub fn records(&self) -> impl Iterator<Item = Record> {
        let lost = self.summary.lost.saturating_add(self.summary.left_out);
        infer::records(&self.events, self.format, self.boot, lost)
    }
}

/// Reads a text; `-` is standard input.
///
/// # Errors
/// When it cannot be read, or holds no event of this format.
pub fn read(path: &Path, options: Options) -> anyhow::Result<Imported> {
    let opening = || format!("cannot read {}", path.display());
    if path.as_os_str() == "-" {
        return from(io::stdin().lock(), options, "standard input");
    }
    let file = File::open(path).with_context(opening)?;
    if file.metadata().with_context(opening)?.is_dir() {
        anyhow::bail!("{}: it is a directory", opening());
    }
    from(BufReader::new(file), options, &path.display().to_string())
}

/// The same from there; `name` is for errors.
///
/// # Errors
/// As [`read`].
pub fn from(mut lines: impl BufRead, options: Options, name: &str) -> anyhow::Result<Imported> {
    let mut reading = Reading::new(options);
    let mut line = Vec::new();
    loop {
        line.clear();
        let limited = io::Read::take(&mut lines, LINE).read_until(b'\n', &mut line);
        if limited.with_context(|| format!("reading {name}"))? == 0 {
            break;
        }
        reading.take(&line);
    }
    reading.finish(name)
}

struct Reading {
    options: Options,
    events: Vec<Event>,
    summary: Summary,
    boot: Option<Timestamp>,
    number: u64,
    /// The first line that says anything, of no event that is known.
    first_other: Option<(u64, Option<Format>)>,
    /// An event whose end is still to come, in how many pieces, and from which line on.
    cut: Option<(Vec<u8>, usize, u64)>,
}

impl Reading {
    fn new(options: Options) -> Self {
        Self {
            options,
            events: Vec::new(),
            summary: Summary {
                limits: options.format.limits(),
                ..Summary::default()
            },
            boot: options.boot,
            number: 0,
            first_other: None,
            cut: None,
        }
    }

    fn take(&mut self, line: &[u8]) {
        self.number += 1;
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let mut read = self.options.format.line(line);
        // A name with a line feed cuts a line in two: the rest is no event.
        if let Some((mut begin, pieces, number)) = self.cut.take() {
            if matches!(read, Line::Other) && pieces < PIECES {
                begin.push(b'\n');
                begin.extend_from_slice(line);
                match self.options.format.line(&begin) {
                    Line::Cut => {
                        self.cut = Some((begin, pieces + 1, number));
                        return;
                    }
                    whole => read = whole,
                }
            } else {
                self.bad(number);
            }
        }
        match read {
            Line::Event(event) if self.events.len() < EVENTS => {
                if let What::Generate { result, .. } = event.what {
                    let at = usize::try_from(result).unwrap_or(5).min(5);
                    self.summary.results[at] += 1;
                }
                self.events.push(event);
            }
            Line::Event(_) => self.summary.left_out += 1,
            Line::Boot(boot) => self.boot = self.boot.or(Some(boot)),
            Line::Lost(count) => {
                self.summary.lost = self.summary.lost.saturating_add(count);
            }
            Line::Cut => self.cut = Some((line.to_vec(), 1, self.number)),
            Line::Bad => self.bad(self.number),
            Line::Other => {
                let says = line.iter().any(|b| !b.is_ascii_whitespace()) && !line.starts_with(b"#");
                let is_open = |first: &Option<(u64, Option<Format>)>| {
                    first.is_none_or(|(_, format)| format.is_none())
                };
                if says && self.number <= GLANCE && is_open(&self.first_other) {
                    let format = Format::of(line);
                    if format.is_some() || self.first_other.is_none() {
                        self.first_other = Some((self.number, format));
                    }
                }
            }
        }
    }

    fn bad(&mut self, number: u64) {
        self.summary.bad_lines += 1;
        self.summary.first_bad.get_or_insert(number);
    }

    fn finish(mut self, name: &str) -> anyhow::Result<Imported> {
        if let Some((_, _, number)) = self.cut.take() {
            self.bad(number);
        }
        let wanted = self.options.format.name();
        if self.events.is_empty() {
            let (line, other) = self.first_other.unwrap_or((self.number.max(1), None));
            let what = match (other, self.summary.first_bad) {
                (Some(other), _) => format!("line {line} is {} text", other.name()),
                (None, Some(bad)) => format!("line {bad} has an event that is cut or changed"),
                (None, None) => format!("line {line} is none of its lines"),
            };
            return Err(Trouble::NoRecording.error(format!(
                "{name} has no signal event as {wanted} prints them: {what}"
            )));
        }
        // Each processor has its own buffer.
        self.events.sort_by_key(|event| event.ns);
        self.summary.has_date = self.boot.is_some();
        Ok(Imported {
            events: self.events,
            format: self.options.format,
            boot: self.boot,
            summary: self.summary,
        })
    }
}
