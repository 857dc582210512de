//! One step at a time, each a few lines.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow, bail, ensure};

use super::{Actor, Numbers, Role, SOON, Seen, Specimen, Stage, Step};
use crate::decide::names;
use crate::explain::{self, Question};
use crate::lab::arena::{Answer, Disposition, Group, Order, Place};
use crate::lab::scenario::{MaskSet, errno_name, state_words};

/// How long to look at who cannot be asked. What a signal does to such a process
/// takes microseconds.
pub const MOMENT: Duration = Duration::from_millis(50);

/// How long a process may seem to be busy when its state is asked for.
const UNREST: Duration = Duration::from_secs(1);

impl Stage<'_> {
    /// Does it, and tells it where [`Step::tells_itself`].
    pub(super) fn act(&mut self, step: Step) -> anyhow::Result<()> {
        match step {
            Step::Host { name } => {
                let specimen = self.company.arena.spawn_host(name)?;
                self.enter(name, specimen, None)
            }
            Step::Init { name, parent } => {
                let init = match self.manner.docker.clone() {
                    Some(docker) => self.spawn_container(&docker, name)?,
                    None => self.actor(parent)?.spawn_init(name)?,
                };
                self.company.inits.push(init.clone());
                self.enter(name, init, Some(parent))
            }
            Step::InitMember { name, parent } => {
                let parent_process = self.actor(parent)?;
                let init = parent_process.spawn(Place::NewNamespace, Group::Inherit, name)?;
                self.company.inits.push(init.clone());
                self.enter(name, init, Some(parent))
            }
            Step::Child { name, parent } => {
                let child = self.actor(parent)?.spawn_child(name)?;
                self.enter(name, child, Some(parent))
            }
            Step::Member { name, parent } => {
                let parent_process = self.actor(parent)?;
                let child = parent_process.spawn(Place::Same, Group::Inherit, name)?;
                self.enter(name, child, Some(parent))
            }
            Step::Inject {
                name,
                parent,
                inside,
            } => {
                let child = self.actor(parent)?.inject(self.actor(inside)?, name)?;
                self.enter(name, child, Some(inside))
            }
            Step::Handle { who, signal } => self.dispose(who, signal, Disposition::Handler),
            Step::HandleAll { who, mask } => (1..=64)
                .filter(|signal| mask & 1 << (signal - 1) != 0)
                .try_for_each(|signal| self.dispose(who, signal, Disposition::Handler)),
            Step::Ignore { who, signal } => self.dispose(who, signal, Disposition::Ignore),
            Step::Default { who, signal } => self.dispose(who, signal, Disposition::Default),
            Step::CannotHandle { who, signal, errno } => {
                let order = Order::Dispose {
                    signal: number(signal),
                    to: Disposition::Handler,
                };
                self.must_end_with(who, order, errno)
            }
            Step::Block { who, signal } => self.actor(who)?.block(&[number(signal)]),
            Step::Unblock { who, .. } => {
                // What was pending may end it before it can answer.
                self.actor(who)?.post(Order::Mask { mask: 0 })?;
                self.settle(who)
            }
            Step::Sigwait { who, signal } => self.sigwait(who, 1 << (signal - 1)),
            Step::SigwaitSet { who, mask } => self.sigwait(who, mask),
            Step::Signalfd { who, signals } => {
                let signals = numbers(signals);
                self.actor(who)?.signalfd(&signals, self.life)?;
                self.role_mut(who)?.waits = true;
                Ok(())
            }
            Step::Awaken { who } => {
                let role = self.role_mut(who)?;
                let signal = role.specimen.awaited_signal(SOON)?;
                role.waits = false;
                let signal = signal.and_then(|signal| u32::try_from(signal).ok());
                self.seen.push(Seen::Took { who, signal });
                Ok(())
            }
            Step::Kill { from, to, signal } if self.stopped == Some((from, to)) => {
                self.docker_stop(to, signal)
            }
            Step::Kill { from, to, signal } => {
                let pid = self.number(from, to)?;
                self.tell(format!(
                    "{from} calls kill({pid}, {})",
                    names::signal(signal)
                ));
                self.send(from, kill(pid, signal), from == to)
            }
            Step::Queue {
                from,
                to,
                signal,
                fails,
            } => {
                let (pid, name) = (self.number(from, to)?, names::signal(signal));
                let order = Order::Queue {
                    pid,
                    tid: None,
                    signal: number(signal),
                    code: libc::SI_QUEUE,
                };
                let result =
                    fails.map_or_else(String::new, |errno| format!(": {}", errno_name(errno)));
                self.tell(format!("{from} calls sigqueue({pid}, {name}){result}"));
                match fails {
                    Some(errno) => self.must_end_with(from, order, errno),
                    None => self.send(from, order, from == to),
                }
            }
            Step::Refused {
                from,
                to,
                signal,
                errno,
            } => {
                let (pid, name) = (self.number(from, to)?, names::signal(signal));
                self.tell(format!(
                    "{from} calls kill({pid}, {name}) for {to}: {}",
                    errno_name(errno)
                ));
                self.must_end_with(from, kill(pid, signal), errno)
            }
            Step::Probe { from, to, errno } => {
                let pid = self.number(from, to)?;
                let result = match errno {
                    0 => "it is there, and may be sent to".to_owned(),
                    errno => errno_name(errno),
                };
                self.tell(format!("{from} calls kill({pid}, 0) for {to}: {result}"));
                self.must_end_with(from, kill(pid, 0), errno)
            }
            Step::KillAll { from, signal } => {
                self.tell(format!("{from} calls kill(-1, {})", names::signal(signal)));
                self.send(from, kill(-1, signal), false)
            }
            Step::KillGroup {
                from,
                leader,
                signal,
            } => {
                let pid = -self.number(from, leader)?;
                self.tell(format!(
                    "{from} calls kill({pid}, {})",
                    names::signal(signal)
                ));
                // It may be in that group.
                self.send(from, kill(pid, signal), true)
            }
            Step::KillOwnGroup { from, signal } => self.send(from, kill(0, signal), true),
            Step::Raise { who, signal } => {
                let signal = number(signal);
                self.send(who, Order::Raise { signal }, true)
            }
            Step::Abort { who } => self.send(who, Order::Abort, true),
            Step::Fault { who } => self.send(who, Order::Fault, true),
            Step::SetUid { who, uid } => self.actor(who)?.order(Order::SetUid { uid }),
            Step::SetSid { who } => self.actor(who)?.order(Order::SetSid),
            Step::Subreaper { who } => self.actor(who)?.order(Order::Subreaper),
            Step::LimitPending { who, count } => {
                self.actor(who)?.order(Order::LimitPending { count })
            }
            Step::Settle { who } => self.settle(who),
            Step::Count { who, signal } => {
                let times = self.actor(who)?.caught(number(signal))?;
                self.seen.push(Seen::Handled { who, signal, times });
                Ok(())
            }
            Step::Look { who } => self.look(who),
            Step::Peek { who } => self.peek(who),
            Step::Exit { who, code } => {
                let code = i32::from(code);
                self.actor(who)?.order(Order::Exit { code })
            }
            Step::Die { who } => self.actor(who)?.await_death(SOON).map(drop),
            Step::Reap { who, child } => self.reap(who, child),
            Step::CannotReap { who, child, errno } => {
                let order = Order::Reap {
                    pid: self.number(who, child)?,
                    millis: 0,
                };
                self.must_end_with(who, order, errno)
            }
            // Docker counts by itself, and what is done next is done before it kills.
            Step::Grace if self.stopping.is_some() => self.backstage.pause(self.manner.grace / 2),
            Step::Grace => self.backstage.pause(self.manner.grace),
            Step::Consult { question } => self.consult(question),
        }
    }

    fn dispose(&self, who: Actor, signal: u32, to: Disposition) -> anyhow::Result<()> {
        self.actor(who)?.dispose(number(signal), to)
    }

    fn sigwait(&mut self, who: Actor, mask: u64) -> anyhow::Result<()> {
        self.actor(who)?.sigwait(&numbers(mask), self.life)?;
        self.role_mut(who)?.waits = true;
        Ok(())
    }

    fn settle(&self, who: Actor) -> anyhow::Result<()> {
        let role = self.role(who)?;
        // Who waits answers no ping.
        if !role.waits {
            role.specimen.fate(SOON)?;
        }
        Ok(())
    }

    /// By which number one process knows another.
    fn number(&self, from: Actor, to: Actor) -> anyhow::Result<i32> {
        let pid = self.role(from)?.numbers.of(&self.role(to)?.numbers);
        i32::try_from(pid).context("a pid beyond i32")
    }

    /// Has a signal sent. Where it may hit the sender, no answer is waited for:
    /// it goes on once the sender has dealt with it.
    fn send(&self, from: Actor, order: Order, hits_sender: bool) -> anyhow::Result<()> {
        let sender = self.actor(from)?;
        if !hits_sender {
            return sender.order(order);
        }
        sender.post(order)?;
        self.settle(from)
    }

    /// Gives an order whose system call must end with this errno (0: succeed).
    fn must_end_with(&self, who: Actor, order: Order, errno: i32) -> anyhow::Result<()> {
        let got = self.actor(who)?.errno_of(order)?;
        let words = |errno| match errno {
            0 => "success".to_owned(),
            errno => errno_name(errno),
        };
        ensure!(
            got == errno,
            "the kernel's answer was {}, not {}",
            words(got),
            words(errno)
        );
        Ok(())
    }

    fn look(&mut self, who: Actor) -> anyhow::Result<()> {
        let specimen = self.actor(who)?;
        let (pid, sets) = (specimen.pid(), specimen.signal_sets()?);
        self.tell(format!("/proc/{pid}/status of {who}:"));
        use MaskSet::{Blocked, Caught, Ignored, Pending};
        for set in [Pending, Blocked, Ignored, Caught] {
            let mask = set.of(&sets);
            // That nothing is pending is the rule.
            if set == Pending && mask == 0 {
                continue;
            }
            let (label, names) = (set.label(), names::signals(mask));
            self.tell(format!("  {label} {mask:016x}: {names}"));
        }
        self.seen.push(Seen::Masks { who, sets });
        Ok(())
    }

    fn peek(&mut self, who: Actor) -> anyhow::Result<()> {
        let specimen = self.actor(who)?;
        let end = Instant::now() + UNREST;
        let stat = loop {
            let stat = specimen.stat();
            let stat = stat.ok_or_else(|| anyhow!("{who} is gone: it was reaped"))?;
            // What it was told before may still keep it busy.
            if !matches!(stat.state, 'R' | 'D') || Instant::now() >= end {
                break stat;
            }
            thread::sleep(Duration::from_millis(1));
        };
        let parent = self.company.actors.iter().find(|(_, role)| {
            // Who is gone may have left its number to somebody.
            role.specimen.pid() == stat.ppid && role.specimen.stat().is_some()
        });
        let parent = parent.map(|(name, _)| *name);
        let state = state_words(stat.state);
        let parent_name = parent.unwrap_or("no process of this lesson");
        self.tell(format!(
            "{who} is in state {state}, its parent is {parent_name}"
        ));
        self.seen.push(Seen::Peeked {
            who,
            state: stat.state,
            parent,
        });
        Ok(())
    }

    /// Has a process reap a child, by birth or by adoption.
    fn reap(&mut self, who: Actor, child: Actor) -> anyhow::Result<()> {
        let order = Order::Reap {
            pid: self.number(who, child)?,
            millis: SOON.as_millis() as u64,
        };
        match self.actor(who)?.ask(order)? {
            Answer::Status(status) => {
                self.role_mut(child)?.end = Some(status);
                Ok(())
            }
            answer => bail!("{who} cannot reap {child}: {answer:?}"),
        }
    }

    fn consult(&mut self, question: Question) -> anyhow::Result<()> {
        question.check().map_err(|why| anyhow!(why))?;
        let answer = explain::answer(&question);
        self.seen.push(Seen::Foreseen {
            question,
            outcome: answer.outcome,
            reason: answer.reason,
            forced: answer.forced,
        });
        let text = Step::Consult { question }.words(self.manner.grace);
        self.tell_with(text.unwrap_or_default(), Some(Box::new(answer)));
        Ok(())
    }

    /// Puts a new process on stage. `around` is in its PID namespace or in the
    /// one around it.
    fn enter(
        &mut self,
        name: Actor,
        specimen: Specimen,
        around: Option<Actor>,
    ) -> anyhow::Result<()> {
        let around = around.map(|around| self.role(around)).transpose()?;
        let numbers = Numbers::read(&specimen, around.map(|role| &role.numbers))?;
        self.introduce(name, &specimen)?;
        let role = Role {
            specimen,
            numbers,
            waits: false,
            end: None,
        };
        self.company.actors.insert(name, role);
        Ok(())
    }
}

fn kill(pid: i32, signal: u32) -> Order {
    Order::Kill {
        pid,
        signal: number(signal),
    }
}

/// As libc has it. Signal numbers are small.
fn number(signal: u32) -> i32 {
    i32::try_from(signal).unwrap_or(i32::MAX)
}

/// The signals of a mask, as libc has them.
fn numbers(mask: u64) -> Vec<i32> {
    (1..=64)
        .filter(|signal| mask & 1 << (signal - 1) != 0)
        .collect()
}
