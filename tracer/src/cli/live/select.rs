//! Which events: the options that `live`, `record` and `replay` share, and those of
//! whatever traces.

use std::path::PathBuf;

use super::plan;
use crate::{
    cli::{
        Attach,
        which::{Asking, Which},
    },
    decide::{Outcome, Reason, names},
};

/// Which events are wanted.
#[derive(Debug, Default, clap::Args)]
pub struct Select {
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

    /// Only these outcomes: dropped, coalesced, failed, queued, fatal; on
    /// delivery also handled, stopped, ignored.
    #[arg(long, value_name = "OUTCOME", value_delimiter = ',', value_parser = parse_outcome)]
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
}

/// How to trace, and for how long.
#[derive(Debug, clap::Args)]
pub struct Trace {
    /// Only signals to the processes of these cgroups and of those below them:
    /// directories under /sys/fs/cgroup.
    #[arg(long, value_name = "DIR", value_delimiter = ',')]
    pub cgroup: Vec<PathBuf>,

    /// Stop after this time: 10s, 500ms, 2m.
    #[arg(short, long, value_name = "TIME", value_parser = plan::parse_duration)]
    pub duration: Option<std::time::Duration>,

    #[command(flatten)]
    pub attach: Attach,

    /// Call containers by their PID namespaces, and read no file of a runtime.
    #[arg(long, conflicts_with_all = ["runtime", "pod", "namespace"])]
    pub no_names: bool,

    #[command(flatten)]
    pub asking: Asking,

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

    /// Trace while this command runs, and end with its exit code. Where records go
    /// to stdout as JSON, the command's output goes to stderr. The first Ctrl-C is
    /// left to the command. What ends tracing before it (a limit, a second Ctrl-C,
    /// SIGTERM) lets it run on, says so, and exits with 0.
    #[arg(last = true, value_name = "COMMAND")]
    pub command: Vec<std::ffi::OsString>,
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
