//! A tracer that runs while signals are sent: start, wait until it watches,
//! stop in its own way.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::load::Load;
use super::records;
use crate::failure::{Context as _, Result, fail};
use crate::workspace::ContextNone as _;

/// How long one may take to attach, or to end.
const PATIENCE: Duration = Duration::from_secs(60);

/// How we know that it watches.
#[derive(Clone, Copy)]
pub enum Ready {
    /// Its first line is sigwhy's `start` record.
    StartRecord,
    /// It does not say, so it gets this long.
    After(Duration),
}

/// A running tracer, killed when dropped.
pub struct Watcher {
    child: Child,
    out: PathBuf,
    err: PathBuf,
}

impl Watcher {
    /// Starts `command` with its output in files called `name` in `dir`, and
    /// returns once it watches.
    pub fn start(mut command: Command, name: &str, dir: &Path, ready: Ready) -> Result<Self> {
        let out = dir.join(format!("{name}.out"));
        let err = dir.join(format!("{name}.err"));
        let create =
            |path: &Path| File::create(path).context(|| format!("cannot make {}", path.display()));
        let child = command
            .stdin(Stdio::null())
            .stdout(create(&out)?)
            .stderr(create(&err)?)
            .spawn()
            .context(|| format!("cannot run {name}"))?;
        let mut watcher = Self { child, out, err };
        match ready {
            Ready::StartRecord => watcher.wait_for_start()?,
            Ready::After(time) => sleep(time),
        }
        watcher.check_alive()?;
        Ok(watcher)
    }

    /// The process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    fn wait_for_start(&mut self) -> Result<()> {
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            if is_started(&self.out)? {
                return Ok(());
            }
            self.check_alive()?;
            sleep(Duration::from_millis(5));
        }
        fail(format!(
            "printed no `start` record within {} s",
            PATIENCE.as_secs()
        ))
    }

    fn check_alive(&mut self) -> Result<()> {
        let ended = self.child.try_wait().context(|| "cannot wait".into())?;
        match ended {
            None => Ok(()),
            Some(status) => fail(format!(
                "ended before it watched ({status}): {}",
                last_line(&self.err)
            )),
        }
    }

    /// Ends it with SIGINT and returns what it left on stdout and stderr.
    pub fn stop(mut self, load: &Load) -> Result<Capture> {
        load.interrupt(self.child.id())?;
        let began = Instant::now();
        while self
            .child
            .try_wait()
            .context(|| "cannot wait".into())?
            .is_none()
        {
            if began.elapsed() > PATIENCE {
                return fail("did not end after SIGINT");
            }
            sleep(Duration::from_millis(20));
        }
        Ok(Capture {
            out: self.out.clone(),
            err: self.err.clone(),
        })
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        // Both fail when it has ended, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The output of a tracer that ended, removed when dropped: a capture of
/// millions of events is gigabytes.
pub struct Capture {
    pub out: PathBuf,
    pub err: PathBuf,
}

impl Drop for Capture {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.out);
        let _ = fs::remove_file(&self.err);
    }
}

fn is_started(out: &Path) -> Result<bool> {
    let file = File::open(out).context(|| format!("cannot open {}", out.display()))?;
    let mut line = String::new();
    BufReader::new(file)
        .take(1 << 16)
        .read_line(&mut line)
        .context(|| format!("cannot read {}", out.display()))?;
    if !line.ends_with('\n') {
        return Ok(false);
    }
    if records::is_type(&line, "start") {
        return Ok(true);
    }
    fail("its first record is not `start`")
}

fn last_line(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap_or_default();
    let line = text.lines().rev().find(|line| !line.trim().is_empty());
    line.unwrap_or("and said nothing").to_owned()
}

/// Starts `command`, and returns how long the first record took to come. Ends it.
pub fn time_to_start(mut command: Command, load: &Load) -> Result<Duration> {
    let began = Instant::now();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .context(|| "cannot run sigwhy".into())?;
    let stdout = child.stdout.take().context_none("no stdout")?;
    let mut stdout = BufReader::new(stdout);
    let mut line = String::new();
    let read = stdout.read_line(&mut line);
    let took = began.elapsed();
    if read.is_err() || !records::is_type(&line, "start") {
        let _ = child.kill();
        let _ = child.wait();
        return fail("sigwhy's first record is not `start`");
    }
    load.interrupt(child.id())?;
    let drained = std::io::copy(&mut stdout, &mut std::io::sink());
    drained.context(|| "cannot read sigwhy's output".into())?;
    child.wait().context(|| "cannot wait for sigwhy".into())?;
    Ok(took)
}
