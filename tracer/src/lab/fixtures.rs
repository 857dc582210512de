//! Canned records for the tests of this module.

use super::cast::{Cast, Identity};
use crate::decide::{Outcome, Reason, sender::Kind};
use crate::record::{
    Comm, Container, ContainerRef, Deliver, Process, Record, Relation, Runtime, Scope, Sender,
    Signal, SignalId, Target, Timestamp, TraceResult, When, Zap, ZapPhase, ZapSource, ZapVictim,
};

const NS: u32 = 4_026_532_281;

/// Seconds after midnight of a day in 2026, UTC.
pub fn when(millis: u64) -> When {
    When {
        ts: Timestamp(1_795_356_187_221_000_000 + millis * 1_000_000),
        mono_ns: 5_000_000_000 + millis * 1_000_000,
    }
}

fn container() -> ContainerRef {
    ContainerRef(std::sync::Arc::new(Container {
        id: None,
        name: format!("pidns-{NS}"),
        runtime: Runtime::Unknown,
        image: None,
        pod: None,
        pod_namespace: None,
        cgroup: None,
        pid_ns: NS,
        init_pid: Some(31_150),
        init_comm: Some(Comm::from("init.sh")),
    }))
}

/// A process: number 0 is one of the host.
pub fn process(name: &str, ns_pid: u32) -> Process {
    let inside = ns_pid != 0;
    let pid = 31_149 + ns_pid;
    Process {
        pid: Some(pid),
        tid: Some(pid),
        ns_pid: Some(if inside { ns_pid } else { pid }),
        pid_ns: Some(if inside { NS } else { 4_026_531_836 }),
        ns_level: Some(inside.into()),
        comm: Some(Comm::from(name)),
        uid: Some(0),
        start_ns: Some(1_000_000_000 + u64::from(ns_pid) * 10_000_000),
        container: inside.then(container),
        ..Process::NONE
    }
}

/// The actors that [`process`] makes.
pub fn cast(actors: &[(&'static str, u32)]) -> Cast {
    let mut cast = Cast::default();
    for (name, ns_pid) in actors {
        let process = process(name, *ns_pid);
        cast.add(
            name,
            Identity {
                pid_ns: process.pid_ns.unwrap_or(0).into(),
                ns_pid: process.ns_pid.unwrap_or(0) as i32,
                start_ticks: process.start_ns.unwrap_or(0) / 10_000_000,
            },
        );
    }
    cast
}

fn signal_id(number: u32) -> SignalId {
    SignalId {
        number,
        name: crate::decide::names::signal(number).into(),
        code: 0,
        code_name: "SI_USER".into(),
    }
}

fn target(process: Process) -> Target {
    Target {
        is_init: process.ns_pid == Some(1),
        process,
        is_global_init: false,
        unkillable: true,
        disposition: None,
        blocked: Some(false),
        sigwait: Some(false),
        ptraced: false,
        exiting: false,
        frozen: Some(false),
        sigterm_disposition: None,
    }
}

/// A signal between two processes.
pub fn signal(
    millis: u64,
    number: u32,
    from: Process,
    to: Process,
    decision: (Outcome, Reason),
    explanation: &'static str,
) -> Record {
    Record::Signal(Box::new(Signal {
        when: when(millis),
        signal: signal_id(number),
        sender: Sender {
            kind: Kind::Process,
            process: from,
            ancestors: Vec::new(),
            role: None,
            role_words: None,
            injected: false,
        },
        target: target(to),
        scope: Scope::Process,
        relation: Relation::Same,
        forced: false,
        result: TraceResult::Ignored,
        outcome: decision.0,
        reason: decision.1,
        rule: "sig_task_ignored/unkillable".into(),
        explanation: explanation.into(),
        path: Vec::new(),
    }))
}

/// A signal that left the queue.
pub fn deliver(millis: u64, number: u32, to: Process, decision: (Outcome, Reason)) -> Record {
    Record::Deliver(Box::new(Deliver {
        when: when(millis),
        signal: signal_id(number),
        target: target(to),
        outcome: decision.0,
        reason: decision.1,
        rule: "get_signal/handler".into(),
        explanation: "the handler of PID 1 for SIGTERM runs".into(),
        latency_ns: Some(41_000),
        generated_mono_ns: None,
        path: Vec::new(),
    }))
}

/// The begin of a namespace's end.
pub fn zap(millis: u64, init: Process, victims: &[Process]) -> Record {
    Record::Zap(Box::new(Zap {
        when: when(millis),
        phase: ZapPhase::Begin,
        container: init.container.clone(),
        init,
        source: ZapSource::Fentry,
        killed: Some(
            victims
                .iter()
                .map(|process| ZapVictim {
                    process: process.clone(),
                    had_sigterm_handler: Some(true),
                    saw_sigterm: Some(false),
                })
                .collect(),
        ),
        duration_ns: None,
    }))
}
