//! Events to records: what the kernel's result says for certain, and what the order
//! of events does. All else is left unknown.
//!
//! Two things follow from the order: who is the init of a PID namespace that ends
//! (`zaps`), and where a process ends, and by what (`lives`).

use std::{collections::HashMap, mem};

use tracer_common::signals::{SIGCHLD, SIGKILL, SIGTERM};

use super::{
    Format,
    event::{Event, What},
    lives::{Fate, Lives},
    tell::id,
    verdict::{self, Sent},
};
use crate::{
    decide::{Outcome, Reason, sender::Kind},
    record::{
        Comm, Deliver, Process, Record, Relation, Scope, Sender, Signal, Timestamp, TraceResult,
        ZapVictim,
    },
};

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

/// The records in the making.
pub(super) struct Making<'a> {
    pub(super) events: &'a [Event],
    pub(super) boot: Option<Timestamp>,
    /// Made of the event at hand.
    pub(super) out: Vec<Record>,
    fates: Lives,
    /// By pid, its present life.
    pub(super) lives: HashMap<u32, Life>,
    /// Threads' processes.
    process_of: HashMap<u32, u32>,
}

/// What is known of a running process by now.
#[derive(Debug, Clone, Default)]
pub(super) struct Life {
    number: usize,
    pub(super) comm: Option<Comm>,
    pub(super) exiting: bool,
    pub(super) exit_told: bool,
    pub(super) saw_sigterm: bool,
    /// Queued and not delivered: number to time.
    queued: HashMap<u32, u64>,
    pub(super) victims: Vec<ZapVictim>,
}

impl<'a> Making<'a> {
    fn new(events: &'a [Event], boot: Option<Timestamp>) -> Self {
        let mut process_of = HashMap::new();
        for event in events {
            if let Some(pid) = event.pid {
                process_of.insert(event.tid, pid);
            }
        }
        Self {
            events,
            boot,
            out: Vec::new(),
            fates: Lives::of(events, &process_of),
            lives: HashMap::new(),
            process_of,
        }
    }

    fn process_of(&self, tid: u32) -> u32 {
        *self.process_of.get(&tid).unwrap_or(&tid)
    }

    pub(super) fn fate_of(&self, pid: u32) -> Fate {
        let number = self.lives.get(&pid).map_or(0, |life| life.number);
        self.fates.get(pid, number).cloned().unwrap_or_default()
    }

    pub(super) fn is_init(&self, pid: u32) -> bool {
        self.fate_of(pid).zap.is_some()
    }

    pub(super) fn life(&mut self, pid: u32) -> &mut Life {
        self.lives.entry(pid).or_default()
    }

    /// What comes at this place may be the first of another life.
    fn turn(&mut self, pid: u32, at: usize) {
        let life = self.lives.entry(pid).or_default();
        let number = self.fates.number(pid, life.number, at);
        if number != life.number {
            *life = Life {
                number,
                ..Life::default()
            };
        }
    }

    fn take(&mut self, at: usize, event: &Event) {
        let pid = event.pid.unwrap_or_else(|| self.process_of(event.tid));
        self.turn(pid, at);
        if event.tid == pid
            && let Some(comm) = event.comm
        {
            self.life(pid).comm = Some(comm);
        }
        match &event.what {
            What::Fork { child } => self.turn(*child, at),
            What::Exit if event.tid == pid => {
                self.life(pid).exiting = true;
                self.exit(pid, event.ns);
            }
            What::Exit => {}
            What::Deliver { sig, code, handler } => {
                self.deliver(event, pid, (*sig, *code, *handler));
            }
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
        self.turn(pid, at);
        let zap = self.fate_of(by).zap.filter(|(first, last)| {
            let is_zap_like = sig == SIGKILL && code == verdict::KERNEL && group;
            (*first..=*last).contains(&at) && is_zap_like && pid != by
        });
        if zap.is_some_and(|(first, _)| first == at) {
            self.life(by).exiting = true;
            self.exit(by, event.ns);
        }
        if tid == pid {
            self.life(pid).comm = Some(comm);
        }
        let kind = match zap {
            Some(_) => Kind::Zap,
            None => verdict::kind(Sent {
                sig,
                code,
                group,
                to_itself: by == pid,
                by_exiting: self.lives.get(&by).is_some_and(|life| life.exiting),
            }),
        };
        let fate = self.fate_of(pid);
        let fatal = fate.fatal();
        let life = self.life(pid);
        let target = verdict::Target {
            is_init: fate.zap.is_some(),
            is_dying: life.exiting || fatal.is_some_and(|fatal| fatal.place < at),
            is_dead: fate.end.is_some_and(|(place, _)| place < at),
            is_crashing: kind == Kind::Fault && fatal.is_some_and(|fatal| fatal.sent == Some(at)),
        };
        let (outcome, reason) = verdict::generated(result, sig, target);
        if matches!(outcome, Outcome::Fatal | Outcome::Queued) {
            life.queued.insert(sig, event.ns);
            life.saw_sigterm |= sig == SIGTERM;
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

    fn deliver(&mut self, event: &Event, pid: u32, what: (u32, i32, u64)) {
        let (sig, code, handler) = what;
        let (outcome, reason) = verdict::delivered(sig, code, handler, self.is_init(pid));
        let when = self.when(event.ns);
        let generated = self.life(pid).queued.remove(&sig);
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
}
