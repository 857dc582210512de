//! The report for people: what was read, the worst terminations, the causes.

use std::io;

use anstyle::{AnsiColor, Style};
use jiff::{Timestamp as Instant, tz::TimeZone};

use super::{Report, Source, Told, wasted};
use crate::{
    diagnosis::catalogue,
    output::{
        escape::terminal,
        table,
        text::{verdict, words},
    },
    record::{Ending, Episode, EpisodeState, Timestamp},
    store::Damage,
};

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
    if source.lost > 0 {
        notes.push(format!(
            "{} were lost while recording",
            plural(source.lost, "event")
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
        ns => words::duration(ns),
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
        words::container(episode.container.as_deref()),
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
                ns => words::duration(ns),
            };
            let name = terminal(&catalogue::cli(id)).into_owned();
            let about = catalogue::ALL.iter().find(|entry| entry.id.id() == *id);
            let about = about.map_or(String::new(), |entry| entry.about.to_owned());
            ([toll.count.to_string(), wasted, name, about], Style::new())
        })
        .collect();
    table::render(["COUNT", "WASTED", "CAUSE", ""], &rows, out, color)
}

/// With its date, which a recording needs.
pub fn time(ts: Timestamp, zone: &TimeZone) -> String {
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
