//! A running `sigwhy`, and what it says.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::harness::slow;

/// How long a start, an end or a record may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// The binary under test, with neither colours nor logs from the environment.
pub fn sigwhy() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sigwhy"));
    command
        .stdin(Stdio::null())
        .env_remove("NO_COLOR")
        .env_remove("CLICOLOR")
        .env_remove("CLICOLOR_FORCE");
    command
}

/// Lines that a thread reads as they come.
#[derive(Clone, Default)]
struct Lines(Arc<(Mutex<Vec<String>>, Condvar)>);

impl Lines {
    fn read(&self, from: impl std::io::Read + Send + 'static) -> JoinHandle<()> {
        let lines = self.clone();
        thread::spawn(move || {
            for line in BufReader::new(from).split(b'\n') {
                let Ok(line) = line else { break };
                lines
                    .lock()
                    .push(String::from_utf8_lossy(&line).into_owned());
                lines.0.1.notify_all();
            }
        })
    }

    fn lock(&self) -> MutexGuard<'_, Vec<String>> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The first line that `found` takes.
    fn until<T>(&self, found: impl Fn(&str) -> Option<T>) -> anyhow::Result<T> {
        let end = Instant::now() + slow(PATIENCE);
        let mut lines = self.lock();
        let mut seen = 0;
        loop {
            if let Some(value) = lines[seen..].iter().find_map(|line| found(line)) {
                return Ok(value);
            }
            seen = lines.len();
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                bail!(
                    "not within {PATIENCE:?}; the last lines: {:#?}",
                    tail(&lines)
                );
            }
            (lines, _) = self
                .0
                .1
                .wait_timeout(lines, left)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}

fn tail(lines: &[String]) -> &[String] {
    &lines[lines.len().saturating_sub(5)..]
}

/// A running `sigwhy live`.
pub struct Live {
    child: Child,
    out: Lines,
    err: Lines,
    readers: Vec<JoinHandle<()>>,
}

/// What a process has said, and how it ended.
pub struct Said {
    pub status: ExitStatus,
    pub out: Vec<String>,
    pub err: Vec<String>,
}

impl Live {
    /// `live --format json`, once it watches.
    pub fn json<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> anyhow::Result<Self> {
        Self::json_of(sigwhy().args(["live", "--format", "json"]).args(args))
    }

    /// The same, attached in the best way also where the tests are run by
    /// another.
    pub fn unforced<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> anyhow::Result<Self> {
        let mut command = sigwhy();
        command.env_remove("SIGWHY_ATTACH");
        Self::json_of(command.args(["live", "--format", "json"]).args(args))
    }

    /// The same with a command of the caller's.
    pub fn json_of(command: &mut Command) -> anyhow::Result<Self> {
        let live = Self::spawn(command)?;
        live.record(|record| record["type"] == "start")
            .with_context(|| format!("no start record; it says {:?}", live.err.lock()))?;
        Ok(live)
    }

    /// `live`, once it says that it watches.
    pub fn text<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> anyhow::Result<Self> {
        Self::text_of(sigwhy().arg("live").args(args))
    }

    /// The same with a command of the caller's.
    pub fn text_of(command: &mut Command) -> anyhow::Result<Self> {
        let live = Self::spawn(command)?;
        live.err
            .until(|line| line.contains(" traces ").then_some(()))
            .context("no header")?;
        Ok(live)
    }

    /// Any command of sigwhy's, at once.
    pub fn spawn(command: &mut Command) -> anyhow::Result<Self> {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("starting sigwhy")?;
        let (out, err) = (Lines::default(), Lines::default());
        let readers = vec![
            out.read(child.stdout.take().context("no stdout")?),
            err.read(child.stderr.take().context("no stderr")?),
        ];
        Ok(Self {
            child,
            out,
            err,
            readers,
        })
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The first record that `wanted` takes, waiting for it.
    pub fn record(&self, wanted: impl Fn(&Value) -> bool) -> anyhow::Result<Value> {
        self.out.until(|line| {
            let record = serde_json::from_str(line).ok()?;
            wanted(&record).then_some(record)
        })
    }

    /// Waits for a line of text with `word` in it.
    pub fn line(&self, word: &str) -> anyhow::Result<String> {
        self.out
            .until(|line| line.contains(word).then(|| line.to_owned()))
    }

    pub fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        let pid = i32::try_from(self.child.id())?;
        kill(Pid::from_raw(pid), signal).context("signalling sigwhy")
    }

    /// Ctrl-C, and everything that came: what happened before is in there.
    pub fn end(self) -> anyhow::Result<Said> {
        self.signal(Signal::SIGINT)?;
        self.wait()
    }

    /// Ctrl-C, and the records.
    pub fn records(self) -> anyhow::Result<Vec<Value>> {
        let said = self.end()?;
        ensure!(
            said.status.code().is_some(),
            "{}: {:?}",
            said.status,
            said.err
        );
        said.records()
    }

    /// Until it ends by itself.
    pub fn wait(mut self) -> anyhow::Result<Said> {
        let status = ended(&mut self.child)?;
        for reader in self.readers.drain(..) {
            let _ = reader.join();
        }
        Ok(Said {
            status,
            out: std::mem::take(&mut self.out.lock()),
            err: std::mem::take(&mut self.err.lock()),
        })
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Said {
    /// Every line as JSON.
    pub fn records(&self) -> anyhow::Result<Vec<Value>> {
        let parse = |line: &String| {
            serde_json::from_str(line).with_context(|| format!("this line is no JSON: {line}"))
        };
        self.out.iter().map(parse).collect()
    }

    pub fn err(&self) -> String {
        self.err.join("\n")
    }
}

/// Waits for a process to end, and does not let it run forever.
pub fn ended(child: &mut Child) -> anyhow::Result<ExitStatus> {
    let end = Instant::now() + slow(PATIENCE);
    loop {
        if let Some(status) = child.try_wait().context("waiting for sigwhy")? {
            return Ok(status);
        }
        if Instant::now() > end {
            let _ = child.kill();
            let _ = child.wait();
            bail!("it does not end");
        }
        thread::sleep(Duration::from_millis(2));
    }
}

/// Runs a command that ends by itself.
pub fn run(command: &mut Command) -> anyhow::Result<Said> {
    Live::spawn(command)?.wait()
}

/// Runs a command with its standard output somewhere else.
pub fn run_into(command: &mut Command, out: impl Into<Stdio>) -> anyhow::Result<Said> {
    let mut child = command
        .stdout(out)
        .stderr(Stdio::piped())
        .spawn()
        .context("starting sigwhy")?;
    let mut text = String::new();
    child
        .stderr
        .take()
        .context("no stderr")?
        .read_to_string(&mut text)
        .context("reading stderr")?;
    Ok(Said {
        status: ended(&mut child)?,
        out: Vec::new(),
        err: text.lines().map(str::to_owned).collect(),
    })
}
