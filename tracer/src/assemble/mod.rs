//! Facts in, records out.
//!
//! Joins each fact with the decision about it and with the little that must be
//! remembered between facts: who is dying already, whom the OOM killer named,
//! when a signal was generated, which PID namespaces are ending. Pure and of
//! bounded memory; facts must come in the order of their times.
//!
//! Not here: names from runtimes, episodes, diagnoses, and whether anybody
//! wants to see a record.

mod awaited;
pub(crate) mod bounded;
mod containers;
mod people;
mod signal;
#[cfg(test)]
mod tests;
mod zaps;

use tracer_common::facts::{self, zap};

use crate::{
    container::{Registry, Wanted},
    decide::{self, situation},
    decode::Fact,
    record::{self, ContainerRef, Record, Timestamp, When, ZapPhase, ZapSource},
};
use awaited::Awaited;
use bounded::Bounded;
use containers::Containers;
pub(crate) use containers::Whose;
pub(crate) use signal::{path, signal_id};
use zaps::Zaps;

/// Processes whose death is remembered, signals whose delivery is awaited, and
/// the like: each map holds this many.
const REMEMBERED: usize = 65_536;

/// How far apart the OOM killer's SIGKILL and its naming of the victim may be, in ns.
const OOM_WINDOW_NS: u64 = 1_000_000_000;

/// A process by host pid and start time.
type ProcessKey = (u32, u64);

/// What the facts cannot say by themselves.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// `CLOCK_REALTIME - CLOCK_BOOTTIME`, in ns, to begin with.
    pub clock_offset_ns: i64,
    /// Keep the path through the kernel's tests.
    pub walk: bool,
    /// A frozen task shows in its state ([`crate::kernel::offsets`]).
    pub frozen_in_state: bool,
    /// The freezers' state could be read at all.
    pub frozen_known: bool,
    /// Credentials could be read.
    pub uid_known: bool,
    /// SIGTERMs are recorded, so that "saw no SIGTERM" can be said.
    pub sees_sigterm: bool,
    /// How the end of a PID namespace is seen.
    pub zap_source: ZapSource,
    /// The number in `/proc/cgroups` of the v1 hierarchy that names containers.
    pub v1_hierarchy: Option<u32>,
    /// Somebody answers the registry's questions.
    pub names: bool,
}

/// Turns facts into records.
#[derive(Debug)]
pub struct Assembler {
    options: Options,
    containers: Containers,
    /// The containers of which every signal is seen; empty: all.
    seen_whole: Wanted,
    zaps: Zaps,
    /// Processes that a signal has begun to end, or that have ended.
    dying: Bounded<ProcessKey, ()>,
    /// Victims of the OOM killer, by host pid, with the time.
    oom: Bounded<u32, u64>,
    awaited: Awaited,
    /// Processes that a SIGTERM has reached.
    saw_sigterm: Bounded<ProcessKey, ()>,
    /// Processes whose exit was told.
    exited: Bounded<ProcessKey, ()>,
}

impl Assembler {
    /// An assembler that has seen nothing yet.
    pub fn new(options: Options) -> Self {
        Self {
            options,
            containers: Containers::new(options.v1_hierarchy, options.names),
            seen_whole: Wanted::default(),
            zaps: Zaps::new(),
            dying: Bounded::new(REMEMBERED),
            oom: Bounded::new(1_024),
            awaited: Awaited::new(),
            saw_sigterm: Bounded::new(REMEMBERED),
            exited: Bounded::new(REMEMBERED),
        }
    }

    /// The time of a record.
    pub fn when(&self, mono_ns: u64) -> When {
        When {
            ts: Timestamp(mono_ns.saturating_add_signed(self.options.clock_offset_ns)),
            mono_ns,
        }
    }

    /// `CLOCK_REALTIME - CLOCK_BOOTTIME` in ns from here on: the wall clock may
    /// be set at any time. What is ordered or measured goes by `mono_ns`.
    pub fn set_clock_offset(&mut self, ns: i64) {
        self.options.clock_offset_ns = ns;
    }

    /// What is known of containers by name, for whoever answers its questions.
    pub fn registry(&mut self) -> &mut Registry {
        self.containers.registry()
    }

    /// The container of a process as far as it is known, and whether that is
    /// final. What is unknown is then asked for.
    pub(crate) fn judge(&mut self, whose: Whose<'_>) -> (Option<ContainerRef>, bool) {
        self.containers.judge(whose)
    }

    /// Tells that only these containers' signals are seen whole, so that of others
    /// nothing is said that rests on a signal's absence.
    pub(crate) fn narrow(&mut self, seen_whole: Wanted) {
        self.seen_whole = seen_whole;
    }

