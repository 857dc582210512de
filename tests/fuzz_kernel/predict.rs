//! What the kernel must do with a plan, from the plan alone. Written from the
//! kernel's `send_signal_locked`, `prepare_signal` and `complete_signal`, and
//! sharing no code with the tracer's model: each is to catch the other's
//! mistakes.

use libc::{SIGCONT, SIGKILL, SIGSTOP};
use sigwhy::lab::arena::{Disposition, TracePolicy};

use crate::plan::{Call, Plan, Sender, State, Threads};

/// What the kernel itself is like, found out by experiment.
#[derive(Debug, Clone, Copy)]
pub struct Kernel {
    /// A multithreaded init of which only the main thread blocks a signal dies
    /// of it from inside.
    pub has_hole: bool,
}

/// What becomes of the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Lives,
    /// A handler ran once.
    Handles,
    /// A handler ran once, or not, by chance.
    MayHandle,
    /// sigtimedwait returned it.
    Takes,
    Dies,
    Stops,
    /// Was dead before.
    Dead,
    /// Cannot be seen from outside: a stop of a process without a main thread.
    Unseen,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prediction {
    pub outcome: &'static str,
    pub reason: &'static str,
    pub forced: bool,
    /// `None` where the siginfo is forged so that the tracer cannot know.
    pub relation: Option<&'static str>,
    pub fate: Fate,
}

const STOPS: [i32; 4] = [SIGSTOP, libc::SIGTSTP, libc::SIGTTIN, libc::SIGTTOU];
const NOTHING: [i32; 4] = [libc::SIGCHLD, SIGCONT, libc::SIGWINCH, libc::SIGURG];
const CORES: [i32; 10] = [
    libc::SIGQUIT,
    libc::SIGILL,
    libc::SIGTRAP,
    libc::SIGABRT,
    libc::SIGBUS,
    libc::SIGFPE,
    libc::SIGSEGV,
    libc::SIGSYS,
    libc::SIGXCPU,
    libc::SIGXFSZ,
];

pub fn predict(plan: &Plan, kernel: Kernel) -> Prediction {
    let (outcome, reason, fate) = decide(plan, kernel);
    Prediction {
        outcome,
        reason,
        forced: forced(plan),
        relation: relation(plan),
        fate,
    }
}

fn is_visible(plan: &Plan) -> bool {
    matches!(plan.sender, Sender::Same | Sender::Itself)
}

fn forced(plan: &Plan) -> bool {
    match plan.call.code() {
        // These siginfos hold no pid.
        -2 | -5 => false,
        0x80 => true,
        _ => !is_visible(plan),
    }
}

fn relation(plan: &Plan) -> Option<&'static str> {
    match plan.call {
        // The codes of timers, of SIGIO, and of finished I/O.
        Call::Queue(-2 | -4 | -5) | Call::TgQueue(-2 | -4 | -5) => None,
        Call::Queue(1..) | Call::TgQueue(1..) => None,
        _ => Some(match plan.sender {
            Sender::Same | Sender::Itself => "same",
            Sender::Parent | Sender::Grandparent => "ancestor",
            Sender::Sibling => "unrelated",
        }),
    }
}

fn decide(plan: &Plan, kernel: Kernel) -> (&'static str, &'static str, Fate) {
    let signal = plan.signal;
    let default = plan.disposition == Disposition::Default;
    let kernel_only = matches!(signal, SIGKILL | SIGSTOP);
    let stopped = plan.state == State::Stopped && signal != SIGCONT;
    // What a target does that goes on as before.
    let as_before = if stopped { Fate::Stops } else { Fate::Lives };

    if matches!(plan.state, State::Zombie | State::Zapping) {
        return ("dropped", "target_exiting", Fate::Dead);
    }
    let waits = plan.state == State::Waiting;
    let traced = plan.traced.is_some() && signal != SIGKILL;
    if !(plan.blocked || waits || traced) {
        if plan.target.is_init() && default && !(forced(plan) && kernel_only) {
            let reason = if NOTHING.contains(&signal) {
                "default_ignore"
            } else {
                "unkillable_init"
            };
            return ("dropped", reason, as_before);
        }
        if plan.disposition == Disposition::Ignore {
            return ("dropped", "ignored", as_before);
        }
        if default && NOTHING.contains(&signal) {
            return ("dropped", "default_ignore", as_before);
        }
    }
    if plan.pending && signal < 32 {
        return ("coalesced", "already_pending", Fate::Lives);
    }
    if waits {
        return ("queued", "sigwait", Fate::Takes);
    }
    if plan.blocked {
        return blocked(plan, kernel, stopped);
    }
    if traced {
        // A SIGCONT first wakes a seized thread for its tracer; with that pending
        // it is no longer the one to take the signal, unless it is running.
        let by_another = signal == SIGCONT
            && plan.threads == Threads::Open
            && !plan.call.to_thread()
            && plan.disposition == Disposition::Handler;
        let fate = match plan.traced {
            Some(TracePolicy::Reinject) => on_dequeue(plan),
            _ if by_another => Fate::MayHandle,
            _ => Fate::Lives,
        };
        return ("queued", "ptrace", fate);
    }
    if stopped && signal != SIGKILL {
        return ("queued", "stopped", Fate::Stops);
    }
    if !default {
        return ("queued", "handler", Fate::Handles);
    }
    if STOPS.contains(&signal) {
        let fate = match plan.state {
            State::LeaderGone => Fate::Unseen,
            _ => Fate::Stops,
        };
        return ("queued", "stop", fate);
    }
    let reason = match signal {
        SIGKILL if plan.target.is_init() => "forced_on_init",
        SIGKILL => "kill",
        _ if CORES.contains(&signal) => "default_core",
        _ => "default_terminate",
    };
    ("fatal", reason, Fate::Dies)
}

/// The main thread blocks it; one of the others may take it.
fn blocked(plan: &Plan, kernel: Kernel, stopped: bool) -> (&'static str, &'static str, Fate) {
    let taken = plan.threads == Threads::Open && !plan.call.to_thread() && !stopped;
    if !taken {
        let fate = if stopped { Fate::Stops } else { Fate::Lives };
        return ("queued", "blocked", fate);
    }
    let deadly = plan.disposition == Disposition::Default
        && !STOPS.contains(&plan.signal)
        && !NOTHING.contains(&plan.signal);
    // complete_signal() asks whether the thread it was called for is traced,
    // not the one that it chose.
    let at_once = deadly && !CORES.contains(&plan.signal) && plan.traced.is_none();
    if at_once && (!plan.target.is_init() || kernel.has_hole) {
        return ("fatal", "default_terminate", Fate::Dies);
    }
    ("queued", "blocked", on_dequeue(plan))
}

/// What a thread does that takes it from the queue.
fn on_dequeue(plan: &Plan) -> Fate {
    match plan.disposition {
        Disposition::Ignore => Fate::Lives,
        Disposition::Default => {
            if NOTHING.contains(&plan.signal) || plan.target.is_init() && plan.signal != SIGSTOP {
                Fate::Lives
            } else if STOPS.contains(&plan.signal) {
                Fate::Stops
            } else {
                Fate::Dies
            }
        }
        _ => Fate::Handles,
    }
}
