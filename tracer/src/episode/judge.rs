//! Judgements about a story that need no cause: how it ended, and whether
//! anybody was cut off.

use super::story::{Hop, State, Story};
use crate::decide::{Outcome, sender::Kind};
use crate::record::{Ending, Signal};
use tracer_common::signals::{
    self, SIGINT, SIGKILL, SIGPWR, SIGQUIT, SIGSTOP, SIGTERM, SIGTTIN, SIGTTOU,
};

/// The first real-time signal that libc gives to programs.
const SIGRTMIN: u32 = 34;

/// What a signal to the main process of a container means for its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// It asks for the end.
    Stop,
    /// It may do so: there are images whose stop signal it is. A runtime that
    /// sends SIGKILL afterwards settles it.
    Perhaps,
    /// Neither.
    Other,
}

/// What a signal from another process, or from a terminal, asks for.
pub fn meaning(r: &Signal) -> Meaning {
    let sig = r.signal.number;
    let is_outside = r.sender.kind == Kind::Process
        && !matches!(
            r.relation,
            crate::record::Relation::Same | crate::record::Relation::Descendant
        );
    match sig {
        SIGTERM | SIGINT | SIGQUIT => Meaning::Stop,
        SIGPWR if is_outside => Meaning::Stop,
        sig if sig >= SIGRTMIN && is_outside && r.sender.role.as_deref() == Some("runtime") => {
            Meaning::Stop
        }
        // Meant to make a core, and not to reload anything.
        sig if signals::contains(signals::COREDUMP, sig) && r.outcome == Outcome::Dropped => {
            Meaning::Stop
        }
        SIGKILL | SIGSTOP | SIGTTIN | SIGTTOU => Meaning::Other,
        _ if is_outside => Meaning::Perhaps,
        _ => Meaning::Other,
    }
}

/// Whether a signal shows that its target is to end.
pub fn asks(r: &Signal) -> bool {
    r.signal.number == SIGKILL || meaning(r) == Meaning::Stop
}

/// How the main process ended.
pub fn ending(story: &Story) -> Ending {
    let Some(exit) = &story.exit else {
        return match story.state {
            State::LivesOn => Ending::LivesOn,
            _ => Ending::Unknown,
        };
    };
    match &exit.signal {
        None => Ending::Exited,
        Some(signal) if signal.number == SIGKILL => Ending::Killed,
        Some(signal)
            if story
                .stops
                .iter()
                .any(|hop| is_default_end(hop, signal.number)) =>
        {
            Ending::Exited
        }
        Some(_) => Ending::Crashed,
    }
}

/// The default action of a stop signal, which ended it.
fn is_default_end(hop: &Hop, signal: u32) -> bool {
    hop.signal.number == signal && !signals::contains(signals::COREDUMP, signal)
}

/// Somebody was cut off, or a stop came to nothing.
pub fn is_ungraceful(story: &Story) -> bool {
    let stopped_in_vain = matches!(story.state, State::LivesOn | State::Open)
        && story.exit.is_none()
        && (story.stops.iter().any(Hop::is_lost)
            || !story.refused.is_empty()
            || !story.denied.is_empty());
    let cut_off = story.zap.as_ref().is_some_and(|zap| zap.unheard > 0);
    // A pod's sandbox holds nothing that could be lost, and is always killed.
    let killed = (story.kill.is_some() && !is_sandbox(story)) || story.fault.is_some();
    killed
        || cut_off
        || stopped_in_vain
        || !story.oom.is_empty()
        || story.state == State::Stuck
        || matches!(ending(story), Ending::Crashed)
        || (matches!(ending(story), Ending::Killed) && !is_sandbox(story))
}

/// The process that holds the namespaces of a pod, which its runtime ends by
/// SIGKILL as a matter of course.
pub fn is_sandbox(story: &Story) -> bool {
    let is_pause = |comm: crate::record::Comm| comm.as_str() == "pause";
    story.container.as_ref().is_some_and(|c| c.pod.is_some())
        && story.main.comm.is_some_and(is_pause)
        && story.zap.as_ref().is_none_or(|zap| zap.unheard == 0)
}
