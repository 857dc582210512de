//! A verdict for people: what, why, what will free it. All of it is escaped here:
//! names of processes are in it.

use std::fmt::Write as _;
use std::io;

use super::{Lasting, Status, Verdict, Wait, words};
use crate::decide::names;
use crate::diagnosis::catalogue::cli;
use crate::output::escape::terminal;
use crate::output::text::Paint;
use crate::record::{Runtime, duration};

/// Writes one verdict.
///
/// # Errors
/// Those of the writer.
pub fn render(verdict: &Verdict, out: &mut impl io::Write, colour: bool) -> io::Result<()> {
    out.write_all(note(verdict, colour).as_bytes())
}

fn note(verdict: &Verdict, colour: bool) -> String {
    let paint = Paint(colour);
    let mut out = String::new();
    // Writing to a String does not fail.
    let _ = writeln!(out, "{}", title(verdict, paint));
    let mut line = |key: &str, text: &str| {
        let _ = writeln!(out, "  {} {}", paint.faint(key), terminal(text));
    };
    line(
        "Now:",
        &format!("{}{}.", verdict.summary, and_sigterm(verdict)),
    );
    let mut holders = verdict.holders.iter();
    if let Some(first) = holders.next() {
        let number = verdict
            .wait_number
            .map_or_else(String::new, |z| format!(" ({z})"));
        line("Why:", &format!("{}{number}.", first.sentence));
    }
    for other in holders {
        line("Also:", &format!("{}.", other.sentence));
    }
    let unnamed = verdict.holders_total.saturating_sub(verdict.holders.len());
    if unnamed > 0 {
        line("Also:", &format!("{unnamed} more like these."));
    }
    if let Some(stack) = stack(verdict) {
        line("Stack:", &stack);
    }
    if verdict.is_stuck() {
        line("For how long:", &format!("{}.", lasting(verdict.lasting)));
    }
    if let Some(frees) = &verdict.frees {
        line("What will free it:", &format!("{frees}."));
    }
    for command in &verdict.commands {
        line("  $", command);
    }
    if let Some(diagnosis) = &verdict.diagnosis {
        line("Diagnosis:", &cli(diagnosis.id));
        line("Fix:", &diagnosis.fix);
    }
    if let Some(freed) = &verdict.freed_by {
        line("What freed it:", &format!("{freed}."));
        if verdict.status == Status::Gone {
            line("It lasted:", &format!("{}.", lasting(verdict.lasting)));
        }
    }
    for unknown in &verdict.unknown {
        line("Not known:", &format!("{unknown}."));
    }
    out
}

fn title(verdict: &Verdict, paint: Paint) -> String {
    let name = match &verdict.container {
        Some(named) => {
            let ns = named.pid_ns.or(verdict.subject.pid_ns);
            let about = [
                Some(match named.runtime {
                    Runtime::Unknown => "of no known runtime".to_owned(),
                    runtime => runtime.id().to_owned(),
                }),
                named.image.clone(),
                ns.map(|ns| format!("PID namespace {ns}")),
            ];
            let about: Vec<String> = about.into_iter().flatten().collect();
            let whole = format!("{} ({})", named.name, about.join(", "));
            match verdict.subject.ns_pid {
                Some(1) => whole,
                _ => format!("{} in {whole}", words::process(&verdict.subject)),
            }
        }
        None => match verdict.subject.pid_ns {
            Some(ns) => format!("{} (PID namespace {ns})", words::process(&verdict.subject)),
            None => words::process(&verdict.subject),
        },
    };
    let word = match verdict.status {
        Status::Stuck => paint.bad("stuck"),
        Status::NotStuck => paint.bold("not stuck"),
        Status::Ending => paint.bold("ending"),
        Status::Gone => paint.bold("gone"),
    };
    format!("{}: {word}", terminal(&name))
}

/// What a stop signal that came now would meet: one that was dropped before has left
/// no trace.
fn and_sigterm(verdict: &Verdict) -> String {
    let would = verdict.sigterm.and_then(|stop| {
        let signal = names::signal(stop.signal);
        Some(format!(", and a {signal} to it {}", stop.would()?))
    });
    would.unwrap_or_default()
}

/// Of who sleeps where nobody sees why.
fn stack(verdict: &Verdict) -> Option<String> {
    let first = verdict.holders.first()?;
    let tells = matches!(first.wait, Wait::Uninterruptible | Wait::ExitHang);
    (tells && !first.stack.is_empty()).then(|| first.stack.join(" < "))
}

fn lasting(lasting: Lasting) -> String {
    match (lasting.at_least_ns, lasting.at_most_ns) {
        (Some(least), Some(most)) if least < most => format!(
            "at least {}, and at most {}",
            duration(least),
            duration(most)
        ),
        (Some(least), _) => format!("at least {}", duration(least)),
        (None, Some(most)) => format!("not known; at most {}", duration(most)),
        (None, None) => "not known".to_owned(),
    }
}
