//! How long a task has been asleep, or dead.
//!
//! `/proc` says when a process began, and nowhere when it fell asleep or died;
//! but `/proc/PID/sched` has `se.exec_start`, the time of the CPU's own clock at
//! which the scheduler last accounted for it. That clock is read by looking at
//! oneself on the same CPU. It does not run while a hypervisor has the CPU, so
//! the span is a lower bound. A kernel without CONFIG_SCHED_DEBUG (before 6.15)
//! has no such file: unknown then.

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

use crate::container::Root;

/// What is below that is no longer sleep but a slice of a busy machine: ns.
const RESOLUTION: u64 = 1_000_000;

/// For how long at least the task has not run, in ns. `at`: its directory.
pub fn span(root: &Root, at: &str) -> Option<u64> {
    let cpu = last_cpu(&root.text(format!("{at}/stat"))?)?;
    let then = exec_start(&root.text(format!("{at}/sched"))?)?;
    let now = clock_of(root, cpu)?;
    Some(now.saturating_sub(then) / RESOLUTION * RESOLUTION)
}

/// Field 39 of proc_pid_stat(5).
fn last_cpu(stat: &str) -> Option<usize> {
    let (_, tail) = stat.rsplit_once(')')?;
    tail.split_ascii_whitespace().nth(39 - 3)?.parse().ok()
}

/// `se.exec_start`, printed in milliseconds with six digits behind the point.
fn exec_start(sched: &str) -> Option<u64> {
    let line = sched
        .lines()
        .find(|line| line.starts_with("se.exec_start"))?;
    let (_, value) = line.split_once(':')?;
    let (millis, nanos) = value.trim().split_once('.')?;
    let nanos: u64 = nanos.get(..6)?.parse().ok()?;
    millis
        .parse::<u64>()
        .ok()?
        .checked_mul(1_000_000)?
        .checked_add(nanos)
}

/// The clock of a CPU: this thread goes there, looks at itself, and goes back.
fn clock_of(root: &Root, cpu: usize) -> Option<u64> {
    let this = Pid::from_raw(0);
    let before = sched_getaffinity(this).ok()?;
    let mut only = CpuSet::new();
    only.set(cpu).ok()?;
    sched_setaffinity(this, &only).ok()?;
    let text = root.text("/proc/thread-self/sched");
    // Where it fails, this thread stays on one CPU: slower, and no less right.
    let _ = sched_setaffinity(this, &before);
    exec_start(&text?)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_clock_of_the_scheduler() {
        let text = "sleep (1, #threads: 1)\n---\n\
                    se.exec_start                                :      36514430.373914\n";
        assert_eq!(exec_start(text), Some(36_514_430_373_914));
        assert_eq!(exec_start("se.exec_start : 7\n"), None);
        assert_eq!(exec_start(""), None);
        let stat = "1 (a) b) S 0 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 1 0 0 0 0 0 0 0 0 0 0 0 0 0 \
                    0 0 17 3 0 0\n";
        assert_eq!(last_cpu(stat), Some(3));
        assert_eq!(last_cpu("1 (a) S"), None);
    }

    #[test]
    fn a_sleeper_is_asleep() {
        let mut child = std::process::Command::new("sleep")
            .arg("30")
            .spawn()
            .expect("sleep(1) is everywhere");
        std::thread::sleep(Duration::from_millis(400));
        let span = span(&Root::default(), &format!("/proc/{}", child.id()));
        let _ = child.kill();
        let _ = child.wait();
        // A kernel without the file is none to fail on.
        if std::path::Path::new("/proc/self/sched").exists() {
            let span = span.expect("the file is there");
            assert!((50_000_000..60_000_000_000).contains(&span), "{span}");
        }
    }
}
