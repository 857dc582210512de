//! `sigwhy report`: post-mortem over recordings.

use std::{
    io::{self, BufWriter, IsTerminal as _, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context as _;
use clap::ValueEnum;

use crate::{
    decide::names,
    diagnosis::catalogue,
    import,
    output::{
        color::{Color, Variables},
        escape::terminal,
    },
    record::Timestamp,
    report::{
        self, Wanted,
        file::Output,
        html, perfetto,
        sources::{Extra, Passing},
    },
};

/// Tell what went wrong with the containers of recordings, the worst first.
///
/// Reads what `sigwhy record` writes and what `--format json` prints, of one node
/// or of many, and judges it by what this version knows. Terminations are ranked
/// by the time that was wasted: from the stop signal to the SIGKILL that was
/// needed after all. A damaged or unfinished file is read as far as it goes.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Recordings; - is standard input.
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,

    /// The files are what another tracer printed (docs/import.md): perf-script,
    /// ftrace (also trace-cmd report), or bpftrace. Fewer reasons are known then.
    #[arg(long, value_enum, value_name = "TRACER")]
    pub from: Option<import::Format>,

    /// With --from: when the clock of the text was 0, which gives its times a date:
    /// most often when the machine was started (uptime -s).
    #[arg(long, value_name = "TIME", requires = "from", value_parser = parse_time)]
    pub boot: Option<Timestamp>,

    #[command(flatten)]
    pub which: super::which::Which,

    /// Only what ended at this time or later: 2026-11-22T14:00Z, 2026-11-22 14:00
    /// (local time), or 2h for two hours ago.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub since: Option<Timestamp>,

    /// Only what began at this time or before.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub until: Option<Timestamp>,

    /// Only with one of these diagnoses, for instance pid1-no-handler.
    #[arg(long, value_name = "DIAGNOSIS", value_delimiter = ',', value_parser = parse_diagnosis)]
    pub diagnosis: Vec<catalogue::Id>,

    /// Only with one of these stop signals: TERM, SIGQUIT, 3.
    #[arg(short, long, value_name = "SIGNAL", value_delimiter = ',', value_parser = names::parse_signal)]
    pub signal: Vec<u32>,

    /// Only where somebody or something was cut off.
    #[arg(short, long)]
    pub ungraceful: bool,

    /// List so many; 20 where nobody says, 100 on a page, and all as JSON.
    #[arg(short = 'n', long, value_name = "N")]
    pub limit: Option<usize>,

    /// Tell so many whole: timeline, causes, fixes. 3 where nobody says, and 100 on
    /// a page.
    #[arg(long, value_name = "N")]
    pub whole: Option<usize>,

    /// How to print: text, or one `episode` record for each line. With --html or
    /// --perfetto, nothing is printed without it.
    #[arg(short, long, value_enum)]
    pub format: Option<Format>,

    /// Write one page for a browser, with a picture of each termination; - is
    /// standard output. It needs no network and no other file.
    #[arg(long, value_name = "OUT")]
    pub html: Option<PathBuf>,

    /// Write a trace for ui.perfetto.dev: a track for each process, an arrow for
    /// each signal. --since, --until and the container's filters narrow it.
    #[arg(long, value_name = "OUT")]
    pub perfetto: Option<PathBuf>,

    /// Colour: auto is for terminals, and respects NO_COLOR.
    #[arg(long, value_enum, default_value_t = Color::Auto)]
    pub color: Color,
}

/// Terminations listed where nobody says how many.
const LISTED: usize = 20;

/// Told whole in text where nobody says.
const WHOLE: usize = 3;

/// How to print.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Text,
    Json,
}

