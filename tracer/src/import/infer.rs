//! Events to records: what the kernel's result says for certain, and what the order
//! of events does. All else is left unknown.
//!
//! Two things follow from the order. A process that sends the group-wide SIGKILL of
//! the kernel's while it exits is the init of a PID namespace that ends
//! (`zap_pid_ns_processes`): nothing else does that. And the SIGCHLD of a process's
//! end says whether it exited by itself or was ended by a signal.

use std::{collections::HashMap, mem};

use tracer_common::signals::{
    self, SIGCHLD, SIGHUP, SIGINT, SIGKILL, SIGPIPE, SIGQUIT, SIGTERM, SIGTSTP, SIGWINCH, SIGXFSZ,
};

use super::{
    Format,
    event::{Event, What},
};
use crate::{
    decide::{Outcome, Reason, names, sender::Kind},
    record::{
        Comm, Deliver, Exit, Loss, Process, Record, Relation, Scope, Sender, Signal, SignalId,
        SignalName, Start, Target, Timestamp, TraceResult, When, Zap, ZapPhase, ZapSource,
        ZapVictim,
    },
};

/// `SI_KERNEL`, `SI_TIMER`, `SI_SIGIO`.
const KERNEL: i32 = 0x80;
const TIMER: i32 = -2;
const SIGIO: i32 = -5;
/// `CLD_EXITED`; `CLD_KILLED` and `CLD_DUMPED` are a signal's.
const EXITED: i32 = 1;
const DUMPED: i32 = 3;

/// What becomes of one process, by what comes later in the text.
#[derive(Debug, Clone, Default)]
struct Fate {
    /// It ends its PID namespace: the first and the last SIGKILL for it, by their
    /// places.
    zap: Option<(usize, usize)>,
    /// The place and the code of the SIGCHLD for its end.
    end: Option<(usize, i32)>,
}

/// Makes records of events, which are in their order. One at a time: a record is many
/// times as large as its event.
pub fn records(
    events: &[Event],
    format: Format,
    boot: Option<Timestamp>,
    lost: u64,
) -> impl Iterator<Item = Record> {
    let mut making = Making::new(events, boot);
    let first = events.first().map_or(0, |event| event.ns);
    making.start(first, format);
    if lost > 0 {
        // Nobody knows where they are missing.
        making.loss(first, lost);
    }
    let head = mem::take(&mut making.out);
    let rest = events.iter().enumerate().flat_map(move |(at, event)| {
        making.take(at, event);
        mem::take(&mut making.out)
    });
    head.into_iter().chain(rest)
}

struct Making<'a> {
    events: &'a [Event],
    boot: Option<Timestamp>,
    /// Made of the event at hand.
    out: Vec<Record>,
    /// By pid, each life of it in its order.
    fates: HashMap<u32, Vec<Fate>>,
    /// Which life a pid is in.
    lives: HashMap<u32, Life>,
    /// Threads' processes.
    process_of: HashMap<u32, u32>,
    /// There are events of exits.
    sees_exits: bool,
}

/// What is known of a running process by now.
#[derive(Debug, Clone, Default)]
struct Life {
    number: usize,
    forked: Option<u64>,
    comm: Option<Comm>,
    exiting: bool,
    exit_told: bool,
    /// The signal that ends it.
    fatal: Option<u32>,
    saw_sigterm: bool,
    /// Queued and not delivered: number to time.
    queued: HashMap<u32, u64>,
    victims: Vec<ZapVictim>,
}

impl<'a> Making<'a> {
    fn new(events: &'a [Event], boot: Option<Timestamp>) -> Self {
        let mut process_of = HashMap::new();
        for event in events {
            if let Some(pid) = event.pid {
                process_of.insert(event.tid, pid);
            }
        }
        let mut making = Self {
            events,
            boot,
            out: Vec::new(),
            fates: HashMap::new(),
            lives: HashMap::new(),
            process_of,
            sees_exits: events.iter().any(|event| event.what == What::Exit),
        };
        making.foresee();
        making
    }

