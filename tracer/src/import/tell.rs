//! The records themselves: what is known now, in their form. All else is null.

use std::mem;

use super::infer::Making;
use super::{Format, verdict};
use crate::{
    decide::names,
    record::{
        Comm, Exit, Loss, Process, Record, SignalId, SignalName, Start, Target, Timestamp, When,
        Zap, ZapPhase, ZapSource, ZapVictim,
    },
};

impl Making<'_> {
    pub(super) fn when(&self, ns: u64) -> When {
        let boot = self.boot.map_or(0, |boot| boot.0);
        When {
            ts: Timestamp(boot.saturating_add(ns)),
            mono_ns: ns,
        }
    }

    pub(super) fn start(&mut self, ns: u64, format: Format) {
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

    pub(super) fn loss(&mut self, ns: u64, lost: u64) {
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

    pub(super) fn named(&self, pid: u32, tid: u32, comm: Option<Comm>) -> Process {
        let life = self.lives.get(&pid);
        Process {
            pid: Some(pid),
            tid: Some(tid),
            // The init of a namespace is 1 in it.
            ns_pid: self.is_init(pid).then_some(1),
            comm: comm.or_else(|| life.and_then(|life| life.comm)),
            start_ns: self.fate_of(pid).forked,
            ..Process::NONE
        }
    }

    pub(super) fn target(&self, pid: u32, tid: u32, comm: Option<Comm>) -> Target {
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

    /// A process ends, once.
    pub(super) fn exit(&mut self, pid: u32, ns: u64) {
        let fate = self.fate_of(pid);
        if mem::replace(&mut self.life(pid).exit_told, true) {
            return;
        }
        let by_signal = fate.fatal().filter(|_| !fate.has_exited());
        // No record can say that some signal has ended it. The end of the namespace says
        // as much for an init; another process, of which nothing else would tell, is let
        // end without a code.
        if by_signal.is_none() && fate.was_killed() && fate.zap.is_some() {
            return;
        }
        let signal = by_signal.map(|fatal| SignalName {
            number: fatal.sig,
            name: names::signal(fatal.sig).into(),
        });
        let exit = Exit {
            when: self.when(ns),
            process: self.named(pid, pid, None),
            exit_code: None,
            signal,
            core_dumped: fate.end.is_some_and(|(_, code)| code == verdict::DUMPED),
            is_init: fate.zap.is_some(),
            container: None,
        };
        self.out.push(Record::Exit(Box::new(exit)));
    }

    /// Its parent is told of its end: if it was an init, its namespace is gone.
    pub(super) fn ended(&mut self, pid: u32, ns: u64) {
        self.exit(pid, ns);
        let Some((first, _)) = self.fate_of(pid).zap else {
            return;
        };
        let began = self.events[first].ns;
        self.zap(pid, ns, ZapPhase::End, None, Some(ns.saturating_sub(began)));
    }

    pub(super) fn victim(&mut self, init: u32, pid: u32, comm: Comm, is_last: bool, ns: u64) {
        let process = self.named(pid, pid, Some(comm));
        let saw_sigterm = self.life(pid).saw_sigterm;
        // Before its fork it was nobody; else it may have been before the text begins.
        let is_whole = self.fate_of(pid).forked.is_some();
        let victim = ZapVictim {
            process,
            had_sigterm_handler: None,
            saw_sigterm: (saw_sigterm || is_whole).then_some(saw_sigterm),
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

pub(super) fn id(sig: u32, code: i32) -> SignalId {
    SignalId {
        number: sig,
        name: names::signal(sig).into(),
        code,
        code_name: names::code(sig, code),
    }
}
