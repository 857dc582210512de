//! What is known about one cgroup or one PID namespace.

use std::sync::Arc;

use super::super::Identity;
use super::super::process::{ProcessId, ticks};
use super::Place;
use crate::record::{Comm, ContainerRef};

/// The state of an entry.
#[derive(Debug, Clone)]
pub(super) enum State {
    /// Nothing yet, or nothing that tells.
    Unknown,
    /// No container.
    Host,
    Named(Arc<Identity>),
}

impl State {
    pub(super) fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Unknown, Self::Unknown) | (Self::Host, Self::Host) => true,
            (Self::Named(a), Self::Named(b)) => a == b,
            _ => false,
        }
    }
}

/// Poor answers after which a better one is not waited for: half a second.
const SETTLED_AFTER: u8 = 4;

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) state: State,
    /// The last way in which it was shown: the same for most events.
    pub(super) shown: Option<Shown>,
    /// Poor answers so far.
    pub(super) tries: u8,
    /// A question is under way or planned.
    pub(super) asked: bool,
    /// Not to be asked again before this.
    pub(super) rests_until: u64,
    /// Of a namespace its init; of a cgroup a process that was seen in it.
    pub(super) process: Option<ProcessId>,
    pub(super) path: Option<Box<str>>,
}

#[derive(Debug)]
pub(super) struct Shown {
    pid_ns: u32,
    init: Option<(ProcessId, Comm)>,
    container: ContainerRef,
}

impl Entry {
    pub(super) fn new(process: Option<ProcessId>) -> Self {
        Self {
            state: State::Unknown,
            shown: None,
            tries: 0,
            asked: false,
            rests_until: 0,
            process,
            path: None,
        }
    }

    /// Whether it was never answered.
    pub(super) fn is_pending(&self) -> bool {
        self.tries == 0 && matches!(self.state, State::Unknown)
    }

    /// Whether more could be learned about it.
    pub(super) fn is_poor(&self) -> bool {
        match &self.state {
            State::Unknown => true,
            State::Host => false,
            // Of a cgroup that was seen when it was made, the container may have been
            // named before it had a process.
            State::Named(identity) => {
                let is_early = self.path.is_some() && identity.pid_ns.is_none();
                !identity.complete || identity.is_poor() || is_early
            }
        }
    }

    /// Whether its name will hardly change any more.
    pub(super) fn is_settled(&self) -> bool {
        match &self.state {
            State::Host => true,
            State::Named(identity) if identity.complete => true,
            State::Named(_) | State::Unknown => self.tries >= SETTLED_AFTER,
        }
    }

    pub(super) fn may_ask(&self, now: u64) -> bool {
        !self.asked && now >= self.rests_until && self.is_poor()
    }

    /// The container as records have it, from the last time if nothing has
    /// changed since.
    pub(super) fn show(&mut self, place: &Place) -> Option<ContainerRef> {
        let State::Named(identity) = &self.state else {
            return None;
        };
        // The host's init is not a container's.
        let init = place.init.filter(|_| place.level > 0);
        if let Some(shown) = &self.shown
            && shown.pid_ns == place.pid_ns
            && shown.init == init
        {
            return Some(shown.container.clone());
        }
        let container = identity.shown(place.pid_ns, init.map(|(id, comm)| (id.pid, comm)));
        self.shown = Some(Shown {
            pid_ns: place.pid_ns,
            init,
            container: container.clone(),
        });
        Some(container)
    }
}

/// The same process: `/proc` knows the start of one only by the tick.
pub(super) fn is_same(a: ProcessId, b: ProcessId) -> bool {
    a.pid == b.pid && ticks(a.start_ns) == ticks(b.start_ns)
}
