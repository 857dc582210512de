//! Who plays in a scenario: the real processes behind the names.

use super::scenario::Actor;
use crate::record::{Process, Record};

/// Clock ticks of `/proc/PID/stat` in nanoseconds (USER_HZ is 100 everywhere).
const TICK_NS: u64 = 10_000_000;

/// What tells one process from every other: its number in its own PID namespace,
/// so that it also holds where sigwhy itself runs in a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    /// Inode of its PID namespace.
    pub pid_ns: u64,
    pub ns_pid: i32,
    /// Its start in clock ticks after boot.
    pub start_ticks: u64,
}

impl Identity {
    /// Whether a record's process is this one.
    pub fn is(&self, process: &Process) -> bool {
        process.pid_ns.map(u64::from) == Some(self.pid_ns)
            && process.ns_pid == u32::try_from(self.ns_pid).ok()
            && process.start_ns.map(|ns| ns / TICK_NS) == Some(self.start_ticks)
    }
}

/// The actors on stage, in the order in which they came.
#[derive(Debug, Clone, Default)]
pub struct Cast {
    actors: Vec<(Actor, Identity)>,
    /// Whose part somebody from outside takes: docker, for who stops a container.
    understudied: Option<Actor>,
}

impl Cast {
    pub fn add(&mut self, name: Actor, identity: Identity) {
        self.actors.push((name, identity));
    }

    /// The actor that this process is.
    pub fn name(&self, process: &Process) -> Option<Actor> {
        let known = self
            .actors
            .iter()
            .find(|(_, identity)| identity.is(process));
        known.map(|(name, _)| *name)
    }

    /// From now on, whoever is not on stage sends what this actor would.
    pub fn understudy(&mut self, actor: Actor) {
        self.understudied = Some(actor);
    }

    /// Whether this process sends as the actor: it is that one, or takes its part.
    pub fn sends_as(&self, process: &Process, actor: Actor) -> bool {
        match self.name(process) {
            Some(name) => name == actor,
            None => self.understudied == Some(actor),
        }
    }

    /// Whether a record is about one of the actors: signals and deliveries by
    /// their target.
    pub fn concerns(&self, record: &Record) -> bool {
        let process = match record {
            Record::Signal(r) => &r.target.process,
            Record::Deliver(r) => &r.target.process,
            Record::Zap(r) => &r.init,
            Record::Exit(r) => &r.process,
            Record::Episode(r) => &r.init,
            Record::Loss(_) | Record::Start(_) | Record::Stop(_) | Record::Preroll(_) => {
                return false;
            }
        };
        self.name(process).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_known_by_namespace_number_and_start() {
        let mut cast = Cast::default();
        let identity = Identity {
            pid_ns: 7,
            ns_pid: 1,
            start_ticks: 100,
        };
        cast.add("init", identity);
        let process = Process {
            pid: Some(4711),
            ns_pid: Some(1),
            pid_ns: Some(7),
            start_ns: Some(1_009_999_999),
            ..Process::NONE
        };
        assert_eq!(cast.name(&process), Some("init"));
        for other in [
            Process {
                start_ns: Some(1_010_000_000),
                ..process.clone()
            },
            Process {
                pid_ns: Some(8),
                ..process.clone()
            },
            Process {
                ns_pid: Some(2),
                ..process.clone()
            },
            Process {
                start_ns: None,
                ..process
            },
        ] {
            assert_eq!(cast.name(&other), None);
        }
    }
}
