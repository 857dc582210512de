//! Performs a scenario's steps with real processes.
//!
//! Knows nothing of tracing. Every call blocks, so it wants a thread of its own;
//! [`Backstage`] is what that thread shares with the one that watches.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow};

use super::arena::{Arena, Specimen, Status};
use super::cast::Identity;
use super::docker::{self, Container, Docker, Stopping};
use super::scenario::{Actor, Expect, Scenario, Seen, Step};
use crate::capture::boottime;
use crate::explain::Answer;

mod act;
mod backstage;
mod docked;
mod numbers;

pub use backstage::{Backstage, Told};
use numbers::Numbers;

/// Long enough for a busy machine, and never waited out when all is well.
const SOON: Duration = Duration::from_secs(5);

/// What specimens may live beyond the grace period, in seconds, should their
/// arena be unable to end them.
const LIFE: u64 = 30;

/// The same where a person says when it goes on.
const LIFE_STEPWISE: u64 = 3600;

/// How a scenario is performed.
#[derive(Debug, Clone, Default)]
pub struct Manner {
    /// What [`Step::Grace`] takes.
    pub grace: Duration,
    /// Whether a person says when each step is done.
    pub stepwise: bool,
    /// Who makes the containers, if not the arena itself.
    pub docker: Option<Arc<Docker>>,
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
    actors: HashMap<Actor, Role>,
    inits: Vec<Specimen>,
    /// Those of `inits` that docker made.
    containers: HashMap<Actor, Container>,
}

/// A process on stage.
#[derive(Debug)]
struct Role {
    specimen: Specimen,
    numbers: Numbers,
    /// It sleeps in a sigwait or on a signalfd, and answers nothing.
    waits: bool,
    /// How it ended, as its parent saw it.
    end: Option<Status>,
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
    manner: &Manner,
    backstage: &Backstage,
) -> anyhow::Result<Performance> {
    let life = if manner.stepwise { LIFE_STEPWISE } else { LIFE } + manner.grace.as_secs();
    let mut stage = Stage {
        company: Company {
            arena: Arena::with_life(exe, life)?,
            actors: HashMap::new(),
            inits: Vec::new(),
            containers: HashMap::new(),
        },
        seen: Vec::new(),
        manner,
        stopped: manner.docker.as_ref().and(docker::stopped(scenario)),
        stopping: None,
        life: Duration::from_secs(life),
        backstage,
        shown: false,
    };
    if let Some((sender, _)) = stage.stopped {
        backstage.update_cast(|cast| cast.understudy(sender));
    }
    for (steps, shown) in [(scenario.setup, false), (scenario.steps, true)] {
        stage.shown = shown;
        for step in steps {
            backstage.check()?;
            stage
                .step(*step)
                .with_context(|| format!("{}: {step:?}", scenario.name))?;
        }
    }
    for expect in scenario.expected {
        if let Expect::Fate { who, .. } = expect {
            let status = stage.fate(who)?;
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
    manner: &'a Manner,
    /// Whose part docker stop takes, and whom it stops.
    stopped: Option<(Actor, Actor)>,
    /// While it does.
    stopping: Option<Stopping>,
    life: Duration,
    backstage: &'a Backstage,
    /// Whether what is done now is told.
    shown: bool,
}

impl Stage<'_> {
    fn role(&self, name: &str) -> anyhow::Result<&Role> {
        let role = self.company.actors.get(name);
        role.ok_or_else(|| anyhow!("the lesson has no process {name}"))
    }

    fn role_mut(&mut self, name: &str) -> anyhow::Result<&mut Role> {
        let role = self.company.actors.get_mut(name);
        role.ok_or_else(|| anyhow!("the lesson has no process {name}"))
    }

    fn actor(&self, name: &str) -> anyhow::Result<&Specimen> {
        Ok(&self.role(name)?.specimen)
    }

    /// Lets the watching side know who it is.
    fn introduce(&self, name: Actor, specimen: &Specimen) -> anyhow::Result<()> {
        let identity = Identity {
            pid_ns: specimen.pid_ns()?,
            ns_pid: specimen.ns_pid(),
            start_ticks: specimen.start_ticks(),
        };
        self.backstage.update_cast(|cast| cast.add(name, identity));
        Ok(())
    }

    /// Tells what is done, if it is shown. Before it is done, what it causes
    /// comes after it.
    fn tell(&self, text: String) {
        self.tell_with(text, None);
    }

    fn tell_with(&self, text: String, answer: Option<Box<Answer>>) {
        if self.shown {
            self.backstage.tell(Told {
                mono_ns: boottime(),
                text,
                answer,
            });
        }
    }

    /// What became of it by now. Who waits for signals answers nothing, and
    /// what it has been sent has taken it out of there or killed it.
    fn fate(&self, name: &str) -> anyhow::Result<Status> {
        let role = self.role(name)?;
        match role.end {
            Some(status) => Ok(status),
            None if role.waits => role.specimen.await_death(act::MOMENT),
            None => role.specimen.fate(SOON),
        }
    }

    fn step(&mut self, step: Step) -> anyhow::Result<()> {
        if self.shown
            && let Some(text) = step.words(self.manner.grace)
        {
            // What comes of the step before needs no cue of its own.
            if !matches!(step, Step::Awaken { .. }) {
                self.backstage.await_cue()?;
            }
            if !step.tells_itself() {
                self.tell(text);
            }
        }
        self.act(step)
    }
}
