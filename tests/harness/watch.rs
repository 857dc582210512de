//! The tracer under test: the real binary, started once, its NDJSON read by a
//! thread and kept by the process that each record is about.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow, bail};
use serde_json::Value;
use sigwhy::lab::arena::Specimen;

use super::slow;

/// How long the tracer may take until it says that every hook is live.
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a record may take to arrive.
const RECORD_TIMEOUT: Duration = Duration::from_secs(10);

/// Clock ticks of `/proc/PID/stat` in nanoseconds (USER_HZ is 100).
const TICK_NS: u64 = 10_000_000;

/// A running `sigwhy live`.
pub struct Watch {
    log: &'static Shared,
    child: Mutex<Child>,
}

#[derive(Default)]
struct Shared {
    log: Mutex<Log>,
    arrived: Condvar,
}

#[derive(Default)]
struct Log {
    /// The `start` record.
    start: Option<Value>,
    /// Why there will be no more.
    ended: Option<String>,
    /// Records by the host pid of the process that they are about.
    by_process: HashMap<u64, Vec<Value>>,
    /// Of the last `loss` record, or of `stop`.
    ring_full: u64,
    malformed: Option<String>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, line: &str) {
        let mut log = self.lock();
        match serde_json::from_str::<Value>(line) {
            Err(error) => log.malformed = Some(format!("{error}: {line}")),
            Ok(record) => match record["type"].as_str() {
                Some("start") => log.start = Some(record),
                Some("loss" | "stop") => {
                    if let Some(lost) = find_number(&record, "ring_full") {
                        log.ring_full = lost;
                    }
                }
                _ => {
                    if let Some(pid) = subject(&record).and_then(|process| process["pid"].as_u64())
                    {
                        log.by_process.entry(pid).or_default().push(record);
                    }
                }
            },
        }
        self.arrived.notify_all();
    }
}

/// The process that a record is about; `None` if it is about none.
fn subject(record: &Value) -> Option<&Value> {
    match record["type"].as_str()? {
        "signal" | "deliver" => Some(&record["target"]),
        "zap" => Some(&record["init"]),
        "exit" => Some(&record["process"]),
        _ => None,
    }
}

fn find_number(value: &Value, key: &str) -> Option<u64> {
    match value {
        Value::Object(map) => map
            .get(key)
            .and_then(Value::as_u64)
            .or_else(|| map.values().find_map(|v| find_number(v, key))),
        _ => None,
    }
}

