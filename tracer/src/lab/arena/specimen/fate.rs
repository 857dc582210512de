//! What became of a specimen: waiting for it to settle, to stop, to die, and
//! reaping it.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

use super::super::{
    lock, procfs, raw,
    wire::{Answer, Order, Status},
};
use super::{LOOK, Parent, Specimen, ask_status, peek};

impl Specimen {
    /// What became of it, once everything sent so far had its effect: at once
    /// if it is dead or stopped, else when it has answered a ping. `Alive` if
    /// it does neither by `timeout` (it sleeps in an order that blocks, say).
    ///
    /// # Errors
    ///
    /// If its parent cannot be asked.
    pub fn fate(&self, timeout: Duration) -> anyhow::Result<Status> {
        let end = Instant::now() + timeout;
        let pinged = lock(&self.member.channel).tell(Order::Ping).ok();
        loop {
            match self.stat() {
                None => return Ok(Status::Gone),
                Some(stat) if stat.is_dead() => return self.last_status(),
                // A traced one (`t`) stops for its tracer at every signal.
                Some(stat) if stat.state == 'T' => {
                    let status = self.last_status()?;
                    if status != Status::Alive {
                        return Ok(status);
                    }
                }
                Some(_) => {}
            }
            let now = Instant::now();
            if let Some(seq) = pinged {
                let glance = (now + LOOK).min(end);
                if lock(&self.member.channel).answer_to(seq, glance).is_ok() {
                    return Ok(Status::Alive);
                }
            }
            if now >= end {
                return Ok(Status::Alive);
            }
            thread::sleep(LOOK);
        }
    }

    /// Waits until it is dead: a zombie, or gone. The status then, or `Alive`.
    ///
    /// # Errors
    ///
    /// If its parent cannot be asked.
    pub fn await_death(&self, timeout: Duration) -> anyhow::Result<Status> {
        self.await_stat(timeout, procfs::Stat::is_dead)
    }

    /// Waits until it is stopped, by a signal or by its tracer, or dead.
    ///
    /// # Errors
    ///
    /// If its parent cannot be asked.
    pub fn await_stop(&self, timeout: Duration) -> anyhow::Result<Status> {
        self.await_stat(timeout, |stat| stat.is_stopped() || stat.is_dead())
    }

    fn await_stat(
        &self,
        timeout: Duration,
        done: impl Fn(&procfs::Stat) -> bool,
    ) -> anyhow::Result<Status> {
        let end = Instant::now() + timeout;
        loop {
            match self.stat() {
                None => return Ok(Status::Gone),
                Some(stat) if done(&stat) => {
                    let status = self.last_status()?;
                    if status != Status::Alive {
                        return Ok(status);
                    }
                }
                Some(_) => {}
            }
            if Instant::now() >= end {
                return Ok(Status::Alive);
            }
            thread::sleep(LOOK);
        }
    }

    /// The wait status, without reaping it: from its parent while that one
    /// answers, else from `/proc`.
    fn last_status(&self) -> anyhow::Result<Status> {
        let member = &self.member;
        let told = match &member.parent {
            Parent::Arena => peek(member.pid),
            Parent::Specimen(parent) => ask_status(parent, member.pid_for_parent),
            Parent::Other => None,
        };
        match (told, self.stat()) {
            (Some(status), _) if !matches!(status, Status::Gone | Status::Alive) => Ok(status),
            (_, None) => Ok(Status::Gone),
            (_, Some(stat)) if stat.is_dead() => Ok(Status::from_wait(stat.exit_code)),
            // Its main thread stopped before the others; the stop is not complete.
            (Some(Status::Alive), Some(stat)) if stat.state == 'T' => Ok(Status::Alive),
            (_, Some(stat)) if stat.is_stopped() => Ok(Status::Stopped(stat.exit_code & 0xff)),
            (_, Some(_)) => Ok(Status::Alive),
        }
    }

    /// Has its parent reap it, waiting for its death at most `timeout`; a parent
    /// that the arena cannot ask does so by itself. How it ended: where
    /// [`Specimen::await_death`] sees the main thread's end only (see
    /// [`Order::Status`]), this is the process's.
    ///
    /// # Errors
    ///
    /// If it did not die in time, or its parent cannot be asked.
    pub fn reap(&self, timeout: Duration) -> anyhow::Result<Status> {
        let member = &self.member;
        let Parent::Specimen(parent) = &member.parent else {
            if matches!(member.parent, Parent::Other) {
                return self.await_death(timeout);
            }
            let end = Instant::now() + timeout;
            loop {
                let status = raw::wait_any_status(member.pid);
                if let Some(status) = status.with_context(|| format!("reaping {self}"))? {
                    return Ok(Status::from_wait(status));
                }
                if Instant::now() >= end {
                    bail!("{self} did not die within {timeout:?}");
                }
                thread::sleep(LOOK);
            }
        };
        let order = Order::Reap {
            pid: member.pid_for_parent,
            millis: timeout.as_millis() as u64,
        };
        match Self::new(Arc::clone(parent)).ask(order)? {
            Answer::Status(status) => Ok(status),
            answer => Err(self.unexpected("reap", &answer)),
        }
    }
}
