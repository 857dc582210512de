//! What a signal's record takes from the facts before it.

use tracer_common::{
    facts::{bits, handler, info},
    signals::{SIGKILL, SIGTERM},
};

use super::build::*;
use crate::{
    decide::{Outcome, Reason, sender::Kind},
    record::{Disposition, Relation, Scope, TraceResult},
};

const USR1: u32 = 10;
/// `TRACE_SIGNAL_IGNORED`
const IGNORED: u8 = 1;

#[test]
fn a_signal_says_who_to_whom_and_where() {
    let mut teller = Teller::new();
    let mut fact = sent(50, SIGTERM, SHELL, INIT);
    fact.core.result = IGNORED;
    fact.ancestors[0].tgid = 400;
    let record = teller.signal(fact);
    assert_eq!(
        (record.outcome, record.reason),
        (Outcome::Dropped, Reason::UnkillableInit)
    );
    assert_eq!(
        (record.result, record.scope),
        (TraceResult::Ignored, Scope::Process)
    );
    assert_eq!(record.relation, Relation::Ancestor);
    assert_eq!((record.when.mono_ns, record.when.ts.0), (50, 1_050));
    assert_eq!(record.signal.name, "SIGTERM");
    let target = &record.target;
    assert!(target.is_init && target.unkillable && !target.exiting);
    assert_eq!(target.disposition, Some(Disposition::Default));
    assert_eq!(
        (target.process.pid, target.process.ns_pid),
        (Some(1000), Some(1))
    );
    assert_eq!(target.process.ns_pids.as_deref(), Some(&[1000, 1][..]));
    let container = target.process.container.as_ref().expect("a container");
    assert_eq!(container.name, format!("pidns-{INODE}"));
    assert_eq!(container.init_pid, Some(1000));
    assert_eq!(record.sender.kind, Kind::Process);
    assert_eq!(record.sender.process.pid, Some(500));
    assert!(record.sender.process.container.is_none());
    // Unknown generations end the list.
    assert_eq!(record.sender.ancestors.len(), 1);
}

#[test]
fn a_host_process_s_slim_record_has_no_container() {
    let mut teller = Teller::new();
    let core = sent(1, USR1, SHELL, SHELL).core;
    assert_eq!(teller.take(crate::decode::Fact::Signal(core)), 1);
    let crate::record::Record::Signal(record) = &teller.records[0] else {
        panic!("no signal");
    };
    assert_eq!(record.relation, Relation::Same);
    assert!(record.target.process.container.is_none());
    assert_eq!(record.target.process.ns_level, Some(0));
    assert_eq!(record.target.process.ns_pid, Some(500));
}

#[test]
fn death_is_remembered_across_facts() {
    let mut teller = Teller::new();
    let first = teller.signal(fatal(1, SIGKILL, SHELL, WORKER));
    assert_eq!(first.outcome, Outcome::Fatal);
    // The same flags again: without memory this would look like the beginning.
    let mut second = fatal(2, SIGKILL, SHELL, WORKER);
    second.core.result = IGNORED;
    let second = teller.signal(second);
    assert_eq!(
        (second.outcome, second.reason),
        (Outcome::Dropped, Reason::TargetExiting)
    );
    assert!(second.target.exiting);
    // A process of the same number that started later is another one.
    let mut heir = fatal(3, SIGKILL, SHELL, WORKER);
    heir.core.target.start += 1;
    assert_eq!(teller.signal(heir).outcome, Outcome::Fatal);
}

#[test]
fn who_has_exited_is_dying_too() {
    let mut teller = Teller::new();
    teller.exit(exited(1, WORKER, 0));
    let mut late = sent(2, USR1, SHELL, WORKER);
    late.core.result = IGNORED;
    assert_eq!(teller.signal(late).reason, Reason::TargetExiting);
}

