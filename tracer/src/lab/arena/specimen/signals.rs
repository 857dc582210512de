//! What a specimen does with the signals it gets: its dispositions, its mask,
//! its threads, and what it waits for.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

use super::super::wire::{Answer, Caught, Disposition, Event, Order, TracePolicy};
use super::super::{lock, mask_of, procfs};
use super::{ANSWER_TIMEOUT, LOOK, Specimen};

impl Specimen {
    /// Sets what it does with a signal.
    ///
    /// # Errors
    ///
    /// If the kernel refused (SIGKILL, SIGSTOP).
    pub fn dispose(&self, signal: i32, to: Disposition) -> anyhow::Result<()> {
        self.order(Order::Dispose { signal, to })
    }

    /// Makes its main thread block exactly these signals.
    ///
    /// # Errors
    ///
    /// If it is gone.
    pub fn block(&self, signals: &[i32]) -> anyhow::Result<()> {
        let mask = mask_of(signals);
        self.order(Order::Mask { mask })
    }

    /// Starts idle threads with this mask, and returns their tids in its own
    /// PID namespace.
    ///
    /// # Errors
    ///
    /// If they could not be started.
    pub fn threads(&self, count: u32, blocked: &[i32]) -> anyhow::Result<Vec<i32>> {
        let mask = mask_of(blocked);
        match self.ask(Order::Threads { count, mask })? {
            Answer::Numbers(tids) => Ok(tids),
            answer => Err(self.unexpected("threads", &answer)),
        }
    }

    /// Makes its main thread wait in sigtimedwait(2), and returns once it does.
    /// [`Specimen::awaited_signal`] has the outcome.
    ///
    /// # Errors
    ///
    /// If it did not get there.
    pub fn sigwait(&self, signals: &[i32], limit: Duration) -> anyhow::Result<()> {
        let mask = mask_of(signals);
        let millis = limit.as_millis() as u64;
        self.order(Order::SigWait { mask, millis })?;
        self.await_syscall(libc::SYS_rt_sigtimedwait)
    }

    /// Makes its main thread wait on a signalfd(2), and returns once it does.
    ///
    /// # Errors
    ///
    /// If it could not.
    pub fn signalfd(&self, signals: &[i32], limit: Duration) -> anyhow::Result<()> {
        let mask = mask_of(signals);
        let millis = limit.as_millis() as u64;
        self.order(Order::SignalFd { mask, millis })
    }

    /// Returns once the main thread sleeps in this system call.
    fn await_syscall(&self, number: libc::c_long) -> anyhow::Result<()> {
        let path = format!("/proc/{}/syscall", self.pid());
        let end = Instant::now() + ANSWER_TIMEOUT;
        while Instant::now() < end {
            let now = std::fs::read_to_string(&path).with_context(|| format!("reading {path}"))?;
            if now.split(' ').next() == Some(&number.to_string()) {
                return Ok(());
            }
            thread::sleep(LOOK);
        }
        bail!("{self} never slept in system call {number}")
    }

    /// What a sigwait or signalfd took; `None` if its time ran out first.
    ///
    /// # Errors
    ///
    /// If it said nothing by `timeout`.
    pub fn awaited_signal(&self, timeout: Duration) -> anyhow::Result<Option<i32>> {
        let Event::Signal(signal) = lock(&self.member.channel)
            .event(Instant::now() + timeout)
            .with_context(|| format!("{self}: waiting for its signal"))?;
        Ok((signal != 0).then_some(signal))
    }

    /// Traces `pid` (as this specimen sees it).
    ///
    /// # Errors
    ///
    /// If ptrace(2) refused.
    pub fn seize(&self, pid: i32, policy: TracePolicy) -> anyhow::Result<()> {
        self.order(Order::Trace {
            pid,
            attach: false,
            exit_kill: false,
            policy,
        })
    }

    /// How often a handler of it got this signal.
    ///
    /// # Errors
    ///
    /// If it is gone.
    pub fn caught(&self, signal: i32) -> anyhow::Result<u64> {
        let of = |caught: &Caught| caught.signal == signal;
        let report = self.report()?;
        Ok(report.caught.iter().find(|c| of(c)).map_or(0, |c| c.count))
    }

    /// Its pending, blocked, ignored and caught signals, from `/proc`.
    ///
    /// # Errors
    ///
    /// If it is gone.
    pub fn signal_sets(&self) -> anyhow::Result<procfs::SignalSets> {
        procfs::signal_sets(self.pid())
    }
}
