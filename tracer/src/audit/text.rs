//! The audit for people: a line for each container, then what was found. All of
//! it is escaped here: names are anybody's words.

use std::fmt::Write as _;
use std::io;

use anstyle::{AnsiColor, Style};

use super::{Audit, Finding, Weight};
use crate::decide::names;
use crate::diagnosis::catalogue::cli;
use crate::output::escape::terminal;
use crate::output::table;
use crate::output::text::Paint;
use crate::record::Runtime;
use crate::waits::Brief;

/// Writes the table and the findings.
///
/// # Errors
/// Those of the writer.
pub fn render(audits: &[Audit], out: &mut impl io::Write, colour: bool) -> io::Result<()> {
    if audits.is_empty() {
        return writeln!(
            out,
            "no containers and no PID namespaces but the machine's own"
        );
    }
    let titles = [
        "NAME",
        "RUNTIME",
        "IMAGE",
        "MAIN",
        "STOP",
        "PASSES IT",
        "CUT OFF",
        "ZOMBIES",
        "FINDINGS",
    ];
    let rows: Vec<_> = audits
        .iter()
        .map(|audit| (cells(audit), style(audit)))
        .collect();
    table::render(titles, &rows, out, colour)?;
    let paint = Paint(colour);
    for audit in audits.iter().filter(|audit| !audit.findings.is_empty()) {
        out.write_all(paragraph(audit, paint).as_bytes())?;
    }
    let wrong = audits.iter().filter(|audit| audit.has_problem()).count();
    let all = audits.len();
    writeln!(out)?;
    match wrong {
        0 => writeln!(out, "{all} looked at, and nothing wrong found"),
        _ => writeln!(out, "{all} looked at, {wrong} with something wrong"),
    }
}

fn style(audit: &Audit) -> Style {
    match (audit.has_problem(), audit.findings.is_empty()) {
        (true, _) => AnsiColor::Red.on_default(),
        (false, false) => AnsiColor::Yellow.on_default(),
        (false, true) => Style::new(),
    }
}

fn cells(audit: &Audit) -> [String; 9] {
    let dash = || "-".to_owned();
    let named = &audit.container;
    let runtime = match named.runtime {
        Runtime::Unknown => "-",
        runtime => runtime.id(),
    };
    let main = |main: &Brief| format!("{} {}", main.comm, main.pid);
    let stop = audit.stop.as_ref().map_or_else(dash, |stop| {
        let words = match audit.taken_by {
            Some(super::Taker::Signalfd) => "read from a signalfd",
            Some(super::Taker::Thread) => "taken by a thread",
            None => stop.words(),
        };
        format!("{} {words}", names::signal(stop.signal))
    });
    let cut_off = match (audit.cut_off_total, audit.perhaps_cut_off) {
        (0, 0) => dash(),
        (n, 0) => format!("{n} of {}", audit.others_with_handler),
        (0, n) => format!("perhaps {n}"),
        (n, more) => format!("{n}, perhaps {}", n + more),
    };
    let zombies = match audit.zombies_total {
        0 => dash(),
        n => n.to_string(),
    };
    let ids: Vec<_> = audit.findings.iter().map(|f| cli(f.advice.id)).collect();
    let texts = [
        named.name.clone(),
        runtime.to_owned(),
        named.image.clone().unwrap_or_else(dash),
        audit.main.as_ref().map_or_else(dash, main),
        stop,
        audit.passes.words().to_owned(),
        cut_off,
        zombies,
        match ids.is_empty() {
            true => dash(),
            false => ids.join(", "),
        },
    ];
    texts.map(|text| terminal(&text).into_owned())
}

fn paragraph(audit: &Audit, paint: Paint) -> String {
    let mut out = String::new();
    // Writing to a String does not fail.
    let name = terminal(&audit.container.name).into_owned();
    let _ = writeln!(out, "\n{}", paint.bold(&name));
    for Finding { weight, advice } in &audit.findings {
        let id = cli(advice.id);
        let id = match weight {
            Weight::Problem => paint.bad(&id),
            Weight::Note => format!("{} (a note)", paint.bold(&id)),
        };
        let _ = writeln!(out, "  {id}: {}.", terminal(&advice.summary));
        let _ = writeln!(out, "    Fix: {}", terminal(&advice.fix));
        if let Some(why) = &advice.uncertain {
            let _ = writeln!(out, "    Not certain: {}.", terminal(why));
        }
    }
    out
}
