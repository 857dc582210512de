//! The processes of the fuzzer: a few that stay, and targets that are used
//! again as long as they live.

use std::collections::HashMap;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use sigwhy::lab::arena::{
    Arena, Disposition, Group, Order, Place, Specimen, Status, TracePolicy, mask_of,
};

use crate::plan::{Call, Plan, Sender, State, Target, Threads};
use crate::predict::{Fate, Kernel};

const SOON: Duration = Duration::from_secs(20);

/// The lives of the specimens that stay end with the run, not before.
const LIFE: u64 = 3600;

/// Those that stay.
pub struct Stage {
    arena: Arena,
    host: Specimen,
    tracer: Specimen,
    /// A member of the first namespace: sender there, and parent of what is
    /// nested below.
    member: Specimen,
    idle: HashMap<Kind, Vec<Rig>>,
}

/// A rig is of a kind; only a target that shares its process group with a
/// sibling namespace differs from its fellows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Kind {
    target: Target,
    grouped: bool,
}

/// A target and those who can signal it.
pub struct Rig {
    kind: Kind,
    pub target: Specimen,
    /// A child of an init.
    child: Option<Specimen>,
    /// The init of a sibling namespace, and the leader of the group of both.
    sibling: Option<(Specimen, Specimen)>,
    handled: u64,
}

/// A run that has been carried out.
pub struct Done {
    pub rig: Rig,
    /// Records about the target that came before the one in question.
    pub before: usize,
    /// What is wrong with what became of it.
    pub wrong: Option<String>,
    reusable: bool,
}

impl Stage {
    pub fn new(exe: &Path) -> anyhow::Result<Self> {
        let arena = Arena::with_life(exe, LIFE)?;
        let host = arena.spawn_host("fuzz-host")?;
        let tracer = arena.spawn_host("fuzz-tracer")?;
        let member = host.spawn_init("fuzz-init")?.spawn_child("fuzz-member")?;
        Ok(Self {
            arena,
            host,
            tracer,
            member,
            idle: HashMap::new(),
        })
    }

    pub fn beacon(&self) -> anyhow::Result<Specimen> {
        self.arena.spawn_host("fuzz-beacon")
    }

    /// Asks the kernel what cannot be known.
    pub fn probe(&self) -> anyhow::Result<Kernel> {
        let init = self.host.spawn_init("probe")?;
        let child = init.spawn_child("probe-child")?;
        init.threads(1, &[])?;
        init.block(&[libc::SIGTERM])?;
        // Where the init dies of it, the sender does too, perhaps before it answers.
        let _ = child.kill(1, libc::SIGTERM);
        // Long enough to die in, were it to.
        std::thread::sleep(Duration::from_millis(20));
        let has_hole = init.fate(SOON)?.is_dead();
        init.discard();
        child.discard();
        Ok(Kernel { has_hole })
    }

    fn rig(&mut self, plan: &Plan) -> anyhow::Result<Rig> {
        let kind = Kind {
            target: plan.target,
            grouped: plan.sender == Sender::Sibling,
        };
        match self.idle.get_mut(&kind).and_then(Vec::pop) {
            Some(rig) => Ok(rig),
            None => self.build(kind).context("making a target"),
        }
    }

    fn build(&self, kind: Kind) -> anyhow::Result<Rig> {
        let mut sibling = None;
        let target = match kind.target {
            Target::Init if kind.grouped => {
                let leader = self.arena.spawn_host("leader")?;
                let other = leader.spawn(Place::NewNamespace, Group::Inherit, "sibling")?;
                let target = leader.spawn(Place::NewNamespace, Group::Inherit, "target")?;
                // Leaves its own group to the two.
                let pgid = self.host.pid();
                leader.order(Order::SetPgid { pid: 0, pgid })?;
                sibling = Some((other, leader));
                target
            }
            Target::Init => self.host.spawn_init("target")?,
            Target::Nested => self.member.spawn_init("target")?,
            Target::Member => self.member.spawn_child("target")?,
            Target::Host => self.host.spawn_child("target")?,
        };
        let child = if kind.target.is_init() {
            Some(target.spawn_child("child")?)
        } else {
            None
        };
        Ok(Rig {
            kind,
            target,
            child,
            sibling,
            handled: 0,
        })
    }

