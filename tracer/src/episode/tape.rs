//! Streams of records for tests: what a container and its runtime do, one call
//! per event, at times in milliseconds after the start of the container.

use std::sync::Arc;

use crate::decide::{Outcome, Reason, names, sender::Kind};
use crate::record::*;

/// When the container of a tape starts, CLOCK_BOOTTIME in ns.
const START: u64 = 1_000_000_000_000;
/// Of its PID namespace.
const INODE: u32 = 4_026_532_281;
/// Its init on the host; member `n` has `INIT + n`.
const INIT: u32 = 31_150;
/// Pids from one container's init to the next one's.
const MEMBERS: u32 = 100;

/// Who sends.
#[derive(Debug, Clone, Copy)]
pub enum From {
    /// `docker (runc)`, from outside.
    Runtime,
    /// A process with no pid in the namespace, of the host.
    Host,
    /// One of another container.
    Neighbour,
    /// A member by its number; 1 is the init.
    Member(u32),
    /// No process.
    Of(Kind),
}

/// A recording in the making.
#[derive(Debug, Clone)]
pub struct Tape {
    pub records: Vec<Record>,
    container: ContainerRef,
    comms: Vec<(u32, &'static str)>,
    /// Which container of several.
    nth: u32,
    at: u64,
}

pub fn when(ms: u64) -> When {
    When {
        ts: Timestamp(1_795_356_187_000_000_000 + ms * 1_000_000),
        mono_ns: START + ms * 1_000_000,
    }
}

impl Tape {
    /// A container `web` of docker's whose PID 1 has this name.
    pub fn new(init: &'static str) -> Self {
        Self::nth(init, 0)
    }

    /// One of several containers.
    pub fn nth(init: &'static str, nth: u32) -> Self {
        let container = Container {
            id: Some(format!("{nth:08x}").repeat(8)),
            name: "web".to_owned(),
            runtime: Runtime::Docker,
            image: Some("nginx".to_owned()),
            pod: None,
            pod_namespace: None,
            cgroup: None,
            pid_ns: INODE + nth,
            init_pid: Some(INIT + nth * MEMBERS),
            init_comm: Some(init.into()),
        };
        Self {
            records: Vec::new(),
            container: ContainerRef(Arc::new(container)),
            comms: vec![(1, init)],
            nth,
            at: 60_000,
        }
    }

    /// The same in a pod.
    pub fn in_pod(mut self) -> Self {
        let mut container = (*self.container.0).clone();
        container.pod = Some("web-0".to_owned());
        container.pod_namespace = Some("prod".to_owned());
        self.container = ContainerRef(Arc::new(container));
        self
    }

    /// A member has this name.
    pub fn named(mut self, member: u32, comm: &'static str) -> Self {
        self.comms.push((member, comm));
        self
    }

    /// The next record is so many milliseconds after the container's start.
    pub fn at(mut self, ms: u64) -> Self {
        self.at = ms;
        self
    }

    fn pid(&self, member: u32) -> u32 {
        INIT + self.nth * MEMBERS + member - 1
    }

    pub fn process(&self, member: u32) -> Process {
        let comm = self.comms.iter().rev().find(|(n, _)| *n == member);
        let pid = self.pid(member);
        Process {
            pid: Some(pid),
            tid: Some(pid),
            ns_pid: Some(member),
            pid_ns: Some(INODE + self.nth),
            ns_level: Some(1),
            comm: Some(comm.map_or("sleep", |(_, comm)| *comm).into()),
            uid: Some(0),
            start_ns: Some(START + u64::from(member - 1)),
            container: Some(self.container.clone()),
            ns_pids: Some(vec![pid, member]),
            ..Process::NONE
        }
    }

    fn outside(comm: &str, pid: u32) -> Process {
        Process {
            pid: Some(pid),
            tid: Some(pid),
            ns_pid: Some(pid),
            pid_ns: Some(4_026_531_836),
            ns_level: Some(0),
            comm: Some(comm.into()),
            uid: Some(0),
            start_ns: Some(500),
            ..Process::NONE
        }
    }

