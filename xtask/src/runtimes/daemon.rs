//! containerd and dockerd: started, remembered by pid and start time, and stopped
//! only by these.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::place::Place;
use super::process::{self, Process};
use crate::failure::{Context as _, Result, fail};
use crate::workspace::{self, Workspace};

/// How long a start may take on a busy machine; a second is usual.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// How long a daemon may take to end after SIGTERM.
const STOP_TIMEOUT: Duration = Duration::from_secs(20);

const POLL: Duration = Duration::from_millis(50);

/// A daemon that can be asked whether it answers.
pub struct Daemon {
    /// The program's name, and the process's.
    pub name: &'static str,
    pub args: Vec<String>,
    /// The one of them that no other daemon has, of any other xtask's either.
    pub mark: String,
    /// A client's question that only a daemon that works answers.
    pub question: Vec<String>,
    /// A file with a pid in it, which the daemon would believe.
    pub pid_file: Option<PathBuf>,
    /// Where the log is.
    pub dir: PathBuf,
    pub place: Place,
}

/// Whether it runs.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub enum State {
    /// Its pid.
    Up(u32),
    Down,
}

impl Daemon {
    fn record(&self) -> PathBuf {
        self.place.record(self.name)
    }

    /// Where its output goes.
    pub fn log(&self) -> PathBuf {
        self.dir.join(format!("{}.log", self.name))
    }

    /// Whether it answers.
    pub fn answers(&self, ws: &Workspace) -> bool {
        let [program, args @ ..] = &self.question[..] else {
            return false;
        };
        let mut ask = self.place.command(ws, program);
        workspace::output(ask.args(args).stderr(Stdio::null())).is_some()
    }

    /// Whether ours runs.
    pub fn state(&self) -> State {
        let ours = self.place.member(self.name);
        ours.map_or(State::Down, |process| State::Up(process.pid))
    }

    /// Starts it where it does not run; `before` goes before its command line.
    /// Returns its pid.
    ///
    /// # Errors
    ///
    /// One of ours runs of which there is no record. Or ours does not come up;
    /// then it is ended.
    pub fn ensure(&self, ws: &Workspace, before: &[String]) -> Result<u32> {
        if let State::Up(pid) = self.state() {
            return self.until_it_answers(ws).map(|()| pid);
        }
        let is_ours = |process: &Process| {
            process.comm == self.name && process.command_line().contains(&self.mark)
        };
        if let Some(lost) = process::all().into_iter().find(is_ours) {
            return fail(format!(
                "a {} with {} runs (pid {}) and nothing says that xtask started it: end it",
                self.name, self.mark, lost.pid
            ));
        }
        if let Some(file) = &self.pid_file {
            // Of an end without a chance to remove it; the pid may be another's now.
            let _ = fs::remove_file(file);
        }
        let pid = self.start(ws, before)?;
        if let Err(failure) = self.until_it_answers(ws) {
            self.stop(ws)?;
            return Err(failure);
        }
        Ok(pid)
    }

    fn start(&self, ws: &Workspace, before: &[String]) -> Result<u32> {
        let log = self.log();
        let wrong = || format!("cannot write {}", log.display());
        let out = File::create(&log).context(wrong)?;
        let err = out.try_clone().context(wrong)?;
        // In a session of its own: Ctrl-C at this terminal is not meant for it.
        // setsid(1) becomes the program, as all that is before it does, so that the
        // pid stays.
        let mut command = ws.command("setsid");
        command.args(before).arg(self.name).args(&self.args);
        command.stdin(Stdio::null()).stdout(out).stderr(err);
        let mut child = command
            .spawn()
            .context(|| format!("cannot run setsid {}", self.name))?;
        let pid = child.id();
        let record = self.record();
        let written = Process::get(pid)
            .ok_or_else(|| "it is gone already".to_owned())
            .and_then(|process| {
                fs::write(&record, process.record()).map_err(|error| error.to_string())
            });
        if let Err(error) = written {
            // What is not remembered must not run.
            let _ = child.kill();
            let _ = child.wait();
            return fail(format!("cannot record {} (pid {pid}): {error}", self.name));
        }
        // Whoever is its parent later waits for it: this process may end first.
        thread::spawn(move || child.wait());
        Ok(pid)
    }

    fn until_it_answers(&self, ws: &Workspace) -> Result<()> {
        let end = Instant::now() + START_TIMEOUT;
        let runs = || Process::recorded(&self.record()).is_some();
        while Instant::now() < end && runs() {
            if self.answers(ws) {
                return Ok(());
            }
            thread::sleep(POLL);
        }
        let what = if runs() {
            "does not answer"
        } else {
            "ended at once"
        };
        let log = self.log();
        let text = fs::read_to_string(&log).unwrap_or_default();
        fail(format!(
            "{} {what}; the end of {}: {}",
            self.name,
            log.display(),
            text.lines().last().unwrap_or("(empty)")
        ))
    }

    /// Stops it if it is ours; returns its pid.
    pub fn stop(&self, ws: &Workspace) -> Result<Option<u32>> {
        let record = self.record();
        let ours = Process::recorded(&record);
        if let Some(process) = &ours {
            for (signal, patience) in [("TERM", STOP_TIMEOUT), ("KILL", STOP_TIMEOUT)] {
                kill(ws, signal, process.pid)?;
                let end = Instant::now() + patience;
                while Process::recorded(&record).is_some() && Instant::now() < end {
                    thread::sleep(POLL);
                }
                if Process::recorded(&record).is_none() {
                    break;
                }
            }
            if Process::recorded(&record).is_some() {
                return fail(format!(
                    "{} (pid {}) does not end, not even by SIGKILL",
                    self.name, process.pid
                ));
            }
        }
        let _ = fs::remove_file(record);
        Ok(ours.map(|process| process.pid))
    }
}

/// The standard library has no kill(2); every shell has.
fn kill(ws: &Workspace, signal: &str, pid: u32) -> Result<()> {
    let mut shell: Command = ws.command("sh");
    shell.args(["-c", "kill -s \"$0\" \"$1\"", signal, &pid.to_string()]);
    workspace::run(&mut shell, &format!("kill -{signal} {pid}"))
}
