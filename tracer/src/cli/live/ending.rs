//! How a run ends: why, with which exit code, and how long it waits for who
//! reads its output.

use std::{
    io,
    os::unix::process::ExitStatusExt as _,
    process::{ExitCode, ExitStatus},
    time::Duration,
};

use tokio::{
    process::Child,
    signal::unix::{Signal, SignalKind, signal},
    time::sleep,
};
use tracer_common::signals::{SIGHUP, contains};

use super::writer::Queue;

/// How long, once interrupted, a reader that reads nothing is waited for.
pub const STALL: Duration = Duration::from_secs(1);

/// Why the loop ended.
pub enum End {
    /// Ctrl-C, SIGTERM, or SIGHUP.
    Interrupted,
    /// `--duration` or `--count`.
    Enough,
    /// The traced command.
    Command(ExitStatus),
}

impl End {
    /// 0, the command's own, or 130 where it was interrupted before any of the
    /// `shown` records came, of whatever type. A command that still runs has no
    /// code yet: that is 0.
    pub fn exit_code(&self, shown: u64, still_runs: bool) -> ExitCode {
        match self {
            Self::Interrupted if shown == 0 && !still_runs => ExitCode::from(130),
            Self::Interrupted | Self::Enough => ExitCode::SUCCESS,
            Self::Command(status) => code_of(*status),
        }
    }
}

/// SIGHUP, which comes when the terminal or the connection is gone; `None` where it
/// was to be ignored (nohup).
///
/// # Errors
/// Those of the runtime.
pub fn hangup() -> io::Result<Option<Signal>> {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    if ignores(&status, SIGHUP) {
        return Ok(None);
    }
    signal(SignalKind::hangup()).map(Some)
}

/// Whether a process ignores a signal, by its /proc/PID/status.
fn ignores(status: &str, sig: u32) -> bool {
    status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|set| u64::from_str_radix(set.trim(), 16).ok())
        .is_some_and(|set| contains(set, sig))
}

/// Until a signal comes; `None` never does.
pub async fn came(signal: &mut Option<Signal>) {
    match signal {
        Some(signal) => {
            signal.recv().await;
        }
        None => std::future::pending().await,
    }
}

/// The exit code of a command, as a shell has it.
pub fn code_of(status: ExitStatus) -> ExitCode {
    let code = status
        .code()
        .or_else(|| status.signal().map(|signal| 128 + signal))
        .unwrap_or(1);
    ExitCode::from(u8::try_from(code).unwrap_or(1))
}

/// The pid of the command, if it has not ended.
pub fn running(child: &mut Option<Child>) -> Option<u32> {
    let child = child.as_mut()?;
    // Reaps it if it has just ended; after that it has no pid.
    let _ = child.try_wait();
    child.id()
}

/// Waits for what is queued to be written: as long as it takes, unless it was
/// interrupted. Then only as long as there is progress, and a further signal
/// ends the wait at once.
pub struct Patience<'a> {
    pub interrupt: &'a mut Signal,
    pub terminate: &'a mut Signal,
    pub interrupted: bool,
    /// No more waiting: nobody reads.
    pub over: bool,
    /// How long without progress that takes; `None` where only a signal can say so.
    pub stall: Option<Duration>,
}

impl Patience<'_> {
    /// Whether at most `limit` bytes are left.
    ///
    /// # Errors
    /// Those of writing.
    pub async fn until(&mut self, queue: &Queue, limit: usize) -> io::Result<bool> {
        self.wait(queue, || queue.below(limit)).await
    }

    /// Whether all is written, where there will be no more.
    ///
    /// # Errors
    /// Those of writing.
    pub async fn finished(&mut self, queue: &Queue) -> io::Result<bool> {
        self.wait(queue, || queue.finished()).await
    }

    async fn wait<F>(&mut self, queue: &Queue, until: impl Fn() -> F) -> io::Result<bool>
    where
        F: Future<Output = io::Result<()>>,
    {
        while !self.over {
            let written = queue.written();
            tokio::select! {
                biased;
                done = until() => return done.map(|()| true),
                _ = self.terminate.recv() => self.signal(),
                _ = self.interrupt.recv() => self.signal(),
                () = sleep(self.stall.unwrap_or_default()), if self.interrupted && self.stall.is_some() => {
                    self.over = queue.written() == written;
                }
            }
        }
        Ok(false)
    }

    fn signal(&mut self) {
        self.over = self.interrupted;
        self.interrupted = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nohup_shows_in_the_status() {
        let status = "Name:\tx\nSigBlk:\t0000000000000001\nSigIgn:\t0000000000001001\n";
        assert!(ignores(status, SIGHUP));
        assert!(!ignores(status, 2));
        assert!(!ignores("SigIgn:\t0000000000001000\n", SIGHUP));
        assert!(!ignores("", SIGHUP));
    }
}
