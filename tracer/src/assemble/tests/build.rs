//! Facts as the kernel side would write them, with as little said as a test needs.

use tracer_common::{
    facts::{
        self, DeliverCore, DeliverFull, Header, PidLevels, Reaper, SignalCore, SignalFull, Task,
        handler, info,
    },
    globals::INIT_PID_NS_INUM,
    signals::SIGKILL,
};

use crate::{
    assemble::{Assembler, Options},
    decide::situation::{PF_EXITING, SIGNAL_GROUP_EXIT, SIGNAL_UNKILLABLE},
    decode::Fact,
    record::{Record, ZapSource},
};

/// Inode of the only container here.
pub const INODE: u32 = 4_026_532_200;

pub const OPTIONS: Options = Options {
    clock_offset_ns: 1_000,
    walk: false,
    frozen_in_state: true,
    frozen_known: true,
    uid_known: true,
    sees_sigterm: true,
    zap_source: ZapSource::Inferred,
    v1_hierarchy: None,
    names: true,
};

/// A process of the tests.
#[derive(Debug, Clone, Copy)]
pub struct Who {
    pub tgid: u32,
    /// 0: a process of the host.
    pub nr: u32,
    pub comm: &'static str,
}

pub const SHELL: Who = Who {
    tgid: 500,
    nr: 0,
    comm: "bash",
};
pub const INIT: Who = Who {
    tgid: 1000,
    nr: 1,
    comm: "init.sh",
};
pub const WORKER: Who = Who {
    tgid: 1001,
    nr: 2,
    comm: "worker",
};
pub const HELPER: Who = Who {
    tgid: 1002,
    nr: 3,
    comm: "helper",
};

fn comm(text: &str) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..text.len()].copy_from_slice(text.as_bytes());
    bytes
}

impl Who {
    pub fn task(self) -> Task {
        Task {
            start: u64::from(self.tgid) * 10,
            tgid: self.tgid,
            tid: self.tgid,
            uid: 0,
            flags: 0,
            comm: comm(self.comm),
        }
    }

    pub fn exiting_task(self) -> Task {
        Task {
            flags: PF_EXITING,
            ..self.task()
        }
    }

    pub fn levels(self) -> PidLevels {
        let mut levels = PidLevels {
            nr: self.tgid,
            inum: INIT_PID_NS_INUM,
            ..PidLevels::default()
        };
        levels.nrs[0] = self.tgid;
        levels.inums[0] = INIT_PID_NS_INUM;
        if self.nr > 0 {
            levels.level = 1;
            levels.nr = self.nr;
            levels.inum = INODE;
            levels.nrs[1] = self.nr;
            levels.inums[1] = INODE;
        }
        levels
    }

    fn reaper(self) -> Reaper {
        let init = if self.nr > 0 {
            INIT.task()
        } else {
            Task {
                tgid: 1,
                start: 1,
                comm: comm("systemd"),
                ..Task::default()
            }
        };
        Reaper {
            start: init.start,
            tgid: init.tgid,
            _pad: 0,
            comm: init.comm,
        }
    }
}

pub const fn header(ts: u64) -> Header {
    Header {
        ts,
        kind: 0,
        len: 0,
        cpu: 0,
    }
}

/// kill(2), delivered, with the default disposition; an init is unkillable.
pub fn sent(ts: u64, sig: u32, from: Who, to: Who) -> SignalFull {
    SignalFull {
        core: SignalCore {
            header: header(ts),
            sig: sig as u8,
            info: info::POINTER,
            group: 1,
            target: to.task(),
            sender: from.task(),
            signal_flags: if to.nr == 1 { SIGNAL_UNKILLABLE } else { 0 },
            handler: handler::DEFAULT,
            live: 1,
            ..SignalCore::default()
        },
        target_pid: to.levels(),
        sender_pid: from.levels(),
        reaper: to.reaper(),
        // A sender that the target's namespace does not contain is 0 there.
        parent_nr: 1,
        sender_nr: if to.nr == 0 { from.tgid } else { from.nr },
        ..SignalFull::default()
    }
}