    /// Who ends a namespace, and who is seen to end.
    fn foresee(&mut self) {
        let mut exiting: HashMap<u32, bool> = HashMap::new();
        let ending = match self.sees_exits {
            true => Vec::new(),
            false => before_ends(self.events),
        };
        // It was seen to exit, or, where no exits are recorded, tells of its end next.
        let is_exiting = |exiting: &HashMap<u32, bool>, at: usize, tid: u32| {
            let seen = exiting.get(&tid).is_some_and(|is| *is);
            seen || ending.get(at).is_some_and(|is| *is)
        };
        for (at, event) in self.events.iter().enumerate() {
            let pid = self.process(event);
            match &event.what {
                What::Exit => {
                    exiting.insert(event.tid, true);
                }
                What::Fork { child } => {
                    exiting.remove(child);
                    // A new process of this number.
                    let lives = self
                        .fates
                        .entry(*child)
                        .or_insert_with(|| vec![Fate::default()]);
                    lives.push(Fate::default());
                }
                What::Generate {
                    sig: SIGKILL,
                    code: KERNEL,
                    group: true,
                    target,
                    ..
                } if *target != event.tid && is_exiting(&exiting, at, event.tid) => {
                    let fate = self.fate(pid);
                    let first = fate.zap.map_or(at, |(first, _)| first);
                    fate.zap = Some((first, at));
                }
                What::Generate {
                    sig: SIGCHLD, code, ..
                } if (EXITED..=DUMPED).contains(code) => {
                    self.fate(pid).end.get_or_insert((at, *code));
                }
                _ => {}
            }
        }
    }

    fn fate(&mut self, pid: u32) -> &mut Fate {
        let lives = self
            .fates
            .entry(pid)
            .or_insert_with(|| vec![Fate::default()]);
        let last = lives.len() - 1;
        &mut lives[last]
    }

    fn process(&self, event: &Event) -> u32 {
        event.pid.unwrap_or_else(|| self.process_of(event.tid))
    }

    fn process_of(&self, tid: u32) -> u32 {
        *self.process_of.get(&tid).unwrap_or(&tid)
    }

    fn fate_of(&self, pid: u32) -> Fate {
        let number = self.lives.get(&pid).map_or(0, |life| life.number);
        let lives = self.fates.get(&pid);
        lives
            .and_then(|lives| lives.get(number))
            .cloned()
            .unwrap_or_default()
    }

    fn is_init(&self, pid: u32) -> bool {
        self.fate_of(pid).zap.is_some()
    }

    fn when(&self, ns: u64) -> When {
        let boot = self.boot.map_or(0, |boot| boot.0);
        When {
            ts: Timestamp(boot.saturating_add(ns)),
            mono_ns: ns,
        }
    }

    fn start(&mut self, ns: u64, format: Format) {
        let start = Start {
            when: self.when(ns),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            kernel: String::new(),
            // The end of a namespace is inferred, and not always told.
            hooks: [("zap".into(), None)].into(),
            refused: [].into(),
            lost_abilities: [].into(),
            filters: Vec::new(),
            host: String::new(),
            boot_id: None,
            clock_offset_ns: self
                .boot
                .map_or(0, |boot| i64::try_from(boot.0).unwrap_or(0)),
            flight_recorder: None,
            imported: Some(format.name().into()),
        };
        self.out.push(Record::Start(Box::new(start)));
    }

    fn loss(&mut self, ns: u64, lost: u64) {
        let count = self.events.len() as u64;
        self.out.push(Record::Loss(Loss {
            when: self.when(ns),
            kernel_seen: count.saturating_add(lost),
            filtered: 0,
            submitted: count,
            ring_full: lost,
            received: count,
        }));
    }

    fn life(&mut self, pid: u32) -> &mut Life {
        self.lives.entry(pid).or_default()
    }

    fn named(&self, pid: u32, tid: u32, comm: Option<Comm>) -> Process {
        let life = self.lives.get(&pid);
        Process {
            pid: Some(pid),
            tid: Some(tid),
            // The init of a namespace is 1 in it.
            ns_pid: self.is_init(pid).then_some(1),
            comm: comm.or_else(|| life.and_then(|life| life.comm)),
            start_ns: life.and_then(|life| life.forked),
            ..Process::NONE
        }
    }

    fn take(&mut self, at: usize, event: &Event) {
        let pid = self.process(event);
        if event.tid == pid
            && let Some(comm) = event.comm
        {
            self.life(pid).comm = Some(comm);
        }
        match &event.what {
            What::Fork { child } => {
                let number = self.lives.get(child).map_or(0, |life| life.number) + 1;
                let life = Life {
                    number,
                    forked: Some(event.ns),
                    ..Life::default()
                };
                // A thread has a number of its own, and no life.
                if self.process_of(*child) == *child {
                    self.lives.insert(*child, life);
                }
            }
            What::Exit if event.tid == pid => {
                self.life(pid).exiting = true;
                self.exit(pid, event.ns);
            }
            What::Exit => {}
            What::Deliver { sig, code, handler } => self.deliver(event, *sig, *code, *handler),
            What::Generate { .. } => self.generate(at, event, pid),
        }
    }

