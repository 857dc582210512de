//! Answers, tables and pages for people, in 80 columns.
//!
//! Everything here is our own text: nothing of it comes from a traced process.

use std::io::{self, Write};

use super::{Answer, page::Page, table::Block};
use crate::decide::{Outcome, Reason, names};
use crate::output::{
    text::{Paint, path},
    wrap::{width, wrap},
};

const COLUMNS: usize = 80;

/// Outcomes and reasons as the tracer prints them.
fn verdict(outcome: Outcome, reason: Reason, paint: Paint) -> String {
    format!(
        "{}  {}",
        paint.outcome(outcome, reason, outcome.id()),
        paint.bold(reason.id())
    )
}

/// One answer, with the path to it.
///
/// # Errors
/// Those of the writer.
pub fn answer(out: &mut impl Write, answer: &Answer, paint: Paint) -> io::Result<()> {
    writeln!(out, "{}", wrap(&answer.question, COLUMNS, "", "  "))?;
    writeln!(out)?;
    said(
        out,
        answer.outcome,
        answer.reason,
        &answer.explanation,
        paint,
    )?;
    if let Some(taken) = &answer.delivery {
        writeln!(out)?;
        writeln!(out, "When it leaves the queue, with what is set now:")?;
        said(out, taken.outcome, taken.reason, &taken.explanation, paint)?;
    }
    writeln!(out)?;
    writeln!(out, "The kernel's tests, in order:")?;
    let mut path = String::new();
    path::explained(&mut path, &answer.path, COLUMNS, "  ", paint);
    out.write_all(path.as_bytes())?;
    let decided = path::decided(answer.rule, Some(answer.forced));
    writeln!(out, "  {}", paint.bold(&decided))
}

fn said(
    out: &mut impl Write,
    outcome: Outcome,
    reason: Reason,
    explanation: &str,
    paint: Paint,
) -> io::Result<()> {
    writeln!(out, "  {}", verdict(outcome, reason, paint))?;
    writeln!(out, "{}", wrap(explanation, COLUMNS, "  ", "  "))
}

/// Every signal from every side.
///
/// # Errors
/// Those of the writer.
pub fn table(out: &mut impl Write, blocks: &[Block], paint: Paint) -> io::Result<()> {
    const ROW: usize = 9;
    const CELL: usize = 23;
    for (index, block) in blocks.iter().enumerate() {
        if index > 0 {
            writeln!(out)?;
        }
        let names = names::list(&block.signals);
        writeln!(out, "{}", wrap(&paint.bold(&names), COLUMNS, "", ""))?;
        let mut head = " ".repeat(ROW);
        for (from, _) in super::table::FROM {
            head.push_str(&format!("{:<CELL$}", format!("from {from}")));
        }
        writeln!(out, "{}", paint.faint(head.trim_end()))?;
        for row in block.rows.chunk_by(|a, b| a.handler == b.handler) {
            let cell = |text: String| {
                let gap = CELL.saturating_sub(width(&text)).max(1);
                format!("{text}{}", " ".repeat(gap))
            };
            let first = row
                .iter()
                .map(|r| cell(paint.outcome(r.outcome, r.reason, r.outcome.id())));
            let line = format!("{:<ROW$}{}", row[0].handler, first.collect::<String>());
            writeln!(out, "{}", line.trim_end())?;
            let second: String = row.iter().map(|r| cell(r.reason.id().to_owned())).collect();
            writeln!(out, "{}{}", " ".repeat(ROW), second.trim_end())?;
            if row
                .iter()
                .any(|r| r.delivery.is_some_and(|d| d != r.reason))
            {
                let third = row.iter().map(|r| match r.delivery {
                    Some(d) if d != r.reason => cell(format!("then {}", short(d))),
                    _ => cell(String::new()),
                });
                let third: String = third.collect();
                writeln!(out, "{}{}", " ".repeat(ROW), third.trim_end())?;
            }
        }
    }
    Ok(())
}

/// Fits a cell.
fn short(reason: Reason) -> &'static str {
    match reason {
        Reason::UnkillableInitAtDequeue => "dropped there",
        other => other.id(),
    }
}