    fn sender(&self, from: From) -> (Sender, Relation) {
        let of = |kind, process, role: Option<(&'static str, &str)>| Sender {
            kind,
            process,
            ancestors: Vec::new(),
            injected: false,
            role: role.map(|(role, _)| role.into()),
            role_words: role.map(|(_, words)| words.to_owned()),
        };
        let by = |process, role| of(Kind::Process, process, role);
        match from {
            From::Runtime => (
                by(
                    Self::outside("runc", 900),
                    Some(("runtime", "docker (runc)")),
                ),
                Relation::Ancestor,
            ),
            From::Host => (by(Self::outside("bash", 901), None), Relation::Ancestor),
            From::Neighbour => {
                let mut process = Self::outside("neighbour", 902);
                (process.ns_level, process.pid_ns) = (Some(1), Some(77));
                (
                    by(
                        process,
                        Some(("other_container", "neighbour, in container db")),
                    ),
                    Relation::Unrelated,
                )
            }
            From::Member(member) => (by(self.process(member), None), Relation::Same),
            From::Of(Kind::Zap) => (of(Kind::Zap, self.process(1), None), Relation::Same),
            From::Of(kind) => (of(kind, Process::NONE, None), Relation::Kernel),
        }
    }

    /// A signal, 0.1 ms after the record before it.
    pub fn signal(self, sig: u32, from: From, to: u32, fate: (Outcome, Reason)) -> Self {
        self.signal_with(sig, from, to, fate, |_| {})
    }

    pub fn signal_with(
        mut self,
        sig: u32,
        from: From,
        to: u32,
        (outcome, reason): (Outcome, Reason),
        change: impl FnOnce(&mut Signal),
    ) -> Self {
        let (sender, relation) = self.sender(from);
        let mut signal = Signal {
            when: self.next(),
            signal: SignalId {
                number: sig,
                name: names::signal(sig).into(),
                code: 0,
                code_name: names::code(sig, 0),
            },
            sender,
            target: Target {
                process: self.process(to),
                is_init: to == 1,
                is_global_init: false,
                unkillable: to == 1,
                disposition: Some(match reason {
                    Reason::Handler => Disposition::Handler,
                    Reason::Ignored => Disposition::Ignore,
                    _ => Disposition::Default,
                }),
                blocked: Some(reason == Reason::Blocked),
                sigwait: Some(reason == Reason::Sigwait),
                ptraced: reason == Reason::Ptrace,
                exiting: false,
                frozen: Some(reason == Reason::Frozen),
                sigterm_disposition: (sig == 9).then_some(Disposition::Default),
            },
            scope: Scope::Process,
            relation,
            forced: relation != Relation::Same,
            result: match outcome {
                Outcome::Dropped => TraceResult::Ignored,
                Outcome::Coalesced => TraceResult::AlreadyPending,
                _ => TraceResult::Delivered,
            },
            outcome,
            reason,
            rule: "test/rule".into(),
            explanation: "for the test".into(),
            path: Vec::new(),
        };
        change(&mut signal);
        self.records.push(Record::Signal(Box::new(signal)));
        self
    }

    /// A stop signal that the kernel drops for want of a handler.
    pub fn dropped(self, sig: u32, from: From) -> Self {
        self.signal(sig, from, 1, (Outcome::Dropped, Reason::UnkillableInit))
    }

    /// A signal for a handler, which takes it.
    pub fn handled(self, sig: u32, from: From, to: u32) -> Self {
        self.signal(sig, from, to, (Outcome::Queued, Reason::Handler))
            .taken(sig, to, (Outcome::Handled, Reason::Handler))
    }

    /// SIGKILL of the runtime to PID 1.
    pub fn killed(self, from: From) -> Self {
        self.signal(9, from, 1, (Outcome::Fatal, Reason::ForcedOnInit))
    }