    /// Carries out a plan and looks what became of the target.
    pub fn perform(&mut self, plan: &Plan, fate: Fate) -> anyhow::Result<Done> {
        let mut rig = self.rig(plan)?;
        let mut before = 0;
        let injected = self.set_up(plan, &mut rig, &mut before)?;
        if plan.pending {
            self.shoot(plan, &rig)?;
            before += 1;
        }
        self.shoot(plan, &rig)?;
        let wrong = self.look(plan, &mut rig, fate)?;
        if let Some(injected) = injected {
            injected.reap(SOON)?;
            injected.discard();
        }
        let reusable = wrong.is_none()
            && matches!(
                fate,
                Fate::Lives | Fate::Handles | Fate::MayHandle | Fate::Takes
            )
            && matches!(plan.state, State::Running | State::Waiting);
        if reusable {
            self.tidy(plan, &rig)?;
        }
        Ok(Done {
            rig,
            before,
            wrong,
            reusable,
        })
    }

    fn set_up(
        &self,
        plan: &Plan,
        rig: &mut Rig,
        before: &mut usize,
    ) -> anyhow::Result<Option<Specimen>> {
        let target = &rig.target;
        let signal = plan.signal;
        if plan.disposition != Disposition::Default {
            target.dispose(signal, plan.disposition)?;
        }
        if plan.blocked {
            target.block(&[signal])?;
        }
        let blocks: &[i32] = match plan.threads {
            Threads::Blocking => &[signal],
            Threads::Open | Threads::None => &[],
        };
        if plan.threads != Threads::None {
            target.threads(2, blocks)?;
        }
        if let Some(policy) = plan.traced {
            self.tracer.seize(target.pid(), policy)?;
        }
        match plan.state {
            State::Running => {}
            State::Waiting => target.sigwait(&[signal], SOON)?,
            State::LeaderGone => target.order(Order::LeaderExit)?,
            State::Stopped => {
                self.host.kill(target.pid(), libc::SIGSTOP)?;
                *before += 1;
                ensure!(
                    target.await_stop(SOON)? == Status::Stopped(libc::SIGSTOP),
                    "the target did not stop"
                );
            }
            State::Zombie => {
                target.order(Order::Exit { code: 0 })?;
                ensure!(target.await_death(SOON)?.is_dead(), "it did not die");
            }
            State::Zapping => {
                let injected = self.host.inject(target, "injected")?;
                target.order(Order::Exit { code: 0 })?;
                injected.await_death(SOON)?;
                return Ok(Some(injected));
            }
        }
        Ok(None)
    }

    /// Sends the signal.
    fn shoot(&self, plan: &Plan, rig: &Rig) -> anyhow::Result<()> {
        let target = &rig.target;
        let (sender, pid) = match (plan.sender, plan.target) {
            (Sender::Itself, _) => (target, target.ns_pid()),
            (Sender::Same, Target::Host) => (&self.host, target.pid()),
            (Sender::Same, Target::Member) => (&self.member, target.ns_pid()),
            (Sender::Same, _) => (rig.child.as_ref().context("no child")?, 1),
            (Sender::Parent, Target::Nested) => (&self.member, target.pid_for_parent()),
            (Sender::Parent | Sender::Grandparent, _) => (&self.host, target.pid()),
            (Sender::Sibling, _) => (&rig.sibling.as_ref().context("no sibling")?.0, 0),
        };
        let signal = plan.signal;
        let order = match plan.call {
            Call::Kill | Call::Group => Order::Kill { pid, signal },
            Call::TgKill => Order::TgKill {
                tgid: pid,
                tid: pid,
                signal,
            },
            Call::Queue(code) => Order::Queue {
                pid,
                tid: None,
                signal,
                code,
            },
            Call::TgQueue(code) => Order::Queue {
                pid,
                tid: Some(pid),
                signal,
                code,
            },
            Call::Pidfd => Order::PidfdSend { pid, signal },
        };
        if plan.sender == Sender::Itself {
            // It may not live to answer.
            return sender.post(order);
        }
        let sent = sender.order(order);
        // An init that ends of it takes whoever is inside along, and perhaps
        // before it has answered. That the init had to end is checked later.
        let took_along =
            |sender: &Specimen| sender.await_death(SOON).is_ok_and(|end| end.is_dead());
        match sent {
            Err(_) if plan.sender == Sender::Same && took_along(sender) => Ok(()),
            sent => sent,
        }
    }

    /// How the target ended. Where its main thread had ended before, older
    /// kernels tell only the parent that reaps it.
    fn end(plan: &Plan, target: &Specimen) -> anyhow::Result<Status> {
        let status = target.await_death(SOON)?;
        let is_zombie = status.is_dead() && status != Status::Gone;
        if plan.state == State::LeaderGone && is_zombie {
            return Ok(target.reap(SOON).unwrap_or(status));
        }
        Ok(status)
    }

