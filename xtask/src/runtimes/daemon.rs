//! containerd and dockerd: started if nobody else has, remembered by pid and
//! start time, and only then ever stopped.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

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
    /// The one that clients, and sigwhy, look for.
    pub socket: &'static str,
    /// Where all its data is.
    pub data: &'static str,
    pub args: Vec<String>,
    /// A client's question that only a daemon that works answers.
    pub question: Vec<String>,
    /// A file with a pid in it, which the daemon would believe.
    pub pid_file: Option<PathBuf>,
    /// Where the record and the log are.
    pub dir: PathBuf,
}

/// Whose daemon it is.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub enum State {
    /// Ours; its pid.
    Ours(u32),
    /// Somebody else's, and it answers.
    Theirs,
    Down,
}

impl Daemon {
    fn record(&self) -> PathBuf {
        self.dir.join(format!("{}.pid", self.name))
    }

    /// Where its output goes.
    pub fn log(&self) -> PathBuf {
        self.dir.join(format!("{}.log", self.name))
    }

    fn ours(&self) -> Option<Process> {
        // A child that never became the daemon is not it.
        Process::recorded(&self.record()).filter(|process| process.comm == self.name)
    }

    /// Whether it answers.
    pub fn answers(&self, ws: &Workspace) -> bool {
        let [program, args @ ..] = &self.question[..] else {
            return false;
        };
        Path::new(self.socket).exists()
            && workspace::output(ws.command(program).args(args).stderr(Stdio::null())).is_some()
    }

    /// Whose it is now.
    pub fn state(&self, ws: &Workspace) -> State {
        match self.ours() {
            Some(process) => State::Ours(process.pid),
            None if self.answers(ws) => State::Theirs,
            None => State::Down,
        }
    }

    /// Starts it where none answers.
    ///
    /// # Errors
    ///
    /// Somebody else's uses the same data and does not answer. Or ours does not
    /// come up; then it is ended.
    pub fn ensure(&self, ws: &Workspace) -> Result<State> {
        let state = self.state(ws);
        match state {
            State::Theirs => return Ok(state),
            State::Ours(_) => return self.until_it_answers(ws).map(|()| state),
            State::Down => {}
        }
        let strangers = process::named(self.name);
        let uses_it =
            |process: &&Process| process.sees_our_files() && process.has_open_below(self.data);
        if let Some(stranger) = strangers.iter().find(uses_it) {
            return fail(format!(
                "a {} that xtask did not start (pid {}) uses {} and does not answer at {}: stop it, or let it answer there",
                self.name, stranger.pid, self.data, self.socket
            ));
        }
        if let Some(file) = &self.pid_file {
            // Of an end without a chance to remove it; the pid may be another's now.
            let _ = fs::remove_file(file);
        }
        let pid = self.start(ws)?;
        if let Err(failure) = self.until_it_answers(ws) {
            self.stop(ws)?;
            return Err(failure);
        }
        Ok(State::Ours(pid))
    }

    fn start(&self, ws: &Workspace) -> Result<u32> {
        let log = self.log();
        let wrong = || format!("cannot write {}", log.display());
        let out = File::create(&log).context(wrong)?;
        let err = out.try_clone().context(wrong)?;
        // In a session of its own: Ctrl-C at this terminal is not meant for it.
        // setsid(1) becomes the program, so that the pid stays.
        let mut command = ws.command("setsid");
        command.arg(self.name).args(&self.args);
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