impl Watch {
    /// Starts the tracer and returns once it watches.
    ///
    /// The reader thread and its log live as long as this process does.
    pub fn start(exe: &Path) -> anyhow::Result<Self> {
        let mut child = Command::new(exe)
            .args(["live", "--format", "json", "--all"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("starting {}", exe.display()))?;
        let stdout = child.stdout.take().context("its output is no pipe")?;
        let log: &'static Shared = Box::leak(Box::default());
        thread::spawn(move || {
            let mut reason = "its output ended".to_owned();
            for line in BufReader::new(stdout).lines() {
                match line {
                    Ok(line) => log.take(&line),
                    Err(error) => {
                        reason = error.to_string();
                        break;
                    }
                }
            }
            log.lock().ended = Some(reason);
            log.arrived.notify_all();
        });
        let watch = Self {
            log,
            child: Mutex::new(child),
        };
        watch
            .until(slow(START_TIMEOUT), |log| log.start.is_some().then_some(()))
            .context("`sigwhy live` did not say that it watches")?;
        Ok(watch)
    }

    /// Whether this hook is attached, in whatever way.
    pub fn has_hook(&self, hook: &str) -> bool {
        let log = self.log.lock();
        let start = log.start.as_ref();
        start.is_some_and(|start| start["hooks"][hook].is_string())
    }

    /// Waits until `found` finds something in the log.
    fn until<T>(
        &self,
        timeout: Duration,
        mut found: impl FnMut(&mut Log) -> Option<T>,
    ) -> anyhow::Result<T> {
        let end = Instant::now() + timeout;
        let mut log = self.log.lock();
        loop {
            if let Some(value) = found(&mut log) {
                return Ok(value);
            }
            if let Some(malformed) = &log.malformed {
                bail!("a line is no JSON: {malformed}");
            }
            if let Some(reason) = &log.ended {
                bail!("the tracer is gone: {reason}");
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                bail!("nothing within {timeout:?}");
            }
            (log, _) = self
                .log
                .arrived
                .wait_timeout(log, left)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Returns once everything that happened before the call has been printed:
    /// a signal of our own, sent now, has come through. Records come out in the
    /// order of the kernel's clock.
    pub fn catch_up(&self, beacon: &mut Beacon) -> anyhow::Result<()> {
        let (pid, ticks) = (beacon.specimen.pid(), beacon.specimen.start_ticks());
        let of = |log: &Log| of_process(log, pid, ticks, &["signal"]);
        beacon.sent += 1;
        beacon
            .specimen
            .kill(beacon.specimen.ns_pid(), libc::SIGURG)?;
        let sent = beacon.sent;
        self.until(slow(RECORD_TIMEOUT), |log| {
            let seen = of(log)
                .iter()
                .filter(|r| r["signal"]["number"] == libc::SIGURG)
                .count();
            (seen >= sent).then_some(())
        })
        .context("the tracer's record of our own last signal never came")
    }

    /// The records of these kinds (their `type`) about one process, in order:
    /// about the target of a signal, the init of a zap, the process that exited.
    pub fn records_of(&self, process: impl Into<Identity>, kinds: &[&str]) -> Vec<Value> {
        let Identity { pid, start_ticks } = process.into();
        of_process(&self.log.lock(), pid, start_ticks, kinds)
    }

    /// The same, waiting a little for as many as are awaited, should they be
    /// printed out of order.
    pub fn records_of_at_least(
        &self,
        process: impl Into<Identity>,
        kinds: &[&str],
        count: usize,
    ) -> Vec<Value> {
        let process = process.into();
        let Identity { pid, start_ticks } = process;
        let enough =
            |log: &mut Log| (of_process(log, pid, start_ticks, kinds).len() >= count).then_some(());
        let _ = self.until(slow(Duration::from_secs(1)), enough);
        self.records_of(process, kinds)
    }

    /// Forgets everything seen so far.
    pub fn forget_all(&self) {
        self.log.lock().by_process.clear();
    }

    /// How many records the tracer had to throw away.
    pub fn lost(&self) -> u64 {
        self.log.lock().ring_full
    }

    /// Ends the tracer.
    pub fn stop(&self) -> anyhow::Result<()> {
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        child.kill().context("ending the tracer")?;
        child.wait().map(drop).context("waiting for the tracer")
    }
}

fn of_process(log: &Log, pid: i32, start_ticks: u64, kinds: &[&str]) -> Vec<Value> {
    let Ok(pid) = u64::try_from(pid) else {
        return Vec::new();
    };
    let mut records: Vec<Value> = log
        .by_process
        .get(&pid)
        .into_iter()
        .flatten()
        .filter(|record| kinds.iter().any(|kind| record["type"] == *kind))
        .filter(|record| is_started_at(record, start_ticks))
        .cloned()
        .collect();
    records.sort_by_key(|record| record["mono_ns"].as_u64());
    records
}

/// Pids are reused within seconds on a busy machine; start times are not.
fn is_started_at(record: &Value, start_ticks: u64) -> bool {
    subject(record)
        .and_then(|process| process["start_ns"].as_u64())
        .is_some_and(|ns| ns / TICK_NS == start_ticks)
}

/// A process as the records name it, whoever made it.
#[derive(Debug, Clone, Copy)]
pub struct Identity {
    pub pid: i32,
    /// Clock ticks after boot.
    pub start_ticks: u64,
}

impl From<&Specimen> for Identity {
    fn from(specimen: &Specimen) -> Self {
        Self {
            pid: specimen.pid(),
            start_ticks: specimen.start_ticks(),
        }
    }
}

/// A process that is signalled only to see how far the tracer has come.
pub struct Beacon {
    specimen: Specimen,
    sent: usize,
}

impl Beacon {
    /// Makes one out of an ordinary specimen.
    pub fn new(specimen: Specimen) -> Self {
        Self { specimen, sent: 0 }
    }

    /// After [`Watch::forget_all`]: the count starts again.
    pub fn restart(&mut self) {
        self.sent = 0;
    }
}

/// The one tracer of a test process.
pub fn shared(exe: &Path) -> anyhow::Result<&'static Watch> {
    static WATCH: std::sync::OnceLock<Result<Watch, String>> = std::sync::OnceLock::new();
    WATCH
        .get_or_init(|| Watch::start(exe).map_err(|error| format!("{error:#}")))
        .as_ref()
        .map_err(|error| anyhow!("{error}"))
}
