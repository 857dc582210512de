//! `sigwhy live`: signals of containers as they happen.
//!
//! The command line and its story; the options' meaning is in `plan`, the
//! loop in `stream`, its end in `ending`, and the thread that writes in `writer`.

use std::{path::PathBuf, process::ExitCode};

use clap::ValueEnum;

use super::which::Which;
use crate::{
    decide::{Outcome, Reason, names},
    output::color::Color,
};

mod ending;
mod plan;
mod stream;
mod tally;
mod writer;

/// Show signals as the kernel decides about them.
///
/// By default, those that come from or go to a container (of any runtime, and any
/// PID namespace other than the host's), without the noise that every machine
/// makes (SIGCHLD, SIGURG, SIGWINCH and the C library's own). Each line says who
/// sent which signal to whom, what became of it, and why.
///
/// In a line, `bash 22[31207]` is the process bash, 22 in its own PID namespace
/// and 31207 on the host. DROPPED means that the target never hears of it.
///
/// Filters go by the target, unless they name the sender, and apply to containers
/// that start later too.
///
/// Ends with Ctrl-C and then prints a summary.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only these signals: TERM, SIGKILL, 15, RTMIN+3; also a list with commas.
    #[arg(short, long, value_name = "SIGNAL", value_delimiter = ',', value_parser = names::parse_signal)]
    pub signal: Vec<u32>,

    /// Only signals to these processes (host pids), in containers or not.
    #[arg(short, long, value_name = "PID", value_delimiter = ',')]
    pub pid: Vec<u32>,

    /// Only signals from these processes (host pids).
    #[arg(long, value_name = "PID", value_delimiter = ',')]
    pub sender_pid: Vec<u32>,

    #[command(flatten)]
    pub which: Which,

    /// Only signals from these containers, named as with --container.
    #[arg(long, value_name = "CONTAINER", value_delimiter = ',')]
    pub sender_container: Vec<String>,

    /// Only signals to the processes of these cgroups and of those below them:
    /// directories under /sys/fs/cgroup.
    #[arg(long, value_name = "DIR", value_delimiter = ',')]
    pub cgroup: Vec<PathBuf>,

    /// Only these outcomes: dropped, coalesced, failed, queued, fatal; on
    /// delivery also handled, stopped, ignored.
    #[arg(short, long, value_name = "OUTCOME", value_delimiter = ',', value_parser = parse_outcome)]
    pub outcome: Vec<Outcome>,

    /// Only these reasons, for instance unkillable_init.
    #[arg(short, long, value_name = "REASON", value_delimiter = ',', value_parser = parse_reason)]
    pub reason: Vec<Reason>,

    /// Only signals to the init of a container.
    #[arg(long)]
    pub inits: bool,

    /// Also the processes of the host.
    #[arg(long)]
    pub host: bool,

    /// Everything: the host's processes, every signal, every delivery and exit.
    #[arg(short, long)]
    pub all: bool,

    /// Stop after this time: 10s, 500ms, 2m.
    #[arg(short, long, value_name = "TIME", value_parser = plan::parse_duration)]
    pub duration: Option<std::time::Duration>,

    /// Stop after this many signals were shown.
    #[arg(short = 'n', long, value_name = "N")]
    pub count: Option<u64>,

    /// How to print.
    #[arg(short, long, value_enum, default_value_t = Format::Text)]
    pub format: Format,

    /// Colour: auto is for terminals, and respects NO_COLOR.
    #[arg(long, value_enum, default_value_t = Color::Auto)]
    pub color: Color,

    #[command(flatten)]
    pub attach: super::Attach,

    /// Call containers by their PID namespaces, and read no file of a runtime.
    #[arg(long, conflicts_with_all = ["runtime", "pod", "namespace"])]
    pub no_names: bool,

    /// Kernel type information to use instead of /sys/kernel/btf/vmlinux.
    #[arg(long, value_name = "FILE")]
    pub btf: Option<PathBuf>,

    /// Room for bursts, in MiB (1 to 1024, rounded up to a power of two). More
    /// room costs twice as much resident memory.
    #[arg(long, value_name = "MIB", default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub buffer: u32,

    /// Print the kernel side's own warnings (rare).
    #[arg(long)]
    pub kernel_log: bool,

    /// Trace while this command runs, and end with its exit code. With --format
    /// json its output goes to stderr, so that stdout has nothing but records.
    /// The first Ctrl-C is left to the command. What ends tracing before it
    /// (--duration, --count, a second Ctrl-C, SIGTERM) lets it run on, says so,
    /// and exits with 0.
    #[arg(last = true, value_name = "COMMAND")]
    pub command: Vec<std::ffi::OsString>,
}

/// How to print.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Lines for people.
    Text,
    /// One JSON object per line.
    Json,
}

fn parse_outcome(text: &str) -> Result<Outcome, String> {
    let known = || Outcome::ALL.map(Outcome::id).join(", ");
    Outcome::ALL
        .into_iter()
        .find(|outcome| outcome.id() == text)
        .ok_or_else(|| format!("no such outcome; there are {}", known()))
}

fn parse_reason(text: &str) -> Result<Reason, String> {
    let known = || {
        let ids: Vec<_> = Reason::ALL.iter().map(|reason| reason.id()).collect();
        ids.join(", ")
    };
    Reason::ALL
        .iter()
        .copied()
        .find(|reason| reason.id() == text)
        .ok_or_else(|| format!("no such reason; there are {}", known()))
}

/// Traces until something ends it.
///
/// # Errors
/// When tracing cannot start, or output cannot be written.
pub fn run(args: Args, verbose: bool) -> anyhow::Result<ExitCode> {
    let plan = plan::Plan::new(&args, verbose)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(stream::run(&args, &plan))
}