/// One page.
///
/// # Errors
/// Those of the writer.
pub fn page(out: &mut impl Write, page: &Page, paint: Paint) -> io::Result<()> {
    let item = |out: &mut dyn Write, title: &str, text: &str| {
        writeln!(out)?;
        writeln!(out, "{}", paint.bold(title))?;
        writeln!(out, "{}", wrap(text, COLUMNS, "  ", "  "))
    };
    match page {
        Page::Reason { id, about, example } => {
            writeln!(out, "{}: why a signal fared as it did", paint.bold(id))?;
            writeln!(out)?;
            writeln!(out, "{}", wrap(about, COLUMNS, "", ""))?;
            if let Some(example) = example {
                item(out, "For example", &example.command)?;
                said(
                    out,
                    example.answer.outcome,
                    example.answer.reason,
                    &example.answer.explanation,
                    paint,
                )?;
                if let Some(taken) = &example.answer.delivery {
                    writeln!(out, "  and when it leaves the queue:")?;
                    said(out, taken.outcome, taken.reason, &taken.explanation, paint)?;
                }
            }
            Ok(())
        }
        Page::Diagnosis {
            id,
            about,
            evidence,
            fix,
        } => {
            writeln!(out, "{}: what was wrong with a termination", paint.bold(id))?;
            writeln!(out)?;
            writeln!(out, "{}", wrap(about, COLUMNS, "", ""))?;
            item(out, "Recognised by", &format!("{evidence}."))?;
            item(out, "What to do", fix)
        }
        Page::Trouble {
            id,
            title,
            said,
            why,
            steps,
        } => {
            writeln!(out, "{}: {}", paint.bold(id), title)?;
            for line in *said {
                writeln!(out)?;
                writeln!(out, "{}", wrap(line, COLUMNS, "  | ", "  | "))?;
            }
            writeln!(out)?;
            writeln!(out, "{}", wrap(why, COLUMNS, "", ""))?;
            writeln!(out)?;
            writeln!(out, "{}", paint.bold("What to do"))?;
            steps.iter().try_for_each(|text| advice(out, text, COLUMNS))
        }
    }
}

/// A step: a sentence, or a sentence and a command on a line of its own, for it to
/// be copied. The command is never broken, however few the columns.
///
/// # Errors
/// Those of the writer.
pub fn advice(out: &mut impl Write, text: &str, columns: usize) -> io::Result<()> {
    let command = text
        .strip_suffix('`')
        .and_then(|rest| rest.rsplit_once('`'));
    match command {
        Some((before, command)) => {
            writeln!(out, "{}", wrap(before.trim_end(), columns, "  - ", "    "))?;
            writeln!(out, "      {command}")
        }
        None => {
            let plain = text.replace('`', "");
            writeln!(out, "{}", wrap(&plain, columns, "  - ", "    "))
        }
    }
}

/// What can be looked up.
///
/// # Errors
/// Those of the writer.
pub fn topics(out: &mut impl Write, paint: Paint) -> io::Result<()> {
    let reasons = Reason::ALL.iter().map(|reason| reason.id().to_owned());
    let diagnoses = crate::diagnosis::catalogue::ALL.iter();
    let troubles = crate::trouble::ALL.iter();
    let lists: [(&str, Vec<String>); 3] = [
        ("Reasons: why one signal fared as it did", reasons.collect()),
        (
            "Diagnoses: what was wrong with a termination",
            diagnoses.map(|entry| entry.id.cli()).collect(),
        ),
        (
            "Troubles: what keeps sigwhy itself from its work",
            troubles.map(|entry| entry.id.to_owned()).collect(),
        ),
    ];
    for (title, words) in lists {
        writeln!(out, "{}", paint.bold(title))?;
        writeln!(out, "{}", wrap(&words.join(" "), COLUMNS, "  ", "  "))?;
        writeln!(out)?;
    }
    let how = "`sigwhy explain WORD` prints the page of one; `sigwhy explain --signal TERM \
               --init` asks what the kernel would do with a signal, and --table asks it for all.";
    writeln!(out, "{}", wrap(how, COLUMNS, "", ""))
}
