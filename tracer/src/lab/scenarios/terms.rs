//! The words that scenarios are written in: short names for what
//! [`super::super::scenario`] spells out.
//!
//! `from_inside("shell", "init.sh", SIGTERM, DROPPED)` is a whole expectation.
//! What only one scenario needs is written there in full.

use tracer_common::signals::SIGKILL;

use crate::decide::{Outcome, Reason};
use crate::lab::scenario::{Actor, Expect, Fate, From, MaskSet, Step};

/// What the kernel does with a signal, and why.
pub type Decision = (Outcome, Reason);

/// PID 1 has no handler.
pub const DROPPED: Decision = (Outcome::Dropped, Reason::UnkillableInit);
/// The same, where it leaves the queue.
pub const DROPPED_LATE: Decision = (Outcome::Dropped, Reason::UnkillableInitAtDequeue);
/// SIG_IGN.
pub const IGNORED: Decision = (Outcome::Dropped, Reason::Ignored);
/// No handler, and the default is to do nothing.
pub const NO_ACTION: Decision = (Outcome::Dropped, Reason::DefaultIgnore);
/// There is a handler, which will run.
pub const QUEUED: Decision = (Outcome::Queued, Reason::Handler);
/// A handler runs.
pub const HANDLED: Decision = (Outcome::Handled, Reason::Handler);
pub const BLOCKED: Decision = (Outcome::Queued, Reason::Blocked);
pub const AWAITED: Decision = (Outcome::Queued, Reason::Sigwait);
pub const COALESCED: Decision = (Outcome::Coalesced, Reason::AlreadyPending);
pub const STOPS: Decision = (Outcome::Queued, Reason::Stop);
pub const STOPPED: Decision = (Outcome::Stopped, Reason::Stop);
/// The default action ends an ordinary process.
pub const TERMINATED: Decision = (Outcome::Fatal, Reason::DefaultTerminate);
/// The same with a core dump where that is allowed.
pub const DUMPED: Decision = (Outcome::Fatal, Reason::DefaultCore);
/// SIGKILL to an ordinary process.
pub const KILLED: Decision = (Outcome::Fatal, Reason::Kill);
/// The target is dead, or as good as.
pub const TOO_LATE: Decision = (Outcome::Dropped, Reason::TargetExiting);
/// SIGKILL to PID 1 of a container, from a sender that it cannot see.
pub const FORCED: Decision = (Outcome::Fatal, Reason::ForcedOnInit);

pub const fn host(name: Actor) -> Step {
    Step::Host { name }
}

pub const fn init(name: Actor, parent: Actor) -> Step {
    Step::Init { name, parent }
}

pub const fn child(name: Actor, parent: Actor) -> Step {
    Step::Child { name, parent }
}

pub const fn member(name: Actor, parent: Actor) -> Step {
    Step::Member { name, parent }
}

pub const fn handle(who: Actor, signal: u32) -> Step {
    Step::Handle { who, signal }
}

pub const fn handle_all(who: Actor, mask: u64) -> Step {
    Step::HandleAll { who, mask }
}

pub const fn ignore(who: Actor, signal: u32) -> Step {
    Step::Ignore { who, signal }
}

/// SIG_DFL.
pub const fn default(who: Actor, signal: u32) -> Step {
    Step::Default { who, signal }
}

pub const fn block(who: Actor, signal: u32) -> Step {
    Step::Block { who, signal }
}

pub const fn unblock(who: Actor, signal: u32) -> Step {
    Step::Unblock { who, signal }
}

pub const fn sigwait(who: Actor, mask: u64) -> Step {
    Step::SigwaitSet { who, mask }
}

pub const fn signalfd(who: Actor, signals: u64) -> Step {
    Step::Signalfd { who, signals }
}

pub const fn awaken(who: Actor) -> Step {
    Step::Awaken { who }
}

pub const fn kill(from: Actor, to: Actor, signal: u32) -> Step {
    Step::Kill { from, to, signal }
}

pub const fn kill_group(from: Actor, leader: Actor, signal: u32) -> Step {
    Step::KillGroup {
        from,
        leader,
        signal,
    }
}

/// kill(0).
pub const fn kill_own_group(from: Actor, signal: u32) -> Step {
    Step::KillOwnGroup { from, signal }
}

/// kill(-1).
pub const fn kill_all(from: Actor, signal: u32) -> Step {
    Step::KillAll { from, signal }
}

/// Signal 0.
pub const fn probe(from: Actor, to: Actor, errno: i32) -> Step {
    Step::Probe { from, to, errno }
}

