//! What sigwhy itself needs: time to start, memory, CPU, and whether it keeps
//! up with half a million signals a second.

use std::fs;
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use super::records::Loss;
use super::watcher::{self, Ready, Watcher};
use super::{Bench, median, naming};
use crate::failure::{Context as _, Failure, Result, fail};
use crate::workspace::{self, ContextNone as _};

/// Signals a second of the steady load.
const PACED_RATE: u64 = 500_000;

/// What a record takes on disk at most; the capture of the steady load must fit.
const RECORD_BYTES: u64 = 1500;

/// `utime` and `stime` count hundredths of a second on every architecture that
/// sigwhy runs on.
const TICKS_PER_SECOND: f64 = 100.0;

/// One thing that was measured.
pub struct Fact {
    pub name: &'static str,
    /// The value with its unit, or why there is none.
    pub value: std::result::Result<String, String>,
}

impl Fact {
    /// Whether there is a value.
    pub fn is_whole(&self) -> bool {
        self.value.is_ok()
    }
}

/// All of it.
pub fn measure(bench: &Bench<'_>) -> Vec<Fact> {
    let mut facts = Vec::new();
    let mut add = |names: &[&'static str], values: Result<Vec<String>>| match values {
        Ok(values) => {
            for (name, value) in names.iter().zip(values) {
                eprintln!("xtask: {name}: {value}");
                facts.push(Fact {
                    name,
                    value: Ok(value),
                });
            }
        }
        Err(Failure::Task(why) | Failure::Usage(why)) => {
            eprintln!("xtask: {}: {why}", names[0]);
            facts.extend(names.iter().map(|name| Fact {
                name,
                value: Err(why.clone()),
            }));
        }
    };
    add(&["exec to `start` record"], start_up(bench));
    add(
        &[
            "CPU time while idle",
            "memory while idle (VmRSS)",
            "memory after a flood (VmRSS)",
            "most memory ever (VmHWM)",
        ],
        memory_and_idle(bench),
    );
    add(
        &[
            "steady load, sent",
            "steady load, received",
            "steady load, lost",
            "steady load, CPU time of sigwhy",
        ],
        paced(bench),
    );
    add(
        &[
            "CPU time per event in a container",
            "the same without names",
            "ratio",
        ],
        naming::measure(bench),
    );
    facts
}

fn live_all(bench: &Bench<'_>) -> Command {
    let mut command = bench.ws.command(&bench.sigwhy);
    command.args(["live", "--format", "json", "--all"]);
    command
}

fn start_up(bench: &Bench<'_>) -> Result<Vec<String>> {
    let mut times = Vec::new();
    for _ in 0..bench.plan.starts {
        let took = watcher::time_to_start(live_all(bench), &bench.load)?;
        times.push(took.as_secs_f64() * 1e3);
    }
    let worst = times.iter().copied().fold(0.0, f64::max);
    Ok(vec![format!(
        "{:.0} ms (median of {}, worst {worst:.0} ms)",
        median(&times)?,
        times.len()
    )])
}

fn memory_and_idle(bench: &Bench<'_>) -> Result<Vec<String>> {
    let watcher = Watcher::start(live_all(bench), "memory", &bench.dir, Ready::StartRecord)?;
    let pid = watcher.pid();
    sleep(Duration::from_secs(1));
    let before = cpu_seconds(pid)?;
    sleep(Duration::from_secs(bench.plan.idle_seconds));
    let idle_cpu = cpu_seconds(pid)? - before;
    let idle = status_kib(pid, "VmRSS")?;
    bench.load.flood(bench.plan.flood)?;
    sleep(Duration::from_secs(1));
    let after = status_kib(pid, "VmRSS")?;
    let most = status_kib(pid, "VmHWM")?;
    drop(watcher.stop(&bench.load)?);
    let mib = |kib: u64| format!("{:.1} MiB", kib as f64 / 1024.0);
    Ok(vec![
        format!("{:.0} ms in {} s", idle_cpu * 1e3, bench.plan.idle_seconds),
        mib(idle),
        mib(after),
        mib(most),
    ])
}