    /// Looks at a fact before its turn: the OOM killer names its victim a
    /// moment after it has sent the SIGKILL.
    pub fn foresee(&mut self, fact: &Fact) {
        if let Fact::Oom(oom) = fact {
            self.oom.insert(oom.tgid, oom.header.ts);
        }
    }

    /// Takes a fact and appends what is to be told.
    pub fn take(&mut self, fact: &Fact, out: &mut Vec<Record>) {
        match fact {
            Fact::Signal(core) => self.signal(core, None, out),
            Fact::SignalFull(full) => self.signal(&full.core, Some(full), out),
            Fact::Deliver(core) => self.deliver(core, None, out),
            Fact::DeliverFull(full) => self.deliver(&full.core, Some(full), out),
            Fact::Exit(exit) => self.exit(exit, out),
            Fact::Zap(zap) => self.zap(zap, out),
            // Told with the SIGKILL.
            Fact::Oom(_) => {}
            Fact::CgroupMkdir(made) => self.containers.cgroup_made(made),
            Fact::CgroupRmdir(gone) => self.containers.cgroup_gone(gone),
        }
    }

    fn exit(&mut self, exit: &facts::Exit, out: &mut Vec<Record>) {
        let key = (exit.task.tgid, exit.task.start);
        self.dying.insert(key, ());
        // Where the kernel does not say which thread is the last, two may seem so.
        if self.exited.contains(&key) {
            return;
        }
        self.exited.insert(key, ());
        // As wait(2) sees it: the group's code where the group was ended as one.
        let status = if exit.signal_flags & situation::SIGNAL_GROUP_EXIT != 0 {
            exit.group_exit_code
        } else {
            exit.exit_code
        };
        let signal = status & 0x7f;
        let container = self.containers.of(Whose {
            task: &exit.task,
            levels: &exit.pid,
            cgroups: Some(&exit.cgroups),
            reaper: Some(&exit.reaper),
            now: exit.header.ts,
        });
        out.push(Record::Exit(Box::new(record::Exit {
            when: self.when(exit.header.ts),
            process: people::process(
                &exit.task,
                &exit.pid,
                Some(&exit.cgroups),
                container.clone(),
                self.options.uid_known,
            ),
            exit_code: (signal == 0).then_some(status >> 8 & 0xff),
            signal: (signal != 0).then(|| record::SignalName {
                number: signal,
                name: decide::names::signal(signal).into(),
            }),
            core_dumped: signal != 0 && status & 0x80 != 0,
            is_init: people::is_ns_init(&exit.pid),
            container,
        })));
    }

    fn zap(&mut self, fact: &facts::Zap, out: &mut Vec<Record>) {
        let key = (fact.init.tgid, fact.init.start);
        let ts = fact.header.ts;
        match fact.phase {
            zap::ENTER | zap::WAIT => {
                let container = self
                    .containers
                    .of_init(&fact.pid, &fact.init, &fact.cgroups, ts);
                self.containers.ended(&fact.pid, &fact.init, ts);
                let init = people::process(
                    &fact.init,
                    &fact.pid,
                    Some(&fact.cgroups),
                    container.clone(),
                    self.options.uid_known,
                );
                let when = self.when(ts);
                let Some(state) = self.zaps.entry(key, ts) else {
                    return;
                };
                state.init = Some(init.clone());
                state.container.clone_from(&container);
                // At the entry the SIGKILLs are still to come.
                if fact.phase == zap::WAIT && !state.told {
                    state.told = true;
                    out.push(Record::Zap(Box::new(record::Zap {
                        when,
                        phase: ZapPhase::Begin,
                        container,
                        init,
                        source: self.options.zap_source,
                        killed: Some(std::mem::take(&mut state.killed)),
                        duration_ns: None,
                    })));
                }
            }
            _ => self.zap_ends(key, ts, out),
        }
    }

    /// Tells the end of a zap, once.
    fn zap_ends(&mut self, key: zaps::InitKey, ts: u64, out: &mut Vec<Record>) {
        let Some(zap) = self.zaps.end(key) else {
            return;
        };
        let Some(init) = zap.init else { return };
        out.push(Record::Zap(Box::new(record::Zap {
            when: self.when(ts),
            phase: ZapPhase::End,
            container: zap.container,
            init,
            source: self.options.zap_source,
            killed: None,
            duration_ns: Some(ts.saturating_sub(zap.began_ns)),
        })));
    }

    fn is_oom_victim(&self, tgid: u32, ts: u64) -> bool {
        self.oom
            .get(&tgid)
            .is_some_and(|marked| marked.abs_diff(ts) < OOM_WINDOW_NS)
    }
}