/// Reads and prints.
///
/// # Errors
/// When a file cannot be read, or the output cannot be written.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let wanted = Wanted {
        containers: args.which.wanted(),
        since: args.since,
        until: args.until,
        diagnoses: args.diagnosis.iter().map(|id| id.id().to_owned()).collect(),
        signals: args.signal.clone(),
        ungraceful: args.ungraceful,
    };
    let is_stdout = |path: &Option<PathBuf>| path.as_deref() == Some(Path::new("-"));
    let on_stdout = [
        is_stdout(&args.html),
        is_stdout(&args.perfetto),
        args.format.is_some(),
    ];
    anyhow::ensure!(
        on_stdout.into_iter().filter(|one| *one).count() <= 1,
        "only one of --html -, --perfetto - and --format can have standard output: give the others a file"
    );
    let page = args.html.as_deref().map(html_file).transpose()?;
    let mut trace = match &args.perfetto {
        Some(path) => {
            let out = Output::create(path, &[&perfetto::head()])?;
            Some(perfetto::Trace::new(out, wanted.clone()).context("writing the trace")?)
        }
        None => None,
    };
    let extra = Extra {
        pictures: page.as_ref().map_or(0, |_| pictures(&args)),
        passing: trace.as_mut().map(|trace| trace as &mut dyn Passing),
    };
    let from = args.from.map(|format| import::Options {
        format,
        boot: args.boot,
    });
    let report = report::sources::read(&args.files, &wanted, from, extra)?;
    let is_text = match args.format {
        Some(format) => format == Format::Text,
        None => args.html.is_none() && args.perfetto.is_none(),
    };
    if !is_text {
        for source in &report.sources {
            for note in report::text::notes(source) {
                super::tell(&format!("{}: {note}", terminal(&source.name)));
            }
        }
    }
    if let Some(mut out) = page {
        let options = html::Options {
            limit: args.limit.unwrap_or(html::LISTED),
            zone: jiff::tz::TimeZone::system(),
        };
        html::render(&report, &options, &mut out).context("writing the page")?;
        out.finish()?;
    }
    if let Some(trace) = trace {
        trace.into_inner().finish()?;
    }
    if is_text || args.format.is_some() {
        print(&args, is_text, &report).context(super::WRITING)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn html_file(path: &Path) -> anyhow::Result<Output> {
    Output::create(path, &[html::HEAD.as_bytes()])
}

/// How many terminations a page tells whole.
fn pictures(args: &Args) -> usize {
    let listed = args.limit.unwrap_or(html::LISTED);
    args.whole
        .unwrap_or(html::WHOLE)
        .min(listed)
        .min(report::KEPT)
}

fn print(args: &Args, is_text: bool, report: &report::Report) -> io::Result<()> {
    let stdout = io::stdout().lock();
    let color = args
        .color
        .wanted(stdout.is_terminal(), &Variables::from_env());
    let mut out = BufWriter::new(stdout);
    match is_text {
        true => {
            let options = report::text::Options {
                color,
                limit: args.limit.unwrap_or(LISTED),
                whole: args.whole.unwrap_or(WHOLE),
                zone: jiff::tz::TimeZone::system(),
            };
            report::text::render(report, &options, &mut out)?;
        }
        false => report::json(report, args.limit.unwrap_or(usize::MAX), &mut out)?,
    }
    out.flush()
}

fn parse_diagnosis(text: &str) -> Result<catalogue::Id, String> {
    catalogue::Id::find_recorded(text)
        .map_err(|known| format!("recordings tell no such diagnosis; there are {known}"))
}

/// Reads a point in time, or how long ago it was.
fn parse_time(text: &str) -> Result<Timestamp, String> {
    let refuse =
        || "expected a time such as 2026-11-22T14:00Z, \"2026-11-22 14:00\" or 2h (ago)".to_owned();
    let zone = jiff::tz::TimeZone::system();
    let at: jiff::Timestamp = if let Ok(at) = text.parse() {
        at
    } else if let Ok(civil) = text.parse::<jiff::civil::DateTime>() {
        civil.to_zoned(zone).map_err(|_| refuse())?.timestamp()
    } else {
        let ago: jiff::SignedDuration = text.parse().map_err(|_| refuse())?;
        jiff::Timestamp::now()
            .checked_sub(ago)
            .map_err(|_| refuse())?
    };
    u64::try_from(at.as_nanosecond())
        .map(Timestamp)
        .map_err(|_| refuse())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        let noon = 1_795_348_800_000_000_000;
        assert_eq!(parse_time("2026-11-22T12:00:00Z"), Ok(Timestamp(noon)));
        assert_eq!(parse_time("2026-11-22T13:00:00+01:00"), Ok(Timestamp(noon)));
        assert!(parse_time("2026-11-22 12:00").is_ok());
        let ago = parse_time("2h").expect("a time");
        let now = u64::try_from(jiff::Timestamp::now().as_nanosecond()).expect("after 1970");
        assert!(now - ago.0 >= 7_200_000_000_000 && now - ago.0 < 7_300_000_000_000);
        for wrong in ["", "noon", "1969-01-01T00:00:00Z", "2026-13-01"] {
            assert!(parse_time(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn diagnoses_have_both_names() {
        let one = parse_diagnosis("pid1-no-handler").expect("known");
        assert_eq!(parse_diagnosis("PID1_NO_HANDLER"), Ok(one));
        assert!(parse_diagnosis("bad-luck").is_err());
    }
}
