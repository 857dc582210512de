//! Who wants to see a record: the filters that the kernel side cannot apply,
//! since they ask for what only the decision tells.
//!
//! Pure. A filter matches the TARGET of a signal, unless it names the sender.

use tracer_common::signals::SIGWINCH;

use crate::{
    assemble::bounded::Bounded,
    container::Wanted,
    decide::{Outcome, Reason, sender::Kind},
    record::{Container, Deliver, Process, Record, Signal},
};

/// Signals whose deliveries may still come.
const FOLLOWED: usize = 65_536;

/// What to show. Empty lists ask for nothing and so show all.
#[derive(Debug, Clone, Default)]
pub struct View {
    pub containers: Wanted,
    /// The containers that signals come from.
    pub senders: Senders,
    pub outcomes: Vec<Outcome>,
    pub reasons: Vec<Reason>,
    /// Only signals and deliveries: somebody asked for particular ones.
    pub signals_only: bool,
    /// Also what the kernel does to no effect and for no one's information.
    pub noise: bool,
    /// Also the SIGWINCH of every terminal whose size changes, and not only what may be
    /// meant to stop a container (httpd's images have it as their stop signal).
    pub resizes: bool,
    /// Whose ends are wanted, by host pid; `None`: everybody's. The kernel side
    /// applies this to signals, but passes on the end of every init and of
    /// every PID namespace, whatever the filters.
    pub ends_of: Option<Vec<u32>>,
}

/// The containers whose signals are wanted, wherever they go.
#[derive(Debug, Clone)]
pub struct Senders {
    wanted: Wanted,
    /// What they sent, by the target's host pid and the time: a delivery knows no
    /// sender.
    sent: Bounded<(Option<u32>, u64), ()>,
}

impl Senders {
    pub fn new(wanted: Wanted) -> Self {
        Self {
            wanted,
            sent: Bounded::new(FOLLOWED),
        }
    }

    fn sent(&mut self, signal: &Signal) -> bool {
        if self.wanted.is_all() {
            return true;
        }
        let is_theirs = self
            .wanted
            .takes_any(signal.sender.process.container.as_deref());
        if is_theirs {
            let key = (signal.target.process.pid, signal.when.mono_ns);
            self.sent.insert(key, ());
        }
        is_theirs
    }

    fn sent_before(&self, deliver: &Deliver) -> bool {
        let of = |at| (deliver.target.process.pid, at);
        self.wanted.is_all()
            || deliver
                .generated_mono_ns
                .is_some_and(|at| self.sent.contains(&of(at)))
    }
}

impl Default for Senders {
    fn default() -> Self {
        Self::new(Wanted::default())
    }
}

impl View {
    /// Whether a record is to be shown; they must come in their order.
    pub fn shows(&mut self, record: &Record) -> bool {
        let by_decision = |outcome: Outcome, reason: Reason| {
            (self.outcomes.is_empty() || self.outcomes.contains(&outcome))
                && (self.reasons.is_empty() || self.reasons.contains(&reason))
        };
        let decided = !self.outcomes.is_empty() || !self.reasons.is_empty();
        match record {
            // The zap also hits the exiting threads of the dying init itself.
            Record::Signal(signal)
                if !self.noise
                    && signal.sender.kind == Kind::Zap
                    && signal.sender.process.pid == signal.target.process.pid =>
            {
                false
            }
            Record::Signal(signal) if !self.resizes && is_resize(signal) => false,
            Record::Deliver(deliver)
                if !self.resizes
                    && deliver.signal.number == SIGWINCH
                    && !deliver.target.is_init =>
            {
                false
            }
            Record::Signal(signal) => {
                // First, so that what becomes of it later is known for theirs.
                self.senders.sent(signal)
                    && by_decision(signal.outcome, signal.reason)
                    && self.in_container(signal.target.process.container.as_deref())
            }
            // A delivery knows no sender: of a sender's signals it is where it
            // follows one that was seen, since only that sender's were.
            Record::Deliver(deliver)
                if self.ends_of.as_ref().is_some_and(Vec::is_empty)
                    && deliver.generated_mono_ns.is_none() =>
            {
                false
            }
            Record::Deliver(deliver) => {
                by_decision(deliver.outcome, deliver.reason)
                    && self.in_container(deliver.target.process.container.as_deref())
                    && self.senders.sent_before(deliver)
            }
            Record::Zap(zap) => !decided && self.shows_end_of(&zap.init, zap.container.as_deref()),
            Record::Exit(exit) => {
                !decided && self.shows_end_of(&exit.process, exit.container.as_deref())
            }
            Record::Episode(episode) => {
                !decided && !self.signals_only && self.in_container(episode.container.as_deref())
            }
            Record::Loss(_) | Record::Start(_) | Record::Stop(_) | Record::Preroll(_) => true,
        }
    }

    fn shows_end_of(&self, process: &Process, container: Option<&Container>) -> bool {
        let is_wanted = |pids: &Vec<u32>| process.pid.is_some_and(|pid| pids.contains(&pid));
        !self.signals_only
            // Of senders it is their signals that were asked for.
            && self.senders.wanted.is_all()
            && self.ends_of.as_ref().is_none_or(is_wanted)
            && self.in_container(container)
    }

    fn in_container(&self, container: Option<&Container>) -> bool {
        self.containers.takes_any(container)
    }
}

/// A SIGWINCH that stops nobody.
fn is_resize(signal: &Signal) -> bool {
    let may_stop = signal.sender.kind == Kind::Process
        && (signal.target.is_init || signal.sender.role.as_deref() == Some("runtime"));
    signal.signal.number == SIGWINCH && !may_stop
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::fixtures;

    #[test]
    fn a_sigwinch_that_may_stop_a_container_is_shown() {
        let shows = |view: &mut View, change: fn(&mut Signal)| {
            let mut signal = fixtures::dropped();
            signal.signal.number = SIGWINCH;
            change(&mut signal);
            view.shows(&Record::Signal(Box::new(signal)))
        };
        let mut view = View::default();
        assert!(shows(&mut view, |_| {}));
        assert!(!shows(&mut view, |signal| signal.sender.kind = Kind::Tty));
        assert!(!shows(&mut view, |signal| signal.target.is_init = false));
        // The main process of a container in the host's PID namespace.
        assert!(shows(&mut view, |signal| {
            signal.target.is_init = false;
            signal.sender.role = Some("runtime".into());
        }));
        view.resizes = true;
        assert!(shows(&mut view, |signal| signal.sender.kind = Kind::Tty));
    }

    #[test]
    fn ends_are_those_of_the_wanted() {
        let of = |view: &View, pid| {
            let process = Process {
                pid: Some(pid),
                ..Process::NONE
            };
            view.shows_end_of(&process, None)
        };
        assert!(of(&View::default(), 7));
        let chosen = View {
            ends_of: Some(vec![7]),
            ..View::default()
        };
        assert!(of(&chosen, 7) && !of(&chosen, 8));
        // Only senders were named: nobody's end.
        let nobody = View {
            ends_of: Some(Vec::new()),
            ..View::default()
        };
        assert!(!of(&nobody, 7));
    }
}
