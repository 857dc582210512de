//! `sigwhy record`: what `live` would show, into a file.

use std::{path::PathBuf, process::ExitCode, time::Duration};

use super::live::{self, Select, To, Trace, plan::parse_duration};
use crate::{
    flight::{self, Occasion},
    output::color::Color,
    store,
};

/// Record signals and terminations into a file, for `report` and `replay`.
///
/// The file is zstd-compressed JSON, a record for each line: `zstd -dc FILE | jq`
/// reads it too. Whatever ends the recorder, everything up to half a second
/// before can be read. What is recorded is what `sigwhy live` would show with the
/// same filters; without filters, everything that a report needs. With filters
/// that hide a part of a termination (--signal, --pid, --outcome and the like),
/// `report` tells none.
///
/// With --flight-recorder all of that is kept in memory for a while, and written
/// only when something happens that is worth it: a container that ended badly, with
/// everything that came before; or, on SIGUSR1, all that is kept.
///
/// Ends with Ctrl-C, SIGTERM or SIGHUP, and then prints a summary.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The file. One that exists is not touched.
    #[arg(short, long, value_name = "FILE")]
    pub out: PathBuf,

    /// Put the file aside when it has reached this size (64M, 1G), as FILE.1,
    /// FILE.2 and so on, and begin a new one.
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    pub rotate: Option<u64>,

    /// With --rotate: keep so many files, the current one among them.
    #[arg(long, value_name = "N", default_value_t = 4, requires = "rotate", value_parser = clap::value_parser!(u32).range(1..))]
    pub files: u32,

    /// Have the disk take what is written each time, so that it survives the
    /// machine.
    #[arg(long)]
    pub sync: bool,

    /// Keep what is recorded in memory for this time (10m where nobody says; 90s,
    /// 1h), and write a container's records only on an occasion.
    #[arg(long, value_name = "TIME", num_args = 0..=1, require_equals = true, default_missing_value = "10m", value_parser = parse_window)]
    pub flight_recorder: Option<Duration>,

    /// With --flight-recorder: how much memory all that is kept may take (1M to 4G).
    /// Where it is short, the container that takes most forgets its oldest records.
    #[arg(long, value_name = "SIZE", default_value = "32M", requires = "flight_recorder", value_parser = parse_memory)]
    pub flight_memory: u64,

    /// With --flight-recorder: what a container's records are written for: ungraceful
    /// (killed, crashed, stuck, a stop signal without effect, an OOM kill, or a
    /// SIGTERM handler that never ran), diagnosis (any), loss (of events), or
    /// diagnoses such as pid1-no-handler; also a list with commas.
    #[arg(long, value_name = "WHAT", value_delimiter = ',', default_value = "ungraceful,diagnosis,loss", requires = "flight_recorder", value_parser = Occasion::parse)]
    pub occasion: Vec<Occasion>,

    #[command(flatten)]
    pub select: Select,

    #[command(flatten)]
    pub trace: Trace,
}

/// Records until something ends it.
///
/// # Errors
/// When tracing cannot start, or the file cannot be made or written.
pub fn run(args: Args, verbose: bool) -> anyhow::Result<ExitCode> {
    anyhow::ensure!(
        args.out != std::path::Path::new("-"),
        "a recording is a file that grows frame by frame: give it a name (./- for a file that is called so), or pipe `sigwhy live --format json`"
    );
    let to = To {
        path: args.out,
        options: store::Options {
            rotation: args.rotate.map(|bytes| store::Rotation {
                bytes,
                files: args.files,
            }),
            sync: args.sync,
        },
        flight: match args.flight_recorder {
            Some(window) => Some(flight::Options {
                window,
                memory: usize::try_from(args.flight_memory)?,
                occasions: args.occasion,
            }),
            None => None,
        },
    };
    let args = live::Args {
        select: args.select,
        trace: args.trace,
        episodes_only: false,
        no_episodes: false,
        count: None,
        format: live::Format::Text,
        color: Color::Auto,
    };
    live::trace(args, verbose, Some(to))
}

/// Reads a time, or minutes.
fn parse_window(text: &str) -> Result<Duration, String> {
    let minutes = text
        .parse::<u32>()
        .map(|n| Duration::from_secs(60 * u64::from(n)));
    minutes
        .or_else(|_| parse_duration(text))
        .ok()
        .filter(|window| !window.is_zero())
        .ok_or_else(|| "expected a time such as 10m, 90s or 1h".to_owned())
}

/// Reads how much memory.
fn parse_memory(text: &str) -> Result<u64, String> {
    parse_size(text).and_then(|size| {
        if (1 << 20..=4 << 30).contains(&size) {
            Ok(size)
        } else {
            Err("expected 1M to 4G".to_owned())
        }
    })
}

/// Reads `500K`, `64M`, `2G`, or bytes.
fn parse_size(text: &str) -> Result<u64, String> {
    let refuse = || "expected a size such as 64M or 1G".to_owned();
    let (digits, factor) = match text.strip_suffix(['K', 'k']) {
        Some(digits) => (digits, 1 << 10),
        None => match text.strip_suffix(['M', 'm']) {
            Some(digits) => (digits, 1 << 20),
            None => match text.strip_suffix(['G', 'g']) {
                Some(digits) => (digits, 1 << 30),
                None => (text, 1),
            },
        },
    };
    let number: u64 = digits.parse().map_err(|_| refuse())?;
    number
        .checked_mul(factor)
        .filter(|size| *size > 0)
        .ok_or_else(refuse)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        assert_eq!(parse_size("64M"), Ok(64 << 20));
        assert_eq!(parse_size("2g"), Ok(2 << 30));
        assert_eq!(parse_size("500K"), Ok(500 << 10));
        assert_eq!(parse_size("7"), Ok(7));
        assert_eq!(parse_memory("1M"), Ok(1 << 20));
        assert!(parse_memory("1K").is_err() && parse_memory("5G").is_err());
        assert_eq!(parse_window("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(parse_window("5"), Ok(Duration::from_secs(300)));
        assert!(parse_window("0").is_err() && parse_window("soon").is_err());
        for wrong in ["", "M", "0", "1.5G", "-1", "99999999999999G"] {
            assert!(parse_size(wrong).is_err(), "{wrong}");
        }
    }
}