    /// Compares what became of the target with what had to.
    fn look(&self, plan: &Plan, rig: &mut Rig, fate: Fate) -> anyhow::Result<Option<String>> {
        let target = &rig.target;
        let wrong = |got: String| Ok(Some(format!("fate: predicted {fate:?}, got {got}")));
        match fate {
            Fate::Unseen => {}
            Fate::Dead => {
                // A zombie stays one, an init in its zap stays alive.
                let dead = target.stat().is_none_or(|stat| stat.is_dead());
                if dead != (plan.state == State::Zombie) {
                    return wrong(format!("dead: {dead}"));
                }
            }
            Fate::Dies => match Self::end(plan, target)? {
                Status::Signaled { signal, .. } if signal == plan.signal => {}
                status => return wrong(format!("{status:?}")),
            },
            Fate::Stops => {
                target.await_stop(SOON)?;
                if plan.traced.is_some() {
                    // That was for its tracer; the stop itself comes after.
                    std::thread::sleep(Duration::from_millis(3));
                    target.await_stop(SOON)?;
                }
                let state = target.stat().map(|stat| stat.state);
                if !matches!(state, Some('T' | 't')) {
                    return wrong(format!("{state:?}"));
                }
            }
            Fate::Takes => {
                let got = target.awaited_signal(SOON)?;
                if got != Some(plan.signal) {
                    return wrong(format!("{got:?}"));
                }
            }
            Fate::Lives | Fate::Handles | Fate::MayHandle => {
                let status = target.fate(SOON)?;
                if status != Status::Alive {
                    return wrong(format!("{status:?}"));
                }
                let want = rig.handled + u64::from(fate == Fate::Handles);
                // Another thread may take its time.
                let end = Instant::now() + Duration::from_secs(1);
                let mut caught = self.handled(target)?;
                while caught < want && Instant::now() < end {
                    caught = self.handled(target)?;
                }
                let extra = u64::from(fate == Fate::MayHandle);
                if caught < want || caught > want + extra {
                    let more = i128::from(caught) - i128::from(rig.handled);
                    return wrong(format!("{more} calls of the handler"));
                }
                rig.handled = caught;
            }
        }
        Ok(None)
    }

    fn handled(&self, target: &Specimen) -> anyhow::Result<u64> {
        Ok(target.report()?.caught.iter().map(|c| c.count).sum())
    }

    /// Makes a target that lives as it was.
    fn tidy(&self, plan: &Plan, rig: &Rig) -> anyhow::Result<()> {
        let target = &rig.target;
        if plan.traced.is_some() {
            self.tracer.order(Order::Untrace { pid: target.pid() })?;
        }
        if plan.threads != Threads::None {
            target.order(Order::EndThreads)?;
        }
        let fixed = matches!(plan.signal, libc::SIGKILL | libc::SIGSTOP);
        if !fixed {
            // Setting it to be ignored is what flushes a pending one.
            target.dispose(plan.signal, Disposition::Ignore)?;
            target.order(Order::Mask { mask: mask_of(&[]) })?;
            target.dispose(plan.signal, Disposition::Default)?;
        }
        Ok(())
    }

    /// Takes back a target, or ends it.
    pub fn give_back(&mut self, done: Done) {
        let Done { rig, reusable, .. } = done;
        if reusable {
            self.idle.entry(rig.kind).or_default().push(rig);
            return;
        }
        let Rig {
            target,
            child,
            sibling,
            ..
        } = rig;
        target.clone().discard();
        let _ = target.reap(SOON);
        for other in [child].into_iter().flatten() {
            other.discard();
        }
        if let Some((other, leader)) = sibling {
            other.discard();
            leader.discard();
        }
    }
}

/// Kept for the text of a failure.
pub fn describe(plan: &Plan) -> String {
    let tracer = match plan.traced {
        None => "not traced",
        Some(TracePolicy::Reinject | TracePolicy::ReinjectTimes(_)) => "traced, handed on",
        Some(TracePolicy::Swallow | TracePolicy::Neglect) => "traced, swallowed",
    };
    format!(
        "signal {} by {:?} from {:?} to {:?} ({:?}); disposition {:?}, main thread blocks: {}, \
         threads: {:?}, {tracer}, pending before: {}",
        plan.signal,
        plan.call,
        plan.sender,
        plan.target,
        plan.state,
        plan.disposition,
        plan.blocked,
        plan.threads,
        plan.pending,
    )
}
