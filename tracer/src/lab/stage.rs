//! Performs a scenario's steps with real processes.
//!
//! Knows nothing of tracing. Every call blocks, so it wants a thread of its own;
//! [`Backstage`] is what that thread shares with the one that watches.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow, bail};

use super::arena::{Arena, Disposition, Order, Specimen};
use super::cast::{Cast, Identity};
use super::scenario::{Actor, Expect, Scenario, Seen, Step};
use crate::capture::boottime;
use crate::decide::names;

/// Long enough for a busy machine, and never waited out when all is well.
const SOON: Duration = Duration::from_secs(5);

/// What specimens may live beyond the grace period, in seconds, should their
/// arena be unable to end them.
const LIFE: u64 = 30;

/// A step that was done, in words.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Told {
    /// CLOCK_BOOTTIME just before, in nanoseconds.
    pub mono_ns: u64,
    pub text: String,
}

/// What the performing thread and the watching one share.
#[derive(Debug, Default)]
pub struct Backstage {
    state: Mutex<State>,
    cancelled: Condvar,
}

#[derive(Debug, Default)]
struct State {
    cast: Cast,
    told: Vec<Told>,
    cancelled: bool,
}

impl Backstage {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Plain data, whole at every moment.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the performance before its next step, or within a pause.
    pub fn cancel(&self) {
        self.lock().cancelled = true;
        self.cancelled.notify_all();
    }

    /// Reads who is on stage by now.
    pub fn with_cast<T>(&self, read: impl FnOnce(&Cast) -> T) -> T {
        read(&self.lock().cast)
    }

    /// The steps told since the last call.
    pub fn take_told(&self) -> Vec<Told> {
        std::mem::take(&mut self.lock().told)
    }

    fn tell(&self, mono_ns: u64, text: String) {
        self.lock().told.push(Told { mono_ns, text });
    }

    fn check(&self) -> anyhow::Result<()> {
        if self.lock().cancelled {
            bail!("interrupted");
        }
        Ok(())
    }

    /// Sleeps, unless it is cancelled.
    fn pause(&self, time: Duration) -> anyhow::Result<()> {
        let end = Instant::now() + time;
        let mut state = self.lock();
        while !state.cancelled {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            (state, _) = self
                .cancelled
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner);
        }
        bail!("interrupted");
    }
}

/// What a performance leaves: what was seen, and the processes that are still
/// there. Dropping it ends them.
#[derive(Debug)]
pub struct Performance {
    pub seen: Vec<Seen>,
    _company: Company,
}

/// The processes. Dropping it ends them.
#[derive(Debug)]
struct Company {
    arena: Arena,
    actors: HashMap<Actor, Specimen>,
    inits: Vec<Specimen>,
}

impl Drop for Company {
    fn drop(&mut self) {
        // The arena ends them all, but the parents of the inits with them, and
        // then their zombies would wait for the machine's init. What is inside
        // goes with its init.
        for init in self.inits.drain(..).rev() {
            init.clone().discard();
            // It may be dead and reaped already.
            let _ = init.reap(SOON);
        }
    }
}

/// Performs a scenario with specimens that run `exe`, the `sigwhy` binary.
///
/// # Errors
///
/// When a process cannot be made or does not do as it is told, and when it is
/// cancelled. No process is left then.
pub fn perform(
    scenario: &Scenario,
    exe: &Path,
    grace: Duration,
    backstage: &Backstage,
) -> anyhow::Result<Performance> {
    let mut stage = Stage {
        company: Company {
            arena: Arena::with_life(exe, grace.as_secs() + LIFE)?,
            actors: HashMap::new(),
            inits: Vec::new(),
        },
        seen: Vec::new(),
        grace,
        backstage,
    };
    for (steps, shown) in [(scenario.setup, false), (scenario.steps, true)] {
        for step in steps {
            backstage.check()?;
            stage
                .step(*step, shown)
                .with_context(|| format!("{}: {step:?}", scenario.name))?;
        }
    }
    for expect in scenario.expected {
        if let Expect::Fate { who, .. } = expect {
            let status = stage.actor(who)?.fate(SOON)?;
            stage.seen.push(Seen::Fate { who, status });
        }
    }
    Ok(Performance {
        seen: stage.seen,
        _company: stage.company,
    })
}

