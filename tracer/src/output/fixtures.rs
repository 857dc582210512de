//! Records for the tests of the sinks: one of each kind at least, and hostile
//! ones.

pub mod dice;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::decide::{Outcome, Reason, sender::Kind};
use crate::record::*;

/// 2026-11-22T14:03:07.221Z, and a little more for each step.
pub fn when(step: u64) -> When {
    When {
        ts: Timestamp(1_795_356_187_221_000_000 + step * 1_000_000),
        mono_ns: 2_345_678_901_234 + step * 1_000_000,
    }
}

pub fn container(name: &str, pid_ns: u32, init: &str) -> ContainerRef {
    ContainerRef(Arc::new(Container {
        id: None,
        name: name.to_owned(),
        runtime: Runtime::Unknown,
        image: None,
        pod: None,
        pod_namespace: None,
        cgroup: Some("/lab/one".to_owned()),
        pid_ns,
        init_pid: Some(31150),
        init_comm: Some(init.into()),
    }))
}

pub fn lab() -> ContainerRef {
    container("pidns-4026532281", 4_026_532_281, "init.sh")
}

/// A process in a container.
pub fn inside(container: &ContainerRef, comm: &str, ns_pid: u32, pid: u32) -> Process {
    Process {
        ns_pid: Some(ns_pid),
        pid_ns: Some(container.pid_ns),
        ns_level: Some(1),
        container: Some(container.clone()),
        ns_pids: Some(vec![pid, ns_pid]),
        ..outside(comm, pid)
    }
}

/// A process of the host.
pub fn outside(comm: &str, pid: u32) -> Process {
    Process {
        pid: Some(pid),
        tid: Some(pid),
        ns_pid: Some(pid),
        pid_ns: Some(4_026_531_836),
        ns_level: Some(0),
        comm: Some(comm.into()),
        uid: Some(1000),
        start_ns: Some(2_345_000_000_000),
        cgroup_id: Some(4242),
        ..Process::NONE
    }
}

pub fn target(process: Process) -> Target {
    Target {
        is_init: process.ns_pid == Some(1) && process.ns_level > Some(0),
        is_global_init: false,
        unkillable: process.ns_pid == Some(1),
        process,
        disposition: Some(Disposition::Default),
        blocked: Some(false),
        sigwait: Some(false),
        ptraced: false,
        exiting: false,
        frozen: None,
        sigterm_disposition: None,
    }
}

pub fn sender(kind: Kind, process: Process) -> Sender {
    Sender {
        kind,
        process,
        ancestors: Vec::new(),
        role: None,
        role_words: None,
        injected: false,
    }
}

pub fn sigterm() -> SignalId {
    SignalId {
        number: 15,
        name: "SIGTERM".into(),
        code: 0,
        code_name: "SI_USER".into(),
    }
}

/// The signal of the README: SIGTERM to an init that has no handler.
pub fn dropped() -> Signal {
    let lab = lab();
    Signal {
        when: when(0),
        signal: sigterm(),
        sender: sender(Kind::Process, inside(&lab, "bash", 22, 31207)),
        target: target(inside(&lab, "init.sh", 1, 31150)),
        scope: Scope::Process,
        relation: Relation::Same,
        forced: false,
        result: TraceResult::Ignored,
        outcome: Outcome::Dropped,
        reason: Reason::UnkillableInit,
        rule: "sig_task_ignored/unkillable".into(),
        explanation: "PID 1 has no SIGTERM handler, and the kernel protects a namespace's init from signals it does not handle".into(),
        path: Vec::new(),
    }
}

pub fn deliver() -> Deliver {
    Deliver {
        when: when(5),
        signal: sigterm(),
        target: target(inside(&lab(), "init.sh", 1, 31150)),
        outcome: Outcome::Dropped,
        reason: Reason::UnkillableInitAtDequeue,
        rule: "get_signal/unkillable".into(),
        explanation: "SIGTERM was queued, but when PID 1 took it there was no handler for it: the kernel protects a namespace's init and dropped it there".into(),
        latency_ns: Some(1_234_567),
        generated_mono_ns: Some(2_345_677_000_000),
        path: path(),
    }
}

