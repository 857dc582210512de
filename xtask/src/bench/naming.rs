//! What it costs to call containers by their names: the processor time that
//! sigwhy takes for an event in a container, with names and without, in turn.
//!
//! The container is made here: a PID namespace in a cgroup whose path is that of
//! Docker's. The kernel side does the same for both, so that the difference is
//! what looking up the name costs.

use std::fs;
use std::path::{Path, PathBuf};

use super::footprint::cpu_seconds;
use super::records::Loss;
use super::watcher::{Ready, Watcher};
use super::{Bench, median};
use crate::failure::{Context as _, Result};
use crate::workspace::ContextNone as _;

/// Signals a second, of which even a slow machine loses none.
const RATE: u64 = 100_000;

/// Nanoseconds per event with names and without, and the ratio of the two.
pub fn measure(bench: &Bench<'_>) -> Result<Vec<String>> {
    let cgroup = Cgroup::new()?;
    let (mut with, mut without, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..bench.plan.rounds {
        let named = round(bench, &cgroup, &[])?;
        let plain = round(bench, &cgroup, &["--no-names"])?;
        with.push(named);
        without.push(plain);
        ratios.push(named / plain);
    }
    let rounds = bench.plan.rounds;
    Ok(vec![
        format!("{:.0} ns (median of {rounds})", median(&with)?),
        format!("{:.0} ns", median(&without)?),
        format!("{:.2}", median(&ratios)?),
    ])
}

fn round(bench: &Bench<'_>, cgroup: &Cgroup, args: &[&str]) -> Result<f64> {
    let mut command = bench.ws.command(&bench.sigwhy);
    command
        .args(["live", "--format", "json", "--all", "--buffer", "64"])
        .args(args);
    let watcher = Watcher::start(command, "naming", &bench.dir, Ready::StartRecord)?;
    let before = cpu_seconds(watcher.pid())?;
    bench
        .load
        .paced_inside(&cgroup.0, RATE, bench.plan.paced_seconds)?;
    // What is still to be written takes processor time as well.
    std::thread::sleep(std::time::Duration::from_secs(1));
    let cpu = cpu_seconds(watcher.pid())? - before;
    let capture = watcher.stop(&bench.load)?;
    let loss = Loss::last_of(&capture.out)?;
    Ok(cpu * 1e9 / loss.received.max(1) as f64)
}

/// A container's cgroup, removed when dropped.
struct Cgroup(PathBuf);

impl Cgroup {
    fn new() -> Result<Self> {
        let mounts =
            fs::read_to_string("/proc/self/mounts").context(|| "cannot read the mounts".into())?;
        let top = mounts
            .lines()
            .filter_map(|line| {
                let mut fields = line.split(' ').skip(1);
                Some((fields.next()?, fields.next()?))
            })
            .find(|(_, kind)| *kind == "cgroup2")
            .map(|(point, _)| point)
            .context_none("no cgroup2 is mounted")?;
        let path = Path::new(top).join(format!("docker-{:064x}.scope", std::process::id()));
        fs::create_dir(&path).context(|| format!("cannot make {}", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        // Nobody is in it any more.
        let _ = fs::remove_dir(&self.0);
    }
}
