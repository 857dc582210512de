//! `sigwhy record`: what `live` would show, into a file.

use std::{path::PathBuf, process::ExitCode};

use super::live::{self, Select, To, Trace};
use crate::{output::color::Color, store};

/// Record signals and terminations into a file, for `report` and `replay`.
///
/// The file is zstd-compressed JSON, a record for each line: `zstd -dc FILE | jq`
/// reads it too. Whatever ends the recorder, everything up to half a second
/// before can be read. What is recorded is what `sigwhy live` would show with the
/// same filters; without filters, everything that a report needs. With filters
/// that hide a part of a termination (--signal, --pid, --outcome and the like),
/// `report` tells none.
///
/// Ends with Ctrl-C, and then prints a summary.
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
    let to = To {
        path: args.out,
        options: store::Options {
            rotation: args.rotate.map(|bytes| store::Rotation {
                bytes,
                files: args.files,
            }),
            sync: args.sync,
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
        for wrong in ["", "M", "0", "1.5G", "-1", "99999999999999G"] {
            assert!(parse_size(wrong).is_err(), "{wrong}");
        }
    }
}