struct Stage<'a> {
    company: Company,
    seen: Vec<Seen>,
    grace: Duration,
    backstage: &'a Backstage,
}

impl Stage<'_> {
    fn actor(&self, name: &str) -> anyhow::Result<&Specimen> {
        self.company
            .actors
            .get(name)
            .ok_or_else(|| anyhow!("the scenario has no process {name}"))
    }

    fn enter(&mut self, name: Actor, specimen: Specimen) -> anyhow::Result<()> {
        let identity = Identity {
            pid_ns: specimen.pid_ns()?,
            ns_pid: specimen.ns_pid(),
            start_ticks: specimen.start_ticks(),
        };
        self.backstage.lock().cast.add(name, identity);
        self.company.actors.insert(name, specimen);
        Ok(())
    }

    fn step(&mut self, step: Step, shown: bool) -> anyhow::Result<()> {
        // Before it is done: what it causes comes after it.
        if shown && let Some(text) = step.told(self.grace) {
            self.backstage.tell(boottime(), text);
        }
        match step {
            Step::Host { name } => self.enter(name, self.company.arena.spawn_host(name)?)?,
            Step::Init { name, parent } => {
                let init = self.actor(parent)?.spawn_init(name)?;
                self.company.inits.push(init.clone());
                self.enter(name, init)?;
            }
            Step::Child { name, parent } => {
                self.enter(name, self.actor(parent)?.spawn_child(name)?)?;
            }
            Step::Handle { who, signal } => {
                self.actor(who)?
                    .dispose(number(signal), Disposition::Handler)?;
            }
            Step::Block { who, signal } => self.actor(who)?.block(&[number(signal)])?,
            Step::Unblock { who, .. } => {
                let who = self.actor(who)?;
                who.block(&[])?;
                who.fate(SOON)?;
            }
            Step::Sigwait { who, signal } => {
                self.actor(who)?.sigwait(&[number(signal)], SOON)?;
            }
            Step::Kill { from, to, signal } => self.kill(from, to, signal, shown)?,
            Step::Settle { who } => {
                self.actor(who)?.fate(SOON)?;
            }
            Step::Count { who, signal } => {
                let times = self.actor(who)?.caught(number(signal))?;
                self.seen.push(Seen::Handled { who, signal, times });
            }
            Step::Awaken { who } => {
                let signal = self.actor(who)?.awaited_signal(SOON)?;
                self.seen.push(Seen::Took {
                    who,
                    signal: signal.and_then(|signal| u32::try_from(signal).ok()),
                });
            }
            Step::Exit { who, code } => {
                let code = i32::from(code);
                self.actor(who)?.order(Order::Exit { code })?;
            }
            Step::Die { who } => {
                self.actor(who)?.await_death(SOON)?;
            }
            Step::Grace => self.backstage.pause(self.grace)?,
        }
        Ok(())
    }

    fn kill(&self, from: Actor, to: Actor, signal: u32, shown: bool) -> anyhow::Result<()> {
        let (sender, target) = (self.actor(from)?, self.actor(to)?);
        // What a person would type there: the number as the sender sees it.
        let pid = if sender.pid_ns()? == target.pid_ns()? {
            target.ns_pid()
        } else {
            target.pid()
        };
        if shown {
            let name = names::signal(signal);
            self.backstage
                .tell(boottime(), format!("{from} calls kill({pid}, {name})"));
        }
        sender.kill(pid, number(signal))
    }
}

/// As libc has it. Signal numbers are small.
fn number(signal: u32) -> i32 {
    i32::try_from(signal).unwrap_or(i32::MAX)
}