#[test]
fn the_oom_killer_is_named_although_it_speaks_later() {
    let mut teller = Teller::new();
    let kill = |ts, victim| {
        let mut fact = fatal(ts, SIGKILL, SHELL, victim);
        fact.core.info = info::PRIV;
        fact.core.code = 0x80;
        fact
    };
    teller.assembler.foresee(&oom(5_000, WORKER));
    let record = teller.signal(kill(4_000, WORKER));
    assert_eq!(record.sender.kind, Kind::Oom);
    assert_eq!(
        record.sender.process.pid, None,
        "whoever ran out is not the sender"
    );
    assert_eq!(record.relation, Relation::Kernel);
    assert_eq!(teller.take(oom(5_000, WORKER)), 0, "told with the SIGKILL");
    // Not everybody's SIGKILL, and not forever.
    assert_ne!(teller.signal(kill(4_100, HELPER)).sender.kind, Kind::Oom);
    let mut teller = Teller::new();
    teller.assembler.foresee(&oom(5_000, WORKER));
    let later = teller.signal(kill(2_000_000_000, WORKER));
    assert_ne!(later.sender.kind, Kind::Oom);
}

#[test]
fn a_delivery_knows_how_long_the_signal_waited() {
    let mut teller = Teller::new();
    let mut fact = sent(100, USR1, SHELL, WORKER);
    fact.core.handler = handler::FUNCTION;
    assert_eq!(teller.signal(fact).outcome, Outcome::Queued);
    let record = teller.deliver(taken(350, USR1, WORKER));
    assert_eq!(
        (record.latency_ns, record.generated_mono_ns),
        (Some(250), Some(100))
    );
    assert_eq!(record.outcome, Outcome::Handled);
    // It was one signal: a second delivery has no first half.
    let record = teller.deliver(taken(400, USR1, WORKER));
    assert_eq!((record.latency_ns, record.generated_mono_ns), (None, None));
}

#[test]
fn a_dropped_signal_is_not_awaited() {
    let mut teller = Teller::new();
    let mut fact = sent(100, USR1, SHELL, WORKER);
    fact.core.handler = handler::IGNORE;
    fact.core.result = IGNORED;
    assert_eq!(teller.signal(fact).reason, Reason::Ignored);
    assert_eq!(teller.deliver(taken(200, USR1, WORKER)).latency_ns, None);
}

#[test]
fn what_passed_no_filter_is_remembered_and_not_told() {
    let mut teller = Teller::new();
    let mut fact = zapped(1, WORKER);
    fact.core.bits |= bits::BYPASS;
    assert_eq!(teller.take(fact), 0);
    let mut late = sent(2, USR1, SHELL, WORKER);
    late.core.result = IGNORED;
    assert_eq!(teller.signal(late).reason, Reason::TargetExiting);
}

#[test]
fn the_path_is_kept_only_where_it_is_wanted() {
    let fact = sent(1, SIGTERM, SHELL, WORKER);
    assert!(Teller::new().signal(fact).path.is_empty());
    let verbose = crate::assemble::Options {
        walk: true,
        ..OPTIONS
    };
    assert!(!Teller::with(verbose).signal(fact).path.is_empty());
}

#[test]
fn what_the_kernel_does_not_show_is_null() {
    let blind = crate::assemble::Options {
        uid_known: false,
        frozen_known: false,
        ..OPTIONS
    };
    let mut fact = sent(1, USR1, SHELL, WORKER);
    fact.core.handler = handler::UNKNOWN;
    fact.core.result = IGNORED;
    let record = Teller::with(blind).signal(fact);
    assert_eq!(record.target.process.uid, None);
    assert_eq!(record.target.frozen, None);
    assert_eq!(record.target.disposition, None);
}

#[test]
fn a_container_keeps_its_name_and_learns_its_init() {
    let mut teller = Teller::new();
    // A zap fact names no reaper: the container is known by its inode alone.
    let mut fact = sent(1, USR1, SHELL, WORKER);
    fact.reaper = Default::default();
    let record = teller.signal(fact);
    let container = record.target.process.container.expect("a container");
    assert_eq!((container.pid_ns, container.init_comm), (INODE, None));
    let record = teller.signal(sent(2, USR1, SHELL, WORKER));
    let container = record.target.process.container.expect("a container");
    assert_eq!(
        container.init_comm.map(|comm| comm.as_str().into_owned()),
        Some("init.sh".to_owned())
    );
}

