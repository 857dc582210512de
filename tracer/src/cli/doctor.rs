//! `sigwhy doctor`: looks at the machine, prints, and says by the exit code
//! whether tracing can work.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::ValueEnum;

use crate::doctor::hooks::{self, Effort};
use crate::doctor::{self, Options, Report};
use crate::output::color::{Color, Variables};

/// Exit code when tracing cannot work here.
const CANNOT_TRACE: u8 = 3;

/// Check whether sigwhy can trace on this machine, and say what to do if not.
///
/// Looks at the kernel, at the rights sigwhy was started with, and at where it
/// runs, and tries every way to attach every hook, one at a time. Leaves nothing
/// behind. Exits with 0 when tracing can work, with 3 when it cannot.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// How to print the checks: text, or one JSON object.
    #[arg(short, long, value_enum, default_value_t = Format::Text)]
    pub format: Format,

    /// Colour: auto is for terminals, and respects NO_COLOR.
    #[arg(long, value_enum, default_value_t = Color::Auto)]
    pub color: Color,

    /// Judge the kernel with these types (BTF) instead of this machine, without
    /// loading anything. Raw BTF, or an unpacked vmlinux. Says which way to attach
    /// each hook is to be expected there, and what types do not tell.
    #[arg(long, value_name = "FILE")]
    pub btf: Option<PathBuf>,

    /// Also find out the most that each program may cost the verifier, under
    /// other filters than all at once; --format json has the numbers. Takes three
    /// times as long.
    #[arg(long, conflicts_with = "btf")]
    pub cost: bool,
}

/// How to print.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Text,
    Json,
}

/// Runs the checks and prints them.
///
/// # Errors
/// When the output cannot be written.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let report = match &args.btf {
        Some(path) => {
            let found = hooks::from_btf(path);
            Report::about("a kernel with these types", found.checks).with_hooks(found.hooks)
        }
        None => {
            let effort = match args.cost {
                true => Effort::Worst,
                false => Effort::Once,
            };
            let mut checks = doctor::environment(&Options::default());
            let tried = hooks::tried(&checks, effort);
            checks.extend(tried.checks);
            Report::new(checks).with_hooks(tried.hooks)
        }
    };
    print(&args, &report).context(super::WRITING)?;
    Ok(match report.can_trace {
        true => ExitCode::SUCCESS,
        false => ExitCode::from(CANNOT_TRACE),
    })
}

fn print(args: &Args, report: &Report) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match args.format {
        Format::Json => {
            // Through a String: an error of the writer must stay an io::Error,
            // which tells a closed pipe from a failure.
            let json = serde_json::to_string(report)?;
            writeln!(out, "{json}")?;
        }
        Format::Text => {
            let colour = args.color.wanted(out.is_terminal(), &Variables::from_env());
            doctor::render(report, &mut out, colour)?;
        }
    }
    out.flush()
}