    fn generate(&mut self, at: usize, event: &Event, by: u32) {
        let What::Generate {
            sig,
            code,
            comm,
            target: tid,
            group,
            result,
        } = event.what
        else {
            return;
        };
        let pid = self.process_of(tid);
        let zap = self.fate_of(by).zap.filter(|(first, last)| {
            (*first..=*last).contains(&at) && sig == SIGKILL && code == KERNEL && group
        });
        if zap.is_some_and(|(first, _)| first == at) {
            self.life(by).exiting = true;
            self.exit(by, event.ns);
        }
        if tid == pid {
            self.life(pid).comm = Some(comm);
        }
        let kind = if zap.is_some() {
            Kind::Zap
        } else {
            self.kind(sig, code, group, by == pid, by)
        };
        let is_init = self.is_init(pid);
        let life = self.life(pid);
        let (outcome, reason) = match result {
            0 if sig == SIGKILL && is_init => (Outcome::Fatal, Reason::ForcedOnInit),
            0 if sig == SIGKILL => (Outcome::Fatal, Reason::Kill),
            1 if life.exiting => (Outcome::Dropped, Reason::TargetExiting),
            // SIGKILL has no handler: only an init is protected from it.
            1 if sig == SIGKILL && is_init => (Outcome::Dropped, Reason::UnkillableInit),
            1 => (Outcome::Dropped, Reason::NotRecorded),
            2 => (Outcome::Coalesced, Reason::AlreadyPending),
            3 => (Outcome::Failed, Reason::QueueFull),
            _ => (Outcome::Queued, Reason::NotRecorded),
        };
        if matches!(outcome, Outcome::Fatal | Outcome::Queued) {
            life.queued.insert(sig, event.ns);
            life.saw_sigterm |= sig == SIGTERM;
            if sig == SIGKILL && !life.exiting {
                life.fatal.get_or_insert(SIGKILL);
            }
        }
        let relation = match (kind.names_a_process(), reason) {
            (false, _) => Relation::Kernel,
            // The kernel forces a SIGKILL upon an init only from outside.
            (_, Reason::ForcedOnInit) => Relation::Ancestor,
            (_, Reason::UnkillableInit) => Relation::Same,
            _ if by == pid => Relation::Same,
            _ => Relation::Unknown,
        };
        let sender = if kind.names_a_process() {
            self.named(by, event.tid, event.comm)
        } else {
            Process::NONE
        };
        let signal = Signal {
            when: self.when(event.ns),
            signal: id(sig, code),
            sender: Sender {
                kind,
                process: sender,
                ancestors: Vec::new(),
                role: None,
                role_words: None,
                injected: false,
            },
            target: self.target(pid, tid, Some(comm)),
            scope: if group { Scope::Process } else { Scope::Thread },
            relation,
            forced: reason == Reason::ForcedOnInit,
            result: match result {
                0 => TraceResult::Delivered,
                1 => TraceResult::Ignored,
                2 => TraceResult::AlreadyPending,
                3 => TraceResult::OverflowFail,
                4 => TraceResult::LoseInfo,
                _ => TraceResult::Unknown,
            },
            outcome,
            reason,
            rule: "not_recorded".into(),
            explanation: reason.about().into(),
            path: Vec::new(),
        };
        self.out.push(Record::Signal(Box::new(signal)));
        if let Some((_, last)) = zap {
            self.victim(by, pid, comm, at == last, event.ns);
        }
        if sig == SIGCHLD
            && let Some((place, _)) = self.fate_of(by).end
            && place == at
        {
            self.ended(by, event.ns);
        }
    }

    /// Who sent it, by the code that it carries.
    fn kind(&self, sig: u32, code: i32, group: bool, to_itself: bool, by: u32) -> Kind {
        let is_synchronous = signals::contains(signals::SYNCHRONOUS, sig);
        match (code, sig) {
            (1..=6, SIGCHLD) => Kind::ChildExit,
            (KERNEL, SIGINT | SIGQUIT | SIGTSTP | SIGWINCH | SIGHUP) if group => Kind::Tty,
            (1.., _) if is_synchronous && to_itself => Kind::Fault,
            (1.., _) => Kind::Kernel,
            (TIMER, _) => Kind::Timer,
            (SIGIO, _) => Kind::Io,
            (0, SIGPIPE | SIGXFSZ) if to_itself => Kind::Io,
            (0, _) if self.lives.get(&by).is_some_and(|life| life.exiting) => Kind::ParentDeath,
            _ => Kind::Process,
        }
    }

    fn target(&self, pid: u32, tid: u32, comm: Option<Comm>) -> Target {
        let is_init = self.is_init(pid);
        Target {
            process: self.named(pid, tid, comm),
            is_init,
            is_global_init: pid == 1,
            unkillable: is_init,
            disposition: None,
            blocked: None,
            sigwait: None,
            ptraced: false,
            exiting: self.lives.get(&pid).is_some_and(|life| life.exiting),
            frozen: None,
            sigterm_disposition: None,
        }
    }

