//! How a run ends: why, with which exit code, and how long it waits for who
//! reads its output.

use std::{
    io,
    os::unix::process::ExitStatusExt as _,
    process::{ExitCode, ExitStatus},
    time::Duration,
};

use tokio::{process::Child, signal::unix::Signal, time::sleep};

use super::writer::Queue;

/// How long, once interrupted, a reader that reads nothing is waited for.
pub const STALL: Duration = Duration::from_secs(1);

/// Why the loop ended.
pub enum End {
    /// Ctrl-C or SIGTERM.
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