/// A signal that begins the death of its target.
pub fn fatal(ts: u64, sig: u32, from: Who, to: Who) -> SignalFull {
    let mut fact = sent(ts, sig, from, to);
    fact.core.signal_flags = SIGNAL_GROUP_EXIT;
    fact.core.group_exit_code = sig;
    fact
}

/// A SIGKILL of `zap_pid_ns_processes()`.
pub fn zapped(ts: u64, to: Who) -> SignalFull {
    let mut fact = fatal(ts, SIGKILL, INIT, to);
    fact.core.info = info::PRIV;
    fact.core.code = 0x80;
    fact.core.sender = INIT.exiting_task();
    fact
}

pub fn taken(ts: u64, sig: u32, by: Who) -> DeliverFull {
    DeliverFull {
        core: DeliverCore {
            header: header(ts),
            sig: sig as u8,
            info: info::POINTER,
            handler: handler::FUNCTION,
            target: by.task(),
            live: 1,
            ..DeliverCore::default()
        },
        target_pid: by.levels(),
        reaper: by.reaper(),
        ..DeliverFull::default()
    }
}

pub fn exited(ts: u64, who: Who, exit_code: u32) -> facts::Exit {
    facts::Exit {
        header: header(ts),
        task: who.exiting_task(),
        exit_code,
        pid: who.levels(),
        reaper: who.reaper(),
        ..facts::Exit::default()
    }
}

pub fn zap(ts: u64, phase: u32) -> facts::Zap {
    facts::Zap {
        header: header(ts),
        phase,
        init: INIT.exiting_task(),
        pid: INIT.levels(),
        ..facts::Zap::default()
    }
}

pub fn oom(ts: u64, victim: Who) -> Fact {
    Fact::Oom(facts::Oom {
        header: header(ts),
        tgid: victim.tgid,
        _pad: 0,
    })
}

/// What any of the above is as a fact.
pub trait Told {
    fn fact(self) -> Fact;
}

impl Told for SignalFull {
    fn fact(self) -> Fact {
        Fact::SignalFull(Box::new(self))
    }
}

impl Told for DeliverFull {
    fn fact(self) -> Fact {
        Fact::DeliverFull(Box::new(self))
    }
}

impl Told for facts::Exit {
    fn fact(self) -> Fact {
        Fact::Exit(Box::new(self))
    }
}

impl Told for facts::Zap {
    fn fact(self) -> Fact {
        Fact::Zap(Box::new(self))
    }
}

impl Told for Fact {
    fn fact(self) -> Fact {
        self
    }
}

/// An assembler and the records so far.
pub struct Teller {
    pub assembler: Assembler,
    pub records: Vec<Record>,
}

impl Teller {
    pub fn new() -> Self {
        Self::with(OPTIONS)
    }

    pub fn with(options: Options) -> Self {
        Self {
            assembler: Assembler::new(options),
            records: Vec::new(),
        }
    }

    /// Takes a fact; how many records it made.
    pub fn take(&mut self, told: impl Told) -> usize {
        let before = self.records.len();
        self.assembler.take(&told.fact(), &mut self.records);
        self.records.len() - before
    }

    /// Takes a signal and returns its record.
    pub fn signal(&mut self, told: SignalFull) -> crate::record::Signal {
        assert_eq!(self.take(told), 1);
        match self.records.last() {
            Some(Record::Signal(signal)) => (**signal).clone(),
            other => panic!("no signal: {other:?}"),
        }
    }

    pub fn deliver(&mut self, told: DeliverFull) -> crate::record::Deliver {
        assert_eq!(self.take(told), 1);
        match self.records.last() {
            Some(Record::Deliver(deliver)) => (**deliver).clone(),
            other => panic!("no deliver: {other:?}"),
        }
    }

    pub fn exit(&mut self, told: facts::Exit) -> crate::record::Exit {
        assert_eq!(self.take(told), 1);
        match self.records.last() {
            Some(Record::Exit(exit)) => (**exit).clone(),
            other => panic!("no exit: {other:?}"),
        }
    }

    pub fn zaps(&self) -> Vec<&crate::record::Zap> {
        self.records
            .iter()
            .filter_map(|record| match record {
                Record::Zap(zap) => Some(&**zap),
                _ => None,
            })
            .collect()
    }
}