fn paced(bench: &Bench<'_>) -> Result<Vec<String>> {
    let seconds = bench.plan.paced_seconds;
    let needed = PACED_RATE * seconds * RECORD_BYTES;
    let free = free_bytes(bench)?;
    if free < needed {
        return fail(format!(
            "{} has {} MB free and the capture may need {} MB: set CARGO_TARGET_DIR to a larger disk",
            bench.dir.display(),
            free / 1_000_000,
            needed / 1_000_000
        ));
    }
    let watcher = Watcher::start(live_all(bench), "paced", &bench.dir, Ready::StartRecord)?;
    let before = cpu_seconds(watcher.pid())?;
    let load = bench.load.paced(PACED_RATE, seconds)?;
    sleep(Duration::from_secs(1));
    let cpu = cpu_seconds(watcher.pid())? - before;
    let capture = watcher.stop(&bench.load)?;
    let loss = Loss::last_of(&capture.out)?;
    let bytes = fs::metadata(&capture.out).map_or(0, |meta| meta.len());
    let offered = loss.kernel_seen - loss.filtered;
    Ok(vec![
        format!(
            "{} at {:.0}/s for {seconds} s, at most {} us late",
            load.sent, load.rate, load.max_lag_us
        ),
        format!("{} ({} MB of JSON)", loss.received, bytes / 1_000_000),
        format!(
            "{} ({:.3} % of {offered}; ring full {})",
            loss.lost(),
            loss.lost() as f64 / offered.max(1) as f64 * 100.0,
            loss.ring_full
        ),
        format!("{cpu:.1} s"),
    ])
}

/// Free bytes where captures go.
fn free_bytes(bench: &Bench<'_>) -> Result<u64> {
    let mut df = bench.ws.command("df");
    let text = workspace::output(df.arg("-Pk").arg(&bench.dir)).context_none("df failed")?;
    let kib: u64 = text
        .lines()
        .nth(1)
        .and_then(|line| line.split_whitespace().nth(3)?.parse().ok())
        .context_none("df printed no free space")?;
    Ok(kib * 1024)
}

/// `utime` + `stime` of a process.
pub(super) fn cpu_seconds(pid: u32) -> Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))
        .context(|| format!("cannot read /proc/{pid}/stat"))?;
    let ticks = cpu_ticks(&stat).context_none("/proc/PID/stat has no utime")?;
    Ok(ticks as f64 / TICKS_PER_SECOND)
}

/// Fields 14 and 15 of proc_pid_stat(5). The name in field 2 may hold anything,
/// so counting starts after its last parenthesis, at field 3.
fn cpu_ticks(stat: &str) -> Option<u64> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(14 - 3);
    let utime: u64 = fields.next()?.parse().ok()?;
    let stime: u64 = fields.next()?.parse().ok()?;
    Some(utime + stime)
}

/// A size in /proc/PID/status, in KiB.
fn status_kib(pid: u32, key: &str) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))
        .context(|| format!("cannot read /proc/{pid}/status"))?;
    kib_of(&status, key).context_none("/proc/PID/status lacks a size")
}

fn kib_of(status: &str, key: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_does_not_move_the_fields() {
        let stat = "7 (a) b (c) S 1 2 3 4 5 6 7 8 9 10 40 2 0 0 20 0 1 0 99";
        assert_eq!(cpu_ticks(stat), Some(42));
        assert_eq!(cpu_ticks("7 (x) S 1"), None);
    }

    #[test]
    fn sizes_are_read_by_their_whole_name() {
        let status = "VmPeak:\t 20 kB\nVmRSS:\t  8196 kB\n";
        assert_eq!(kib_of(status, "VmRSS"), Some(8196));
        assert_eq!(kib_of(status, "Vm"), None);
    }

    #[test]
    fn our_own_process_has_both() {
        let me = std::process::id();
        assert!(cpu_seconds(me).is_ok());
        assert!(status_kib(me, "VmHWM").is_ok_and(|kib| kib > 0));
    }
}
