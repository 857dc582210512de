//! Who is measured: sigwhy in its two ways, and the tracers a person would
//! otherwise use. To add one: an entry in [`all`], and how it tells what it saw.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::Bench;
use super::records::Loss;
use super::watcher::{Capture, Ready};
use crate::failure::{Context as _, Result};
use crate::workspace::{self, ContextNone as _};

/// One way of watching signals.
pub struct Contestant {
    /// For the table.
    pub name: String,
    /// The program and its arguments; `None` is nobody watching.
    pub argv: Option<Vec<String>>,
    pub ready: Ready,
    pub counts: Counts,
    /// The most that kill(2) may cost, as a multiple of nobody watching.
    pub target: Option<f64>,
    /// Why it cannot be measured here.
    pub skipped: Option<&'static str>,
}

/// How it tells what it saw.
pub enum Counts {
    Nothing,
    /// The last `loss` record.
    SigwhyLoss,
    /// `(N samples)` on stderr, and the file that it writes.
    PerfSamples(PathBuf),
    /// The sum of bpftrace's `@[..]: N`.
    BpftraceMap,
    /// A line for each.
    Lines,
}

/// What it saw of one load.
#[derive(Default, Clone, Copy)]
pub struct Seen {
    /// Events that it counted or kept.
    pub kept: u64,
    /// Events that it says it lost, where it says.
    pub lost: Option<u64>,
}

impl Contestant {
    /// The command that watches.
    pub fn command(&self, bench: &Bench<'_>) -> Option<Command> {
        let argv = self.argv.as_ref()?;
        let (program, args) = argv.split_first()?;
        let mut command = bench.ws.command(program);
        command.args(args);
        Some(command)
    }

    /// Counts what is in a capture.
    pub fn seen(&self, capture: &Capture) -> Result<Seen> {
        let read = |path: &Path| {
            fs::read(path)
                .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
                .context(|| format!("cannot read {}", path.display()))
        };
        let kept = |kept| Seen { kept, lost: None };
        Ok(match &self.counts {
            Counts::Nothing => Seen::default(),
            Counts::SigwhyLoss => {
                let loss = Loss::last_of(&capture.out)?;
                Seen {
                    kept: loss.received,
                    lost: Some(loss.lost()),
                }
            }
            Counts::PerfSamples(data) => {
                // A failure leaves a file behind, no more.
                let _ = fs::remove_file(data);
                kept(perf_samples(&read(&capture.err)?).context_none("perf told no sample count")?)
            }
            Counts::BpftraceMap => kept(bpftrace_sum(&read(&capture.out)?)),
            Counts::Lines => kept(read(&capture.out)?.lines().count() as u64),
        })
    }
}

/// Everyone, bare first.
pub fn all(bench: &Bench<'_>) -> Vec<Contestant> {
    let sigwhy = bench.sigwhy.to_string_lossy().into_owned();
    let live = |name: &str, args: &[&str], target| Contestant {
        name: name.into(),
        argv: Some(argv(&sigwhy, args)),
        ready: Ready::StartRecord,
        counts: Counts::SigwhyLoss,
        target: Some(target),
        skipped: None,
    };
    let mut everyone = vec![
        Contestant {
            name: "nobody".into(),
            argv: None,
            ready: Ready::After(Duration::ZERO),
            counts: Counts::Nothing,
            target: None,
            skipped: None,
        },
        live(
            "sigwhy live --signal SIGKILL",
            &["live", "--signal", "SIGKILL", "--format", "json"],
            1.15,
        ),
        live(
            "sigwhy live --all",
            &["live", "--format", "json", "--all"],
            1.40,
        ),
    ];
    everyone.extend(peers(bench));
    everyone
}

fn peers(bench: &Bench<'_>) -> Vec<Contestant> {
    let data = bench.dir.join("perf.data");
    let data_text = data.to_string_lossy().into_owned();
    // bpftrace 0.21 wants a dot where older ones want an arrow.
    let dot = bpftrace_minor().is_some_and(|minor| minor >= 21);
    let script = |text: &str| {
        if dot {
            text.replace("args->", "args.")
        } else {
            text.to_owned()
        }
    };
    let count =
        script("tracepoint:signal:signal_generate { @[args->sig, args->result] = count(); }");
    let print = script(
        r#"tracepoint:signal:signal_generate { printf("%s %d -> %d sig=%d res=%d\n", comm, pid, args->pid, args->sig, args->result); }"#,
    );
    let peer = |name: &str, words: &[&str], counts, seconds| Contestant {
        name: name.into(),
        argv: words
            .split_first()
            .map(|(program, args)| argv(program, args)),
        ready: Ready::After(Duration::from_secs(seconds)),
        counts,
        target: None,
        skipped: (!workspace::is_installed(words[0])).then_some("not installed"),
    };
    vec![
        peer(
            "bpftrace count()",
            &["bpftrace", "-e", &count],
            Counts::BpftraceMap,
            4,
        ),
        peer(
            "perf record -e signal:signal_generate",
            &[
                "perf",
                "record",
                "-a",
                "-e",
                "signal:signal_generate",
                "-o",
                &data_text,
            ],
            Counts::PerfSamples(data.clone()),
            2,
        ),
        peer(
            "bpftrace printf()",
            &["bpftrace", "-B", "line", "-e", &print],
            Counts::Lines,
            4,
        ),
        peer("sigsnoop -n", &["sigsnoop", "-n"], Counts::Lines, 2),
    ]
}

fn argv(program: &str, args: &[&str]) -> Vec<String> {
    std::iter::once(program)
        .chain(args.iter().copied())
        .map(str::to_owned)
        .collect()
}

/// 17 of "bpftrace v0.17.0".
fn bpftrace_minor() -> Option<u32> {
    let text = workspace::output(Command::new("bpftrace").arg("--version"))?;
    text.split('.').nth(1)?.parse().ok()
}

/// N of "[ perf record: Captured and wrote 1.2 MB perf.data (N samples) ]".
fn perf_samples(err: &str) -> Option<u64> {
    let before = err.rsplit_once(" samples)")?.0;
    before.rsplit_once('(')?.1.parse().ok()
}

/// The sum over lines such as `@[10, 1]: 300000`.
fn bpftrace_sum(out: &str) -> u64 {
    out.lines()
        .filter(|line| line.starts_with("@["))
        .filter_map(|line| line.rsplit_once("]: ")?.1.trim().parse::<u64>().ok())
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_of_peers_are_read_from_what_they_print() {
        let perf = "[ perf record: Woken up 3 times to write data ]\n[ perf record: Captured and wrote 5.9 MB p.data (50016 samples) ]\n";
        assert_eq!(perf_samples(perf), Some(50_016));
        assert_eq!(perf_samples("perf: failed\n"), None);
        let map = "Attaching 1 probe...\n\n@[17, 0]: 3\n@[10, 1]: 50000\n";
        assert_eq!(bpftrace_sum(map), 50_003);
    }
}
