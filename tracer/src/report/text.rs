//! The report for people: what was read, the worst terminations, the causes.

use std::io;

use anstyle::{AnsiColor, Style};
use jiff::{Timestamp as Instant, tz::TimeZone};

use super::{Report, Source, Told, wasted};
use crate::{
    diagnosis::catalogue,
    episode::words::process,
    import,
    output::{
        escape::terminal,
        table,
        text::{verdict, words},
    },
    record::{Ending, Episode, EpisodeState, FlightRecorder, Timestamp, duration},
    store::Damage,
};

const SECOND: u64 = 1_000_000_000;

/// Ten years: no clock that begins with a boot comes so far, and no date is so old.
const NO_DATE: u64 = 10 * 365 * 86_400 * SECOND;

/// How to print.
#[derive(Debug, Clone)]
pub struct Options {
    pub color: bool,
    /// Terminations listed.
    pub limit: usize,
    /// Of these, how many are told whole.
    pub whole: usize,
    pub zone: TimeZone,
}

/// Prints it.
///
/// # Errors
/// Those of the writer.
pub fn render(report: &Report, options: &Options, out: &mut impl io::Write) -> io::Result<()> {
    for source in &report.sources {
        write_source(source, options, out)?;
    }
    if report.total == 0 {
        return writeln!(out, "\nNo termination of a container.");
    }
    let ranked = report.ranked();
    writeln!(
        out,
        "\n{}, {} ungraceful\n",
        plural(report.total, "termination"),
        report.ungraceful
    )?;
    let shown = &ranked[..ranked.len().min(options.limit)];
    let several = shown.windows(2).any(|pair| pair[0].host != pair[1].host);
    let titles = [
        "WASTED",
        "WHEN",
        "HOST",
        "CONTAINER",
        "STOP",
        "END",
        "CAUSE",
    ];
    let rows: Vec<_> = shown
        .iter()
        .map(|told| {
            let mut cells = cells(told, &options.zone);
            if !several {
                cells[2].clear();
            }
            let style = if told.episode.ungraceful {
                AnsiColor::Red.on_default()
            } else {
                Style::new()
            };
            (cells, style)
        })
        .collect();
    table::render(titles, &rows, out, options.color)?;
    let rest = report.total - shown.len() as u64;
    if rest > 0 {
        writeln!(out, "and {rest} more (--limit)")?;
    }
    write_causes(report, options.color, out)?;
    for told in shown.iter().take(options.whole) {
        writeln!(out)?;
        if several {
            write!(out, "{}, ", terminal(&told.host))?;
        }
        writeln!(out, "{}", time(told.episode.began.ts, &options.zone))?;
        out.write_all(verdict(&told.episode, options.color).as_bytes())?;
    }
    Ok(())
}

fn write_source(source: &Source, options: &Options, out: &mut impl io::Write) -> io::Result<()> {
    let host = match source.host.as_str() {
        "" if source.imported.is_some() => "another tracer".to_owned(),
        "" => "an unknown host".to_owned(),
        host => format!("{} (Linux {})", terminal(host), terminal(&source.kernel)),
    };
    let records = plural(source.records, "record");
    let span = match (source.first, source.last) {
        (Some(first), Some(last)) => format!(
            ", {} to {}",
            time(first, &options.zone),
            time(last, &options.zone)
        ),
        _ => String::new(),
    };
    writeln!(out, "{}: {records} of {host}{span}", terminal(&source.name))?;
    for note in notes(source) {
        writeln!(out, "  {note}")?;
    }
    Ok(())
}

/// What is missing of a recording.
pub fn notes(source: &Source) -> Vec<String> {
    let mut notes = damage(&source.damage);
    if let Some(error) = &source.error {
        notes.push(terminal(error).into_owned());
    }
    if !source.narrowed_by.is_empty() {
        notes.push(format!(
            "recorded with {}, which hides a part of each termination: none is told",
            terminal(&source.narrowed_by.join(" "))
        ));
    }
    notes.extend(source.flight.as_ref().map(|flight| flown(source, flight)));
    notes.extend(source.imported.iter().flat_map(imported));
    if source.lost > 0 {
        notes.push(format!(
            "{} were lost while recording",
            plural(source.lost, "event")
        ));
    }
    notes
}

/// What a flight recorder is, and did.
fn flown(source: &Source, flight: &FlightRecorder) -> String {
    let times = match source.prerolls {
        0 => "never".to_owned(),
        1 => "once".to_owned(),
        n => format!("{n} times"),
    };
    let partial = match source.partial {
        0 => String::new(),
        n => format!(", {n} of which did not reach back to the begin"),
    };
    format!(
        "a flight recorder, with the last {} in memory, wrote containers out {times}{partial} (for {})",
        duration(flight.window_ns),
        terminal(&flight.occasions.join(", "))
    )
}