pub const fn refused(from: Actor, to: Actor, signal: u32, errno: i32) -> Step {
    Step::Refused {
        from,
        to,
        signal,
        errno,
    }
}

pub const fn raise(who: Actor, signal: u32) -> Step {
    Step::Raise { who, signal }
}

pub const fn settle(who: Actor) -> Step {
    Step::Settle { who }
}

pub const fn count(who: Actor, signal: u32) -> Step {
    Step::Count { who, signal }
}

pub const fn look(who: Actor) -> Step {
    Step::Look { who }
}

pub const fn peek(who: Actor) -> Step {
    Step::Peek { who }
}

pub const fn exit(who: Actor, code: u8) -> Step {
    Step::Exit { who, code }
}

pub const fn die(who: Actor) -> Step {
    Step::Die { who }
}

pub const fn reap(who: Actor, child: Actor) -> Step {
    Step::Reap { who, child }
}

/// waitpid(2) of who is no child.
pub const fn cannot_reap(who: Actor, child: Actor) -> Step {
    Step::CannotReap {
        who,
        child,
        errno: libc::ECHILD,
    }
}

const fn sent(from: From, to: Actor, signal: u32, decision: Decision, forced: bool) -> Expect {
    Expect::Signal {
        from,
        to,
        signal,
        outcome: decision.0,
        reason: decision.1,
        forced,
    }
}

/// From a process that the target can see: one of its own PID namespace or of
/// one within, or itself. The kernel does not set `force`.
pub const fn from_inside(from: Actor, to: Actor, signal: u32, decision: Decision) -> Expect {
    sent(From::Process(from), to, signal, decision, false)
}

/// From a process that has no number in the target's PID namespace: `force` is
/// set.
pub const fn from_outside(from: Actor, to: Actor, signal: u32, decision: Decision) -> Expect {
    sent(From::Process(from), to, signal, decision, true)
}

/// SIGKILL from the end of a PID namespace to one who was left in it.
pub const fn zapped(init: Actor, to: Actor) -> Expect {
    sent(From::Zap(init), to, SIGKILL, KILLED, true)
}

/// SIGCHLD, since a child has ended.
pub const fn of_child(child: Actor, to: Actor, decision: Decision) -> Expect {
    let signal = tracer_common::signals::SIGCHLD;
    sent(From::Child(child), to, signal, decision, false)
}

/// SIGCHLD about a dead child that the end of its parent has left to `to`.
pub const fn of_orphan(child: Actor, of: Actor, to: Actor, decision: Decision) -> Expect {
    let signal = tracer_common::signals::SIGCHLD;
    sent(From::Orphan { child, of }, to, signal, decision, false)
}

/// A fault of its own. It is forced where the processor gave no reason, so that
/// its `si_code` is SI_KERNEL.
pub const fn fault(to: Actor, signal: u32, decision: Decision, forced: bool) -> Expect {
    sent(From::Kernel, to, signal, decision, forced)
}

/// The signal leaves the queue.
pub const fn taken(to: Actor, signal: u32, decision: Decision) -> Expect {
    Expect::Deliver {
        to,
        signal,
        outcome: decision.0,
        reason: decision.1,
    }
}

/// The PID namespace ends.
pub const fn zap(init: Actor, killed: usize, unheard: usize) -> Expect {
    Expect::Zap {
        init,
        killed,
        unheard,
    }
}

pub const fn handled(who: Actor, signal: u32, times: u64) -> Expect {
    Expect::Handled { who, signal, times }
}

pub const fn took(who: Actor, signal: u32) -> Expect {
    Expect::Took { who, signal }
}

pub const fn caught(who: Actor, mask: u64) -> Expect {
    masks(who, MaskSet::Caught, mask)
}

pub const fn masks(who: Actor, set: MaskSet, mask: u64) -> Expect {
    Expect::Masks { who, set, mask }
}

pub const fn state(who: Actor, state: char) -> Expect {
    Expect::State { who, state }
}

pub const fn parent(who: Actor, parent: Actor) -> Expect {
    Expect::Parent { who, parent }
}

pub const fn lives(who: Actor) -> Expect {
    fares(who, Fate::Lives)
}

pub const fn exits(who: Actor, code: u8) -> Expect {
    fares(who, Fate::Exits(code))
}

pub const fn killed_by(who: Actor, signal: u32) -> Expect {
    fares(who, Fate::KilledBy(signal))
}

const fn fares(who: Actor, fate: Fate) -> Expect {
    Expect::Fate { who, fate }
}

/// What a shell, tini and others make of a child's end by SIGTERM: 128 + 15.
pub const BY_SIGTERM: u8 = 128 + tracer_common::signals::SIGTERM as u8;