    /// What became of a signal when it left the queue: of the last one of its number.
    pub fn taken(mut self, sig: u32, by: u32, (outcome, reason): (Outcome, Reason)) -> Self {
        let generated = self.records.iter().rev().find_map(|record| match record {
            Record::Signal(s)
                if s.signal.number == sig && s.target.process.pid == Some(self.pid(by)) =>
            {
                Some((s.when.mono_ns, s.target.clone()))
            }
            _ => None,
        });
        let Some((at, target)) = generated else {
            return self;
        };
        let deliver = Deliver {
            when: self.next(),
            signal: SignalId {
                number: sig,
                name: names::signal(sig).into(),
                code: 0,
                code_name: names::code(sig, 0),
            },
            target,
            outcome,
            reason,
            rule: "test/rule".into(),
            explanation: "for the test".into(),
            latency_ns: Some(100_000),
            generated_mono_ns: Some(at),
            path: Vec::new(),
        };
        self.records.push(Record::Deliver(Box::new(deliver)));
        self
    }

    /// A process exits with a code.
    pub fn exits(self, member: u32, code: u32) -> Self {
        self.ends(member, Some(code), None)
    }

    /// A signal ends a process.
    pub fn dies(self, member: u32, sig: u32) -> Self {
        self.ends(member, None, Some(sig))
    }

    fn ends(mut self, member: u32, exit_code: Option<u32>, sig: Option<u32>) -> Self {
        let exit = Exit {
            when: self.next(),
            process: self.process(member),
            exit_code,
            signal: sig.map(|number| SignalName {
                number,
                name: names::signal(number).into(),
            }),
            core_dumped: false,
            is_init: member == 1,
            container: Some(self.container.clone()),
        };
        self.records.push(Record::Exit(Box::new(exit)));
        self
    }

    /// The zap begins. `(member, had a SIGTERM handler, saw a SIGTERM)`
    pub fn zaps(mut self, victims: &[(u32, bool, bool)]) -> Self {
        for (member, ..) in victims {
            self = self.signal(
                9,
                From::Of(Kind::Zap),
                *member,
                (Outcome::Fatal, Reason::Kill),
            );
        }
        let killed = victims
            .iter()
            .map(|(member, had, saw)| ZapVictim {
                process: self.process(*member),
                had_sigterm_handler: Some(*had),
                saw_sigterm: Some(*saw),
            })
            .collect();
        self.zap(ZapPhase::Begin, Some(killed), None)
    }

    pub fn zapped(self) -> Self {
        self.zap(ZapPhase::End, None, Some(2_000_000))
    }

    fn zap(
        mut self,
        phase: ZapPhase,
        killed: Option<Vec<ZapVictim>>,
        duration_ns: Option<u64>,
    ) -> Self {
        let zap = Zap {
            when: self.next(),
            phase,
            container: Some(self.container.clone()),
            init: self.process(1),
            source: ZapSource::Inferred,
            killed,
            duration_ns,
        };
        self.records.push(Record::Zap(Box::new(zap)));
        self
    }

    /// The whole end of a PID 1 that SIGKILL has ended.
    pub fn dies_with(mut self, victims: &[(u32, bool, bool)]) -> Self {
        self = self.dies(1, 9).zaps(victims);
        for (member, ..) in victims {
            self = self.dies(*member, 9);
        }
        self.zapped()
    }

    /// So many events were lost in all.
    pub fn lost(mut self, ring_full: u64) -> Self {
        let loss = Loss {
            when: self.next(),
            kernel_seen: 100,
            filtered: 0,
            submitted: 100 - ring_full,
            ring_full,
            received: 100 - ring_full,
        };
        self.records.push(Record::Loss(loss));
        self
    }

    /// The tracing begins, with these filters.
    pub fn starts(mut self, filters: &[&str]) -> Self {
        let start = Start {
            when: self.next(),
            version: "0".to_owned(),
            kernel: "6".to_owned(),
            hooks: [("zap".into(), Some("inferred".into()))].into(),
            refused: [].into(),
            lost_abilities: [].into(),
            filters: filters.iter().map(|f| (*f).to_owned()).collect(),
            host: "node".to_owned(),
            boot_id: None,
            clock_offset_ns: 0,
            flight_recorder: None,
            imported: None,
        };
        self.records.push(Record::Start(Box::new(start)));
        self
    }

    fn next(&mut self) -> When {
        let steps = self.records.len() as u64;
        let mut when = when(self.at);
        when.mono_ns += steps * 100_000;
        when
    }
}