#[test]
fn the_time_of_day_follows_the_clock() {
    let mut teller = Teller::new();
    let record = teller.signal(sent(50, USR1, SHELL, WORKER));
    assert_eq!((record.when.mono_ns, record.when.ts.0), (50, 1_050));
    teller.assembler.set_clock_offset(-10);
    let record = teller.signal(sent(60, USR1, SHELL, WORKER));
    assert_eq!((record.when.mono_ns, record.when.ts.0), (60, 50));
}

/// `TRACE_SIGNAL_ALREADY_PENDING`
const PENDING: u8 = 2;
/// `TRACE_SIGNAL_OVERFLOW_FAIL`
const NO_ROOM: u8 = 3;

#[test]
fn a_second_one_does_not_begin_the_wait_anew() {
    let mut teller = Teller::new();
    let blocked = |ts| {
        let mut fact = sent(ts, SIGTERM, SHELL, WORKER);
        fact.core.handler = handler::FUNCTION;
        fact.core.bits |= bits::BLOCKED;
        fact
    };
    assert_eq!(teller.signal(blocked(0)).outcome, Outcome::Queued);
    let mut again = blocked(9_000);
    again.core.result = PENDING;
    assert_eq!(teller.signal(again).outcome, Outcome::Coalesced);
    let record = teller.deliver(taken(10_000, SIGTERM, WORKER));
    assert_eq!(record.latency_ns, Some(10_000));
}

#[test]
fn who_was_brought_in_from_outside_has_a_parent_there() {
    let mut teller = Teller::new();
    let mut sent_by = |from, parent_nr| {
        let mut fact = sent(5, SIGTERM, from, WORKER);
        fact.parent_nr = parent_nr;
        teller.signal(fact).sender
    };
    let injected = sent_by(HELPER, 0);
    assert!(injected.injected);
    assert_eq!(injected.role.as_deref(), Some("exec"));
    assert!(!sent_by(HELPER, 1).injected);
    assert!(!sent_by(HELPER, u32::MAX).injected, "unknown");
    assert!(
        !sent_by(INIT, 0).injected,
        "an init's parent is always outside"
    );
    assert!(!sent_by(SHELL, 0).injected, "the host has no outside");
}

#[test]
fn a_refused_signal_names_both_ends_and_forces_nothing() {
    let mut teller = Teller::new();
    let mut fact = sent(5, SIGTERM, SHELL, WORKER);
    fact.core.handler = handler::FUNCTION;
    fact.core.result = tracer_common::facts::result::REFUSED | 13;
    let record = teller.signal(fact);
    assert_eq!(
        (record.outcome, record.reason),
        (Outcome::Failed, Reason::PermissionDenied)
    );
    assert_eq!(record.result, TraceResult::Refused);
    assert_eq!(record.rule, "check_kill_permission/EACCES");
    assert!(!record.forced);
    assert_eq!(record.sender.process.pid, Some(SHELL.tgid));
    assert_eq!(record.target.process.pid, Some(WORKER.tgid));
    assert_eq!(teller.deliver(taken(9, SIGTERM, WORKER)).latency_ns, None);
}

#[test]
fn a_signal_that_failed_has_not_reached_anybody() {
    let mut teller = Teller::new();
    let mut fact = sent(5, 34, SHELL, WORKER);
    fact.core.handler = handler::FUNCTION;
    fact.core.code = -1;
    fact.core.result = NO_ROOM;
    assert_eq!(teller.signal(fact).outcome, Outcome::Failed);
    assert_eq!(teller.deliver(taken(9, 34, WORKER)).latency_ns, None);
}