    fn deliver(&mut self, event: &Event, sig: u32, code: i32, handler: u64) {
        let pid = self.process(event);
        let is_init = self.is_init(pid);
        let has = |set| signals::contains(set, sig);
        let (outcome, reason) = match handler {
            0 if sig == SIGKILL => (Outcome::Fatal, Reason::GroupExit),
            0 if has(signals::DEFAULT_IGNORE) => (Outcome::Ignored, Reason::DefaultIgnore),
            0 if is_init => (Outcome::Dropped, Reason::UnkillableInitAtDequeue),
            0 if has(signals::STOP) => (Outcome::Stopped, Reason::Stop),
            0 if has(signals::COREDUMP) => (Outcome::Fatal, Reason::DefaultCore),
            0 => (Outcome::Fatal, Reason::DefaultTerminate),
            1 => (Outcome::Ignored, Reason::Ignored),
            _ => (Outcome::Handled, Reason::Handler),
        };
        let when = self.when(event.ns);
        let life = self.life(pid);
        if outcome == Outcome::Fatal && sig != SIGKILL {
            life.fatal.get_or_insert(sig);
        }
        let generated = life.queued.remove(&sig);
        let deliver = Deliver {
            when,
            signal: id(sig, code),
            target: self.target(pid, event.tid, event.comm),
            outcome,
            reason,
            rule: "not_recorded".into(),
            explanation: reason.about().into(),
            latency_ns: generated.map(|at| event.ns.saturating_sub(at)),
            generated_mono_ns: generated,
            path: Vec::new(),
        };
        self.out.push(Record::Deliver(Box::new(deliver)));
    }

    /// A process ends, once.
    fn exit(&mut self, pid: u32, ns: u64) {
        let fate = self.fate_of(pid);
        let life = self.life(pid);
        if mem::replace(&mut life.exit_told, true) {
            return;
        }
        let by_signal = life
            .fatal
            .filter(|_| fate.end.is_none_or(|(_, code)| code != EXITED));
        let signal = by_signal.map(|number| SignalName {
            number,
            name: names::signal(number).into(),
        });
        let exit = Exit {
            when: self.when(ns),
            process: self.named(pid, pid, None),
            exit_code: None,
            signal,
            core_dumped: fate.end.is_some_and(|(_, code)| code == DUMPED),
            is_init: fate.zap.is_some(),
            container: None,
        };
        self.out.push(Record::Exit(Box::new(exit)));
    }

    /// Its parent is told of its end: if it was an init, its namespace is gone.
    fn ended(&mut self, pid: u32, ns: u64) {
        self.exit(pid, ns);
        let Some((first, _)) = self.fate_of(pid).zap else {
            return;
        };
        let began = self.events[first].ns;
        self.zap(pid, ns, ZapPhase::End, None, Some(ns.saturating_sub(began)));
    }

    fn victim(&mut self, init: u32, pid: u32, comm: Comm, is_last: bool, ns: u64) {
        let process = self.named(pid, pid, Some(comm));
        let life = self.life(pid);
        // Before its fork it was nobody; else it may have been before the text begins.
        let saw = life.saw_sigterm || life.forked.is_none();
        let victim = ZapVictim {
            process,
            had_sigterm_handler: None,
            saw_sigterm: (life.saw_sigterm || !saw).then_some(life.saw_sigterm),
        };
        self.life(init).victims.push(victim);
        if is_last {
            let victims = mem::take(&mut self.life(init).victims);
            self.zap(init, ns, ZapPhase::Begin, Some(victims), None);
        }
    }

    fn zap(
        &mut self,
        pid: u32,
        ns: u64,
        phase: ZapPhase,
        killed: Option<Vec<ZapVictim>>,
        duration_ns: Option<u64>,
    ) {
        let zap = Zap {
            when: self.when(ns),
            phase,
            container: None,
            init: self.named(pid, pid, None),
            source: ZapSource::Inferred,
            killed,
            duration_ns,
        };
        self.out.push(Record::Zap(Box::new(zap)));
    }
}

/// For each event, whether the next thing that its thread does, SIGKILLs of the
/// kernel's aside, is to tell its parent of its end.
fn before_ends(events: &[Event]) -> Vec<bool> {
    let mut next: HashMap<u32, bool> = HashMap::new();
    let mut ending = vec![false; events.len()];
    for (at, event) in events.iter().enumerate().rev() {
        ending[at] = next.get(&event.tid).is_some_and(|is| *is);
        let (is_kill, is_end) = match event.what {
            What::Generate { sig, code, .. } => (
                sig == SIGKILL && code == KERNEL,
                sig == SIGCHLD && (EXITED..=DUMPED).contains(&code),
            ),
            _ => (false, false),
        };
        if !is_kill {
            next.insert(event.tid, is_end);
        }
    }
    ending
}

fn id(sig: u32, code: i32) -> SignalId {
    SignalId {
        number: sig,
        name: names::signal(sig).into(),
        code,
        code_name: names::code(sig, code),
    }
}
