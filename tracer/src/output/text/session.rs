//! What people are told at the start and at the end, for stderr.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::columns::Paint;
use super::words;
use crate::decide::{Outcome, Reason};
use crate::output::escape::terminal;
use crate::record::{Start, Stop};

/// One line, without a line feed: what is traced, where, and how.
pub fn header(r: &Start) -> String {
    let hooks: Vec<_> = r
        .hooks
        .iter()
        .map(|(hook, attached)| match attached {
            Some(how) => format!("{}: {}", terminal(hook), terminal(how)),
            None => format!("{}: none", terminal(hook)),
        })
        .collect();
    let mut line = format!(
        "sigwhy {} traces {} (Linux {}); {}",
        terminal(&r.version),
        terminal(&r.host),
        terminal(&r.kernel),
        hooks.join(", ")
    );
    if !r.lost_abilities.is_empty() {
        let lost: Vec<_> = r.lost_abilities.keys().map(|a| terminal(a)).collect();
        let _ = write!(line, "; without {}", lost.join(", "));
    }
    if !r.filters.is_empty() {
        let filters: Vec<_> = r.filters.iter().map(|f| terminal(f)).collect();
        let _ = write!(line, "; only {}", filters.join(" "));
    }
    line
}

/// A table of signals by container and outcome, then what went wrong. Ends with
/// a line feed.
pub fn summary(r: &Stop, color: bool) -> String {
    let paint = Paint(color);
    let mut out = String::new();
    // Outcomes that came, in the order of the reference; unknown ones last.
    let mut total: BTreeMap<&str, u64> = BTreeMap::new();
    for tally in &r.signals {
        for (outcome, count) in &tally.outcomes {
            let sum = total.entry(outcome).or_default();
            *sum = sum.saturating_add(*count);
        }
    }
    let known = Outcome::ALL.map(Outcome::id);
    let rank = |id: &str| known.iter().position(|k| *k == id).unwrap_or(known.len());
    let mut ids: Vec<&str> = total.keys().copied().collect();
    ids.sort_by_key(|id| rank(id));

    if ids.is_empty() {
        out.push_str("no signals\n");
    } else {
        table(&mut out, r, &ids, &total, paint);
    }
    let plural = |n: u64, one: &str, many: &str| format!("{n} {}", if n == 1 { one } else { many });
    match r.lost {
        0 => out.push_str("nothing lost\n"),
        n => {
            let text = plural(n, "event was lost", "events were lost");
            let _ = writeln!(out, "{} for want of room", paint.bad(&text));
        }
    }
    if r.model_disagrees > 0 {
        let text = plural(r.model_disagrees, "signal", "signals");
        let style = |t: &str| paint.outcome(Outcome::Dropped, Reason::ModelDisagrees, t);
        let _ = writeln!(
            out,
            "{} that sigwhy cannot explain: please report them",
            style(&text)
        );
    }
    if r.undecodable > 0 {
        let text = plural(r.undecodable, "kernel record", "kernel records");
        let _ = writeln!(
            out,
            "{} that sigwhy cannot read: please report this",
            paint.bad(&text)
        );
    }
    out
}

fn table(out: &mut String, r: &Stop, ids: &[&str], total: &BTreeMap<&str, u64>, paint: Paint) {
    let mut rows: Vec<(String, Vec<u64>)> = r
        .signals
        .iter()
        .map(|tally| {
            let name = match &tally.container {
                Some(name) => words::container_column(name),
                None => "host".to_owned(),
            };
            let count = |id: &&str| tally.outcomes.get(*id).copied().unwrap_or(0);
            (name, ids.iter().map(count).collect())
        })
        .collect();
    if rows.len() > 1 {
        let sums = ids.iter().map(|id| total.get(id).copied().unwrap_or(0));
        rows.push(("all".to_owned(), sums.collect()));
    }
    let first = rows.iter().map(|(name, _)| name.chars().count());
    let first = first.max().unwrap_or(0).max("signals".len());
    let _ = write!(out, "{:<first$}", "signals");
    let mut widths = Vec::new();
    for (column, id) in ids.iter().enumerate() {
        let numbers = rows
            .iter()
            .map(|(_, counts)| counts[column].to_string().len());
        let head = terminal(id).to_uppercase();
        let width = numbers.max().unwrap_or(0).max(head.chars().count());
        widths.push(width);
        let known = Outcome::ALL.into_iter().find(|outcome| outcome.id() == *id);
        let shown = match known {
            Some(outcome) => paint.outcome(outcome, Reason::Handler, &head),
            None => head.clone(),
        };
        let padding = width - head.chars().count() + 2;
        let _ = write!(out, "{:padding$}{shown}", "");
    }
    out.push('\n');
    for (name, counts) in &rows {
        let _ = write!(out, "{name:<first$}");
        for (count, width) in counts.iter().zip(&widths) {
            let text = if *count == 0 {
                "-".to_owned()
            } else {
                count.to_string()
            };
            let _ = write!(out, "  {text:>width$}");
        }
        out.push('\n');
    }
}
