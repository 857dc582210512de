//! The runtimes' command lines, and a container of one of them.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};

use super::harness::slow;
use super::identity::Identity;

/// Everything that `cargo xtask runtimes up` has put there.
const TOLD: &str = "SIGWHY_TEST_RUNTIMES";

/// How long a program may take to set up its handlers on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long a program must do nothing to be taken for started.
const REST: Duration = Duration::from_millis(200);

/// The images' common prefix.
const PREFIX: &str = "localhost/sigwhy-test/";

/// The directory of `cargo xtask runtimes`.
pub fn dir() -> anyhow::Result<PathBuf> {
    let dir = std::env::var_os(TOLD).map(PathBuf::from);
    let dir = dir.filter(|dir| dir.join("bundle/config.json").exists());
    dir.with_context(|| {
        format!(
            "{TOLD} does not name the directory of running container runtimes: run these tests by `cargo xtask runtimes test`"
        )
    })
}

/// The full name of an image of ours.
pub fn image(short: &str) -> String {
    format!("{PREFIX}{short}:1")
}

/// A name that nobody else has.
pub fn unique(tag: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("sigwhy-{tag}-{}-{count}", std::process::id())
}

/// A command line of a runtime that is up.
pub fn client(program: &str) -> anyhow::Result<Command> {
    dir().map(|_| Command::new(program))
}

pub fn docker() -> anyhow::Result<Command> {
    client("docker")
}

pub fn podman() -> anyhow::Result<Command> {
    client("podman")
}

pub fn ctr() -> anyhow::Result<Command> {
    client("ctr")
}

/// The CRI client, whose commands its own text explains.
pub fn cri() -> anyhow::Result<Command> {
    // Debian's own, for which its modules are.
    let mut command = client("/usr/bin/python3")?;
    command.arg("-B").arg(dir()?.join("cri/client.py"));
    Ok(command)
}

/// Runs a command to its end; what it prints, without the last newline.
pub fn said(command: &mut Command) -> anyhow::Result<String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot run {command:?}"))?;
    let err = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?} failed: {err}");
    Ok(String::from_utf8_lossy(&output.stdout)
        .trim_end()
        .to_owned())
}

/// Runs a command to its end, of which only that it works matters. Its output
/// goes nowhere: a container inherits it, and would keep a pipe open.
pub fn done(command: &mut Command) -> anyhow::Result<()> {
    let status = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .with_context(|| format!("cannot run {command:?}"))?;
    ensure!(status.success(), "{command:?}: {status}");
    Ok(())
}

/// A container's first process, and who the runtime says that it is; removed with
/// the value.
pub struct Container {
    /// The host's pid.
    pub pid: u32,
    /// In clock ticks: pids are soon another's.
    pub start: u64,
    /// Inode of its PID namespace.
    pub pid_ns: u64,
    pub is: Identity,
    removal: Vec<Command>,
}

impl Container {
    pub fn new(pid: &str, is: Identity, removal: Vec<Command>) -> anyhow::Result<Self> {
        // First of all, so that whatever fails below does not leave it there.
        let mut container = Self {
            pid: 0,
            start: 0,
            pid_ns: 0,
            is,
            removal,
        };
        let pid: u32 = pid.trim().parse().with_context(|| format!("pid {pid:?}"))?;
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
        let after = stat.rsplit_once(") ").context("no name in its stat")?.1;
        let start = after.split(' ').nth(19).context("no start in its stat")?;
        let ns = std::fs::read_link(format!("/proc/{pid}/ns/pid"))?;
        let ns = ns.to_string_lossy().into_owned();
        let inode = ns.trim_start_matches("pid:[").trim_end_matches(']');
        container.pid = pid;
        container.start = start.parse()?;
        container.pid_ns = inode.parse()?;
        Ok(container)
    }

    /// Waits until all its threads sleep and for a while none has used the
    /// processor: a language's runtime that starts blocks signals at times.
    pub fn until_it_rests(&self) -> anyhow::Result<()> {
        let end = Instant::now() + slow(PATIENCE);
        let mut before = None;
        loop {
            let used = self.used_asleep();
            if used.is_some() && used == before {
                return Ok(());
            }
            if Instant::now() > end {
                bail!("it does not rest within {PATIENCE:?}");
            }
            before = used;
            thread::sleep(REST);
        }
    }

    /// How many threads there are, and the processor time that they have used, in
    /// clock ticks; `None` unless all sleep.
    fn used_asleep(&self) -> Option<(usize, u64)> {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.pid)).ok()?;
        let mut all = (0, 0);
        for task in tasks {
            let stat = std::fs::read_to_string(task.ok()?.path().join("stat")).ok()?;
            let fields: Vec<&str> = stat.rsplit_once(") ")?.1.split(' ').collect();
            if *fields.first()? != "S" {
                return None;
            }
            // utime and stime, fields 14 and 15 of the whole (proc(5)).
            let ticks = |at: usize| fields.get(at)?.parse::<u64>().ok();
            all = (all.0 + 1, all.1 + ticks(11)? + ticks(12)?);
        }
        Some(all)
    }

    /// Whether that process is still there, and not only to be waited for.
    pub fn runs(&self) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid));
        let stat = stat.unwrap_or_default();
        let fields = stat.rsplit_once(") ").map_or("", |(_, after)| after);
        let mut fields = fields.split(' ');
        let state = fields.next().unwrap_or("Z");
        state != "Z" && fields.nth(18) == Some(&*self.start.to_string())
    }

    /// Waits until it is the program `comm`, and not the runtime about to become it.
    pub fn until_it_is(&self, comm: &str) -> anyhow::Result<()> {
        self.until(comm, |now, _| now == comm)
    }

    /// Waits until it has a handler for `signal`.
    pub fn until_it_handles(&self, signal: i32) -> anyhow::Result<()> {
        self.until("a handler", |_, caught| caught & (1 << (signal - 1)) != 0)
    }

    fn until(&self, what: &str, holds: impl Fn(&str, u64) -> bool) -> anyhow::Result<()> {
        let end = Instant::now() + slow(PATIENCE);
        loop {
            let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid))?;
            let field = |name: &str| {
                let line = status.lines().find_map(|line| line.strip_prefix(name));
                line.map(|value| value.trim_start_matches(':').trim())
            };
            let caught = field("SigCgt").unwrap_or_default();
            let caught = u64::from_str_radix(caught, 16).unwrap_or(0);
            if holds(field("Name").unwrap_or_default(), caught) {
                return Ok(());
            }
            if Instant::now() > end {
                bail!("no {what} within {PATIENCE:?}: {status}");
            }
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        for command in &mut self.removal {
            // It may have gone by itself.
            let _ = command.stdin(Stdio::null()).output();
        }
    }
}