pub fn path() -> Vec<PathStep> {
    vec![
        PathStep {
            function: "prepare_signal".into(),
            test: "signal->flags & SIGNAL_GROUP_EXIT".into(),
            holds: false,
            values: "signal->flags = 0x40".to_owned(),
        },
        PathStep {
            function: "sig_task_ignored".into(),
            test: "signal->flags & SIGNAL_UNKILLABLE".into(),
            holds: true,
            values: String::new(),
        },
    ]
}

pub fn zap_begin() -> Zap {
    let lab = lab();
    let victim = |comm: &str, ns_pid, had, saw| ZapVictim {
        process: inside(&lab, comm, ns_pid, 31150 + ns_pid),
        had_sigterm_handler: had,
        saw_sigterm: saw,
    };
    Zap {
        when: when(6),
        phase: ZapPhase::Begin,
        container: Some(lab.clone()),
        init: inside(&lab, "init.sh", 1, 31150),
        source: ZapSource::Fentry,
        killed: Some(vec![
            victim("postgres", 7, Some(true), Some(false)),
            victim("worker", 8, Some(true), Some(false)),
            victim("sleep", 9, Some(false), Some(false)),
            victim("nginx", 10, Some(true), Some(true)),
            victim("new", 11, None, None),
        ]),
        duration_ns: None,
    }
}

pub fn zap_end() -> Zap {
    Zap {
        when: when(9),
        phase: ZapPhase::End,
        source: ZapSource::Inferred,
        killed: None,
        duration_ns: Some(3_210_000),
        ..zap_begin()
    }
}

pub fn exit() -> Exit {
    Exit {
        when: when(7),
        process: inside(&lab(), "init.sh", 1, 31150),
        exit_code: Some(143),
        signal: None,
        core_dumped: false,
        is_init: true,
        container: Some(lab()),
    }
}

pub fn episode() -> Episode {
    let victims = zap_begin().killed.unwrap_or_default();
    Episode {
        when: when(9),
        id: "31150-2345000000000-2345678901234".to_owned(),
        container: Some(lab()),
        init: inside(&lab(), "init.sh", 1, 31150),
        state: EpisodeState::Closed,
        ending: Ending::Killed,
        ungraceful: true,
        began: when(0),
        ended: Some(when(8)),
        stop_signal: Some(SignalName {
            number: 15,
            name: "SIGTERM".into(),
        }),
        stop_sender: Some(dropped().sender),
        grace_ns: Some(10_000_000_000),
        kill_sender: Some(sender(Kind::Process, outside("runc", 900))),
        exit_code: Some(137),
        killed_by_zap_total: Some(victims.len() as u64),
        killed_by_zap: Some(victims),
        zap_ns: Some(3_210_000),
        summary: "web stopped ungracefully".to_owned(),
        diagnoses: vec![Diagnosis {
            id: "SIG_BLOCKED".into(),
            summary: "SIGTERM waits in the queue of PID 1".to_owned(),
            evidence: vec![Reference {
                mono_ns: when(0).mono_ns,
                record: Referred::Signal,
            }],
            fix: "Unblock it.".to_owned(),
            complete: false,
            uncertain: Some("nobody knows".to_owned()),
        }],
        timeline: vec![TimelineEntry {
            reference: Reference {
                mono_ns: when(0).mono_ns,
                record: Referred::Signal,
            },
            text: "runc sends SIGTERM".to_owned(),
        }],
        timeline_omitted: 2,
        complete: false,
        unknown: vec!["nobody knows".to_owned()],
    }
}

pub fn loss() -> Loss {
    Loss {
        when: when(8),
        kernel_seen: 4012,
        filtered: 10,
        submitted: 3990,
        ring_full: 12,
        received: 3990,
    }
}

