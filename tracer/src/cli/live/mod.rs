//! `sigwhy live`: signals of containers as they happen.
//!
//! The command line and its story; the options' meaning is in `plan`, the
//! loop in `stream`, its end in `ending`, and the thread that writes in `writer`.

use std::process::ExitCode;

use clap::ValueEnum;

use crate::output::color::Color;

pub(super) mod ending;
pub(super) mod plan;
mod select;
mod stream;
pub(super) mod tales;
mod tally;
mod target;
mod writer;

pub use select::{Select, Trace};
pub use stream::To;

/// Show signals as the kernel decides about them.
///
/// By default, those that come from or go to a container (of any runtime, and any
/// PID namespace other than the host's), without the noise that every machine
/// makes (SIGCHLD, SIGURG, the C library's own, and SIGWINCH but to the init of a
/// container). Each line says who sent which signal to whom, what became of it, and
/// why.
///
/// In a line, `bash 22[31207]` is the process bash, 22 in its own PID namespace
/// and 31207 on the host. DROPPED means that the target never hears of it.
///
/// Filters go by the target, unless they name the sender, and apply to containers
/// that start later too.
///
/// When a container has ended, a paragraph tells the whole of it: who stopped it
/// how, what went wrong, and what to do about that. Filters that hide a part of
/// the story (all but --container, --host and --all) hide the paragraph as well.
///
/// Ends with Ctrl-C and then prints a summary.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    pub select: Select,

    #[command(flatten)]
    pub trace: Trace,

    /// Only episodes: each termination of a container, told whole, and no single
    /// events.
    #[arg(long, conflicts_with = "no_episodes")]
    pub episodes_only: bool,

    /// No episodes.
    #[arg(long)]
    pub no_episodes: bool,

    /// Stop after this many signals were shown.
    #[arg(short = 'n', long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub count: Option<u64>,

    /// How to print.
    #[arg(short, long, value_enum, default_value_t = Format::Text)]
    pub format: Format,

    /// Colour: auto is for terminals, and respects NO_COLOR.
    #[arg(long, value_enum, default_value_t = Color::Auto)]
    pub color: Color,
}

/// How to print.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Lines for people.
    Text,
    /// One JSON object per line.
    Json,
}

/// Traces until something ends it.
///
/// # Errors
/// When tracing cannot start, or output cannot be written.
pub fn run(args: Args, verbose: bool) -> anyhow::Result<ExitCode> {
    trace(args, verbose, None)
}

/// The same, into a recording where there is one.
///
/// # Errors
/// As [`run`].
pub fn trace(args: Args, verbose: bool, to: Option<To>) -> anyhow::Result<ExitCode> {
    let plan = plan::Plan::new(&args.select, &args.trace, verbose)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(stream::run(&args, &plan, to))
}