/// What an import came to, and what it cannot say.
fn imported(summary: &import::Summary) -> Vec<String> {
    let words = [
        "queued",
        "dropped",
        "pending already",
        "failed",
        "queued without siginfo",
        "of an unknown result",
    ];
    let counts: Vec<_> = summary
        .results
        .iter()
        .zip(words)
        .filter(|(count, _)| **count > 0)
        .map(|(count, word)| format!("{count} {word}"))
        .collect();
    let counts = if counts.is_empty() {
        "no signal was sent".to_owned()
    } else {
        format!("signals by the kernel's result: {}", counts.join(", "))
    };
    let mut notes = vec![counts, summary.limits.clone()];
    if !summary.has_date {
        notes.push(
            "its clock has no date: times are seconds of that clock (--boot TIME gives them one)"
                .to_owned(),
        );
    }
    if let Some(first) = summary.first_bad {
        let lines = plural(summary.bad_lines, "line");
        notes.push(format!(
            "{lines} could not be read, the first is line {first}"
        ));
    }
    if summary.left_out > 0 {
        notes.push(format!(
            "{} events more than find room were left out",
            summary.left_out
        ));
    }
    notes
}

/// What could not be read of a recording, each a sentence without its stop.
pub fn damage(damage: &Damage) -> Vec<String> {
    let mut notes = Vec::new();
    if damage.unfinished {
        notes.push("it has no end: its recorder was killed, or still runs".to_owned());
    }
    if damage.skipped_bytes > 0 {
        notes.push(format!(
            "{} bytes of the file are damaged and were skipped",
            damage.skipped_bytes
        ));
    }
    if damage.bad_lines > 0 {
        notes.push(format!(
            "{} could not be read",
            plural(damage.bad_lines, "line")
        ));
    }
    if damage.unknown_records > 0 {
        notes.push(format!(
            "{} of a newer sigwhy were left out",
            plural(damage.unknown_records, "record")
        ));
    }
    notes
}

fn cells(told: &Told, zone: &TimeZone) -> [String; 7] {
    let episode = &told.episode;
    let wasted = match wasted(episode) {
        0 => "-".to_owned(),
        ns => duration(ns),
    };
    let stop = episode
        .stop_signal
        .as_ref()
        .map_or("-".to_owned(), |signal| terminal(&signal.name).into_owned());
    let cause = episode.diagnoses.first().map_or_else(
        || "-".to_owned(),
        |cause| terminal(&catalogue::cli(&cause.id)).into_owned(),
    );
    [
        wasted,
        time(episode.began.ts, zone),
        terminal(&told.host).into_owned(),
        match &episode.container {
            Some(container) => words::container(Some(container)),
            None => terminal(&process(&episode.init)).into_owned(),
        },
        stop,
        end(episode),
        cause,
    ]
}

/// How it ended: `killed (137)`.
pub fn end(episode: &Episode) -> String {
    let code = episode
        .exit_code
        .map_or(String::new(), |code| format!(" ({code})"));
    let word = match (episode.state, episode.ending) {
        (EpisodeState::Stuck, _) => return "stuck".to_owned(),
        (_, Ending::Exited) => "exited",
        (_, Ending::Killed) => "killed",
        (_, Ending::Crashed) => "crashed",
        (_, Ending::LivesOn) => return "lives on".to_owned(),
        (_, Ending::Unknown) => return "not seen".to_owned(),
    };
    format!("{word}{code}")
}

fn write_causes(report: &Report, color: bool, out: &mut impl io::Write) -> io::Result<()> {
    let causes = report.causes();
    if causes.is_empty() {
        return Ok(());
    }
    writeln!(out)?;
    let rows: Vec<_> = causes
        .iter()
        .map(|(id, toll)| {
            let wasted = match toll.wasted {
                0 => "-".to_owned(),
                ns => duration(ns),
            };
            let name = terminal(&catalogue::cli(id)).into_owned();
            let about = catalogue::ALL.iter().find(|entry| entry.id.id() == *id);
            let about = about.map_or(String::new(), |entry| entry.about.to_owned());
            ([toll.count.to_string(), wasted, name, about], Style::new())
        })
        .collect();
    table::render(["COUNT", "WASTED", "CAUSE", ""], &rows, out, color)
}

/// With its date, which a recording needs. A clock that began at 0 has none.
pub fn time(ts: Timestamp, zone: &TimeZone) -> String {
    if ts.0 < NO_DATE {
        return format!("{}.{:06} s", ts.0 / SECOND, ts.0 % SECOND / 1_000);
    }
    let ns = i128::from(ts.0);
    match Instant::from_nanosecond(ns) {
        Ok(at) => at
            .to_zoned(zone.clone())
            .strftime("%Y-%m-%d %H:%M:%S")
            .to_string(),
        Err(_) => "-".to_owned(),
    }
}

/// `1 event`, `2 events`
pub fn plural(count: u64, what: &str) -> String {
    let s = if count == 1 { "" } else { "s" };
    format!("{count} {what}{s}")
}