pub fn start() -> Start {
    Start {
        when: when(0),
        version: "0.1.0".to_owned(),
        kernel: "6.18.5".to_owned(),
        hooks: BTreeMap::from([
            ("signal_generate".into(), Some("tp_btf".into())),
            ("zap".into(), Some("inferred".into())),
            ("oom".into(), None),
        ]),
        refused: BTreeMap::from([("zap".into(), vec!["fentry: no trampolines".to_owned()])]),
        lost_abilities: BTreeMap::from([(
            "frozen_v2".into(),
            vec!["task_struct.jobctl".to_owned()],
        )]),
        filters: vec!["--container web".to_owned()],
        host: "node-1".to_owned(),
        boot_id: Some("7d2f6c50-0000-4000-8000-000000000000".to_owned()),
        clock_offset_ns: 1_795_353_841_542_098_766,
        flight_recorder: None,
        imported: None,
    }
}

pub fn preroll() -> Preroll {
    Preroll {
        when: when(9),
        occasion: "episode".into(),
        episode: Some("31150-2000000000000-2345678000000".to_owned()),
        container: Some(lab()),
        since: when(1),
        records: 23,
        forgotten: 4,
        whole: false,
    }
}

pub fn stop() -> Stop {
    let tally = |container: Option<&str>, outcomes: &[(&str, u64)]| Tally {
        container: container.map(str::to_owned),
        outcomes: outcomes
            .iter()
            .map(|(o, n)| ((*o).to_owned(), *n))
            .collect(),
    };
    Stop {
        when: when(10),
        signals: vec![
            tally(None, &[("queued", 1200), ("fatal", 3), ("dropped", 40)]),
            tally(Some("pidns-4026532281"), &[("dropped", 2), ("fatal", 1)]),
        ],
        model_disagrees: 1,
        lost: 12,
        undecodable: 0,
    }
}

/// Names that a process or a runtime may choose to do harm.
pub const HOSTILE: [&str; 7] = [
    "\x1b[2J\x1b]0;pwned\x07",
    "txt\u{202e}exe",
    "a\nb",
    "x 1[2] -> y",
    "\"}\\",
    "\u{9b}31m",
    "",
];

/// A signal whose every foreign text is hostile.
pub fn hostile(name: &str) -> Signal {
    let container = container(name, 4_026_532_999, name);
    let mut signal = dropped();
    signal.sender = sender(Kind::Process, inside(&container, name, 22, 31207));
    signal.sender.ancestors = vec![Ancestor {
        pid: 31206,
        comm: name.into(),
    }];
    signal.target = target(inside(&lab(), name, 1, 31150));
    signal.path = vec![PathStep {
        function: "f".into(),
        test: "t".into(),
        holds: true,
        values: name.to_owned(),
    }];
    signal
}

/// One of each kind, the full and the slim.
pub fn all() -> Vec<Record> {
    let mut slim = dropped();
    slim.sender = sender(Kind::Kernel, Process::NONE);
    slim.target.process = outside("sleep", 77);
    slim.target.disposition = None;
    let mut full = dropped();
    full.path = path();
    full.target.process.pid_ns_id = Some(9);
    full.target.process.cgroup_v1_id = Some(8);
    full.sender.ancestors = vec![Ancestor {
        pid: 2,
        comm: "sshd".into(),
    }];
    let mut killed = exit();
    killed.exit_code = None;
    killed.signal = Some(SignalName {
        number: 9,
        name: "SIGKILL".into(),
    });
    let mut unmatched = deliver();
    unmatched.latency_ns = None;
    unmatched.generated_mono_ns = None;
    unmatched.path.clear();
    let mut records: Vec<Record> = [dropped(), slim, full]
        .into_iter()
        .chain(HOSTILE.map(hostile))
        .map(|r| Record::Signal(Box::new(r)))
        .collect();
    records.extend([
        Record::Deliver(Box::new(deliver())),
        Record::Deliver(Box::new(unmatched)),
        Record::Zap(Box::new(zap_begin())),
        Record::Zap(Box::new(zap_end())),
        Record::Exit(Box::new(exit())),
        Record::Exit(Box::new(killed)),
        Record::Episode(Box::new(episode())),
        Record::Loss(loss()),
        Record::Start(Box::new(start())),
        Record::Stop(Box::new(stop())),
        Record::Preroll(Box::new(preroll())),
    ]);
    records
}
