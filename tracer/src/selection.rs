//! What the kernel side selects while tracing, for records that were recorded
//! before anybody asked.
//!
//! Pure. What it leaves is for [`crate::view`], as of a live stream.

use tracer_common::signals;

use crate::record::{Process, Record};

/// Which records are wanted.
#[derive(Debug, Clone)]
pub struct Selection {
    /// Signals, as bits.
    pub signals: u64,
    /// To these processes, by host pid; or
    pub targets: Vec<u32>,
    /// from these. Empty lists ask for nothing.
    pub senders: Vec<u32>,
    /// Only to inits.
    pub inits: bool,
    /// Also among the processes of the host.
    pub host: bool,
}

impl Selection {
    /// Whether a record is wanted.
    pub fn takes(&self, record: &Record) -> bool {
        match record {
            Record::Signal(r) => {
                let (target, sender) = (&r.target.process, &r.sender.process);
                signals::contains(self.signals, r.signal.number)
                    && (self.takes_host() || in_container(target) || in_container(sender))
                    && (!self.inits || r.target.is_init)
                    && (!self.names_processes()
                        || is_in(&self.targets, target)
                        || is_in(&self.senders, sender))
            }
            Record::Deliver(r) => {
                signals::contains(self.signals, r.signal.number)
                    && self.takes_target(&r.target.process)
                    && (!self.inits || r.target.is_init)
            }
            Record::Exit(r) => r.is_init || (!self.inits && self.takes_target(&r.process)),
            Record::Zap(_)
            | Record::Episode(_)
            | Record::Loss(_)
            | Record::Start(_)
            | Record::Stop(_)
            | Record::Preroll(_) => true,
        }
    }

    fn takes_target(&self, target: &Process) -> bool {
        (self.takes_host() || in_container(target))
            && (self.targets.is_empty() || is_in(&self.targets, target))
    }

    /// A process may be the host's.
    fn takes_host(&self) -> bool {
        self.host || self.names_processes()
    }

    fn names_processes(&self) -> bool {
        !self.targets.is_empty() || !self.senders.is_empty()
    }
}

fn in_container(process: &Process) -> bool {
    process.container.is_some() || process.ns_level.is_some_and(|level| level > 0)
}

fn is_in(pids: &[u32], process: &Process) -> bool {
    process.pid.is_some_and(|pid| pids.contains(&pid))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::fixtures;

    const ALL: Selection = Selection {
        signals: u64::MAX,
        targets: Vec::new(),
        senders: Vec::new(),
        inits: false,
        host: false,
    };

    fn signal() -> Record {
        Record::Signal(Box::new(fixtures::dropped()))
    }

    /// Between two processes of the host.
    fn of_the_host() -> Record {
        let mut record = fixtures::dropped();
        record.target.process = fixtures::outside("sleep", 77);
        record.sender.process = fixtures::outside("bash", 78);
        record.target.is_init = false;
        Record::Signal(Box::new(record))
    }

    #[test]
    fn signals_by_number() {
        let only = |sig| Selection {
            signals: signals::mask(sig),
            ..ALL
        };
        assert!(only(15).takes(&signal()) && !only(9).takes(&signal()));
        let deliver = Record::Deliver(Box::new(fixtures::deliver()));
        assert!(only(15).takes(&deliver) && !only(9).takes(&deliver));
    }

    #[test]
    fn the_host_is_for_who_asks_for_it_or_for_a_process() {
        assert!(ALL.takes(&signal()) && !ALL.takes(&of_the_host()));
        let host = Selection { host: true, ..ALL };
        assert!(host.takes(&of_the_host()));
        let target = Selection {
            targets: vec![77],
            ..ALL
        };
        assert!(target.takes(&of_the_host()) && !target.takes(&signal()));
        let sender = Selection {
            senders: vec![78],
            ..ALL
        };
        assert!(sender.takes(&of_the_host()) && !sender.takes(&signal()));
    }

    #[test]
    fn inits_only() {
        let inits = Selection {
            inits: true,
            host: true,
            ..ALL
        };
        assert!(inits.takes(&signal()) && !inits.takes(&of_the_host()));
        let mut exit = fixtures::exit();
        exit.is_init = false;
        assert!(!inits.takes(&Record::Exit(Box::new(exit))));
        assert!(inits.takes(&Record::Loss(fixtures::loss())));
    }
}
