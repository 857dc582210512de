//! `sigwhy replay`: a recording as `live` would have shown it.

use std::{
    io::{self, IsTerminal as _},
    path::PathBuf,
    process::ExitCode,
};

use anyhow::Context as _;

use super::live::{
    Format, Select,
    plan::{signal_set, view},
};
use crate::{
    cli,
    diagnosis::Teller,
    output::{
        Sink,
        color::{Color, Variables},
        escape::terminal,
        json::Json,
        text::{self, Text, TextOptions},
    },
    record::{Record, Start},
    report,
    selection::Selection,
    store::{Reader, parsers},
    view::View,
};

/// Show a recording as `live` would have shown it, with its filters.
///
/// Reads what `sigwhy record` writes and what `--format json` prints. Times are
/// those of the events; nothing is waited for. Episodes are told anew, by what
/// this version knows.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The recording; - is standard input.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,

    #[command(flatten)]
    pub select: Select,

    /// Only episodes: each termination of a container, told whole, and no single
    /// events.
    #[arg(long, conflicts_with = "no_episodes")]
    pub episodes_only: bool,

    /// No episodes.
    #[arg(long)]
    pub no_episodes: bool,

    /// How to print.
    #[arg(short, long, value_enum, default_value_t = Format::Text)]
    pub format: Format,

    /// Colour: auto is for terminals, and respects NO_COLOR.
    #[arg(long, value_enum, default_value_t = Color::Auto)]
    pub color: Color,
}

/// Reads and shows.
///
/// # Errors
/// When the file cannot be read or holds no records, or the output cannot be
/// written.
pub fn run(args: Args, verbose: bool) -> anyhow::Result<ExitCode> {
    let color = |is_terminal| args.color.wanted(is_terminal, &Variables::from_env());
    let stdout = io::stdout().lock();
    let sink: Box<dyn Sink> = match args.format {
        Format::Json => Box::new(Json::new(stdout)),
        Format::Text => {
            let options = TextOptions {
                color: color(stdout.is_terminal()),
                verbose,
                all: args.select.all,
                time: jiff::tz::TimeZone::system(),
            };
            Box::new(Text::new(stdout, options))
        }
    };
    let mut show = Show {
        selection: Selection {
            signals: signal_set(&args.select),
            targets: args.select.pid.clone(),
            senders: args.select.sender_pid.clone(),
            inits: args.select.inits,
            host: args.select.host || args.select.all,
        },
        view: view(&args.select),
        events: !args.episodes_only,
        episodes: !args.no_episodes,
        sink,
    };
    let mut reader = Reader::open(&args.file, parsers())?;
    let mut teller = Teller::new();
    let mut told = Vec::new();
    let mut is_empty = true;
    let mut before: Option<Start> = None;
    while let Some(record) = reader.next() {
        is_empty = false;
        if reader.take_gap() {
            teller.gap(record.when());
        }
        teller.take(&record, &mut told);
        if let Record::Start(start) = &record {
            // Each piece of a recording begins with the same one.
            if before.as_ref() == Some(&**start) {
                continue;
            }
            if args.format == Format::Text {
                cli::tell_line(&text::header(start));
            }
            show.all(&mut told)?;
            let narrowing = report::sources::narrowing(start);
            if show.episodes && !narrowing.is_empty() {
                let filters = terminal(&narrowing.join(" ")).into_owned();
                cli::tell(&format!(
                    "recorded with {filters}: no terminations are told"
                ));
            }
            before = Some((**start).clone());
        }
        // What was told while recording is told anew.
        if !matches!(record, Record::Episode(_)) {
            show.record(&record)?;
        }
        show.all(&mut told)?;
    }
    if reader.take_gap() {
        teller.gap_at_end();
    }
    teller.end(&mut told);
    show.all(&mut told)?;
    show.sink.flush().context(cli::WRITING)?;
    let name = || terminal(&args.file.to_string_lossy()).into_owned();
    if let Some(error) = reader.error() {
        return Err(anyhow::Error::from(error).context(format!("reading {}", name())));
    }
    let damage = reader.damage();
    if is_empty {
        return Err(report::no_records(&args.file));
    }
    for note in report::text::damage(&damage) {
        cli::tell(&format!("{}: {note}", name()));
    }
    Ok(ExitCode::SUCCESS)
}

struct Show {
    selection: Selection,
    view: View,
    events: bool,
    episodes: bool,
    sink: Box<dyn Sink>,
}

impl Show {
    fn record(&mut self, record: &Record) -> anyhow::Result<()> {
        let is_wanted = match record {
            Record::Episode(_) => self.episodes,
            _ => self.events,
        };
        if is_wanted && self.selection.takes(record) && self.view.shows(record) {
            self.sink.record(record).context(cli::WRITING)?;
        }
        Ok(())
    }

    fn all(&mut self, records: &mut Vec<Record>) -> anyhow::Result<()> {
        records
            .drain(..)
            .try_for_each(|record| self.record(&record))
    }
}
