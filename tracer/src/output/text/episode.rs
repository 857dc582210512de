//! A termination, told whole: a paragraph for the stream, a doctor's note for
//! `sigwhy run`.
//!
//! The sentences are the record's own. All of it is escaped here: names of
//! processes are in it.

use std::fmt::Write as _;
use std::io::Write;

use super::Text;
use super::columns::Paint;
use super::words;
use crate::diagnosis::catalogue::cli;
use crate::output::escape::terminal;
use crate::record::{Diagnosis, Episode};

impl<W: Write> Text<W> {
    pub(super) fn episode(&mut self, r: &Episode) {
        self.begin(
            r.ended.unwrap_or(r.when).ts,
            &words::container(r.container.as_deref()),
        );
        let summary = self.summary_of(r);
        self.line(&summary);
        for (index, diagnosis) in r.diagnoses.iter().enumerate() {
            let text = cause(diagnosis, &self.paint);
            self.line(&format!("    {text}"));
            // What to do about the cause; consequences go with it.
            if index == 0 {
                self.line(&format!("    Fix: {}", terminal(&diagnosis.fix)));
            }
        }
        for unknown in &r.unknown {
            self.line(&format!("    Not certain: {}.", terminal(unknown)));
        }
    }

    fn summary_of(&self, r: &Episode) -> String {
        // The column before it has the name.
        let name = r.container.as_ref().map_or("", |c| c.name.as_str());
        let told = r.summary.strip_prefix(name).unwrap_or(&r.summary);
        let text = terminal(told.trim_start());
        if r.ungraceful {
            self.paint.bad(&text)
        } else {
            text.into_owned()
        }
    }
}

fn cause(diagnosis: &Diagnosis, paint: &Paint) -> String {
    format!(
        "{}: {}.",
        paint.bold(&terminal(&cli(&diagnosis.id))),
        terminal(&diagnosis.summary)
    )
}

/// The note about one termination: what happened when, how much time was wasted,
/// the causes and what to do. Ends with a line feed.
pub fn verdict(r: &Episode, color: bool) -> String {
    let paint = Paint(color);
    let mut out = String::new();
    let summary = terminal(&r.summary);
    let title = if r.ungraceful {
        paint.bad(&summary)
    } else {
        summary.into_owned()
    };
    let _ = writeln!(out, "{title}.");
    timeline(&mut out, r, &paint);
    if let Some(wasted) = r.grace_ns.filter(|_| r.kill_sender.is_some()) {
        let _ = writeln!(
            out,
            "  Time wasted: {}, from the stop signal to the SIGKILL.",
            words::duration(wasted)
        );
    }
    if r.diagnoses.is_empty() {
        let what = if r.ungraceful {
            "No cause that sigwhy knows was recognised."
        } else {
            "Nothing was wrong with it."
        };
        let _ = writeln!(out, "  {what}");
    }
    for (index, diagnosis) in r.diagnoses.iter().enumerate() {
        let word = if index == 0 { "Cause" } else { "Also" };
        let _ = writeln!(out, "  {word}: {}", cause(diagnosis, &paint));
        let _ = writeln!(out, "    Fix: {}", terminal(&diagnosis.fix));
    }
    for unknown in &r.unknown {
        let _ = writeln!(out, "  Not certain: {}.", terminal(unknown));
    }
    out
}

/// Times since the beginning.
fn timeline(out: &mut String, r: &Episode, paint: &Paint) {
    for entry in &r.timeline {
        let since = entry.reference.mono_ns.saturating_sub(r.began.mono_ns);
        let at = format!("+{}", seconds(since));
        let _ = writeln!(
            out,
            "  {}  {}",
            paint.faint(&format!("{at:>12}")),
            terminal(&entry.text)
        );
    }
    if r.timeline_omitted > 0 {
        let _ = writeln!(out, "  {:>12}  and {} more events", "", r.timeline_omitted);
    }
}

/// All in one unit, so that a column of them can be compared.
pub fn seconds(ns: u64) -> String {
    let us = ns / 1_000;
    format!("{}.{:06} s", us / 1_000_000, us % 1_000_000)
}
