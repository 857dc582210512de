//! What the kernel's result, a code and a handler say of one signal by themselves, where
//! whom it is for is known. The kernel's own order of tests is in [`crate::decide`].

use tracer_common::signals::{
    self, SIGBUS, SIGCHLD, SIGHUP, SIGINT, SIGKILL, SIGPIPE, SIGQUIT, SIGTSTP, SIGWINCH, SIGXFSZ,
};

use crate::decide::{Outcome, Reason, sender::Kind};

/// `SI_KERNEL`, `SI_TIMER`, `SI_SIGIO`.
pub const KERNEL: i32 = 0x80;
const TIMER: i32 = -2;
const SIGIO: i32 = -5;

/// `BUS_MCEERR_AO`: memory has failed that the process did not touch.
const MEMORY_AHEAD: i32 = 5;

/// `CLD_EXITED`; `CLD_KILLED` and `CLD_DUMPED` are a signal's.
pub const EXITED: i32 = 1;
pub const KILLED: i32 = 2;
pub const DUMPED: i32 = 3;

/// It tells a parent of an end.
pub fn is_end(sig: u32, code: i32) -> bool {
    sig == SIGCHLD && (EXITED..=DUMPED).contains(&code)
}

/// What a process is when a signal comes for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target {
    pub is_init: bool,
    /// Nothing can reach it any more.
    pub is_dying: bool,
    /// Its parent has been told of its end.
    pub is_dead: bool,
    /// It has no handler for this one, and cannot go on.
    pub is_crashing: bool,
}

/// What becomes of a signal that is sent, by the kernel's result.
pub fn generated(result: u32, sig: u32, target: Target) -> (Outcome, Reason) {
    match result {
        // To 6.0 it is queued, and nobody takes it.
        0 | 1 | 4 if target.is_dead => (Outcome::Dropped, Reason::TargetExiting),
        0 if sig == SIGKILL && target.is_init => (Outcome::Fatal, Reason::ForcedOnInit),
        0 if sig == SIGKILL => (Outcome::Fatal, Reason::Kill),
        0 if target.is_crashing => (Outcome::Fatal, Reason::DefaultCore),
        1 if target.is_dying => (Outcome::Dropped, Reason::TargetExiting),
        // SIGKILL has no handler: as long as it lives, only an init is protected from it.
        1 if sig == SIGKILL && target.is_init => (Outcome::Dropped, Reason::UnkillableInit),
        1 => (Outcome::Dropped, Reason::NotRecorded),
        2 => (Outcome::Coalesced, Reason::AlreadyPending),
        3 => (Outcome::Failed, Reason::QueueFull),
        _ => (Outcome::Queued, Reason::NotRecorded),
    }
}

/// What becomes of a signal that leaves the queue.
pub fn delivered(sig: u32, code: i32, handler: u64, is_init: bool) -> (Outcome, Reason) {
    let has = |set| signals::contains(set, sig);
    let is_open_to = has(signals::KERNEL_ONLY) || is_forced(sig, code);
    match handler {
        0 if sig == SIGKILL => (Outcome::Fatal, Reason::GroupExit),
        0 if has(signals::DEFAULT_IGNORE) => (Outcome::Ignored, Reason::DefaultIgnore),
        0 if is_init && !is_open_to => (Outcome::Dropped, Reason::UnkillableInitAtDequeue),
        0 if has(signals::STOP) => (Outcome::Stopped, Reason::Stop),
        0 if has(signals::COREDUMP) => (Outcome::Fatal, Reason::DefaultCore),
        0 => (Outcome::Fatal, Reason::DefaultTerminate),
        1 => (Outcome::Ignored, Reason::Ignored),
        _ => (Outcome::Handled, Reason::Handler),
    }
}

/// A fault of the thread's own, for which `force_sig_info_to_task` takes an init's
/// protection away. (Not from one that is traced, which the text does not say.)
pub fn is_forced(sig: u32, code: i32) -> bool {
    let is_ahead = sig == SIGBUS && code == MEMORY_AHEAD;
    code > 0 && signals::contains(signals::SYNCHRONOUS, sig) && !is_ahead
}

/// How a signal came.
#[derive(Debug, Clone, Copy)]
pub struct Sent {
    pub sig: u32,
    pub code: i32,
    /// For the whole process.
    pub group: bool,
    pub to_itself: bool,
    /// Whoever ran was exiting.
    pub by_exiting: bool,
}

/// Who sent it, by the code that it carries.
pub fn kind(sent: Sent) -> Kind {
    let Sent { sig, code, .. } = sent;
    let is_synchronous = signals::contains(signals::SYNCHRONOUS, sig);
    match (code, sig) {
        (1..=6, SIGCHLD) => Kind::ChildExit,
        (KERNEL, SIGINT | SIGQUIT | SIGTSTP | SIGWINCH | SIGHUP) if sent.group => Kind::Tty,
        (1.., _) if is_synchronous && sent.to_itself => Kind::Fault,
        (1.., _) => Kind::Kernel,
        (TIMER, _) => Kind::Timer,
        (SIGIO, _) => Kind::Io,
        (0, SIGPIPE | SIGXFSZ) if sent.to_itself => Kind::Io,
        (0, _) if sent.by_exiting => Kind::ParentDeath,
        _ => Kind::Process,
    }
}
