//! Processes and PID namespaces that end.

use tracer_common::{
    facts::{bits, handler, zap as phase},
    signals::{SIGCHLD, SIGKILL, SIGTERM},
};

use super::build::*;
use crate::{
    assemble::Options,
    decide::{Reason, sender::Kind, situation::SIGNAL_GROUP_EXIT},
    record::{Record, ZapPhase, ZapSource},
};

#[test]
fn exit_codes_as_wait_sees_them() {
    let told = |exit_code, group: Option<u32>| {
        let mut fact = exited(1, WORKER, exit_code);
        if let Some(code) = group {
            fact.signal_flags = SIGNAL_GROUP_EXIT;
            fact.group_exit_code = code;
        }
        let exit = Teller::new().exit(fact);
        (
            exit.exit_code,
            exit.signal.map(|s| s.number),
            exit.core_dumped,
        )
    };
    assert_eq!(told(0, None), (Some(0), None, false));
    assert_eq!(told(3 << 8, None), (Some(3), None, false));
    assert_eq!(told(9, None), (None, Some(9), false));
    assert_eq!(told(11 | 0x80, None), (None, Some(11), true));
    // exit_group(7) by one thread, while the last one was killed for it.
    assert_eq!(told(9, Some(7 << 8)), (Some(7), None, false));
    assert_eq!(told(0, Some(15)), (None, Some(15), false));
    // A group code that no group exit has set is left over.
    let mut stale = exited(1, WORKER, 0);
    stale.group_exit_code = 9;
    assert_eq!(Teller::new().exit(stale).exit_code, Some(0));
}

#[test]
fn a_process_ends_once() {
    let mut teller = Teller::new();
    let exit = teller.exit(exited(1, INIT, 0));
    assert!(exit.is_init);
    assert_eq!(exit.container.as_ref().map(|c| c.pid_ns), Some(INODE));
    assert_eq!(teller.take(exited(2, INIT, 0)), 0);
    let mut heir = exited(3, INIT, 0);
    heir.task.start += 1;
    assert!(teller.exit(heir).is_init);
}

/// TERM to one of two, the init's death, and the SIGKILLs of the zap.
fn dying_namespace(teller: &mut Teller, bypass: bool) {
    let bypass = if bypass { bits::BYPASS } else { 0 };
    let mut term = sent(5, SIGTERM, SHELL, WORKER);
    term.core.handler = handler::FUNCTION;
    term.core.sigterm_handler = handler::FUNCTION;
    teller.signal(term);
    teller.exit(exited(10, INIT, 0));
    for (ts, victim, sigterm) in [
        (20, WORKER, handler::FUNCTION),
        (21, HELPER, handler::DEFAULT),
    ] {
        let mut fact = zapped(ts, victim);
        fact.core.sigterm_handler = sigterm;
        fact.core.bits |= bypass;
        teller.take(fact);
    }
}

#[test]
fn a_namespace_ends_by_inference() {
    let mut teller = Teller::new();
    dying_namespace(&mut teller, false);
    let Some(Record::Signal(kill)) = teller.records.last() else {
        panic!("the SIGKILL is told");
    };
    assert_eq!((kill.sender.kind, kill.reason), (Kind::Zap, Reason::Kill));
    assert_eq!(teller.zaps().len(), 0, "more may be killed");

    assert_eq!(teller.take(zap(30, phase::WAIT)), 1);
    assert_eq!(teller.take(zap(31, phase::WAIT)), 0, "told once");
    let mut child = sent(90, SIGCHLD, INIT, SHELL);
    child.core.sender = INIT.exiting_task();
    child.core.code = 2;
    assert_eq!(teller.take(child), 2, "the SIGCHLD, and the end");
    assert_eq!(
        teller.take(zap(95, phase::RELEASED)),
        0,
        "told by the SIGCHLD"
    );

    let zaps = teller.zaps();
    let [begin, end] = zaps.as_slice() else {
        panic!("{zaps:?}");
    };
    assert_eq!((begin.phase, end.phase), (ZapPhase::Begin, ZapPhase::End));
    assert_eq!((begin.when.mono_ns, end.when.mono_ns), (30, 90));
    assert_eq!(begin.source, ZapSource::Inferred);
    assert_eq!(begin.init.pid, Some(INIT.tgid));
    assert_eq!(begin.container.as_ref().map(|c| c.pid_ns), Some(INODE));
    assert_eq!(
        (begin.duration_ns, end.duration_ns),
        (None, Some(70)),
        "since the first SIGKILL"
    );
    assert_eq!(end.killed, None);
    let killed = begin.killed.as_ref().expect("a list");
    let victims: Vec<_> = killed
        .iter()
        .map(|v| (v.process.pid, v.had_sigterm_handler, v.saw_sigterm))
        .collect();
    assert_eq!(
        victims,
        [
            (Some(WORKER.tgid), Some(true), Some(true)),
            (Some(HELPER.tgid), Some(false), Some(false)),
        ]
    );
}

#[test]
fn victims_that_no_filter_wants_are_still_listed() {
    let mut teller = Teller::new();
    dying_namespace(&mut teller, true);
    let kills = teller.records.iter().filter(
        |record| matches!(record, Record::Signal(signal) if signal.signal.number == SIGKILL),
    );
    assert_eq!(kills.count(), 0);
    teller.take(zap(30, phase::WAIT));
    assert_eq!(teller.zaps()[0].killed.as_ref().map(Vec::len), Some(2));
}

#[test]
fn the_init_is_no_victim_of_its_own_zap() {
    let mut teller = Teller::new();
    teller.exit(exited(10, INIT, 0));
    // To another thread of the init, which is dying as well.
    let mut own = zapped(20, INIT);
    own.core.result = 1;
    assert_eq!(teller.signal(own).reason, Reason::TargetExiting);
    teller.take(zapped(21, WORKER));
    teller.take(zap(30, phase::WAIT));
    assert_eq!(teller.zaps()[0].killed.as_ref().map(Vec::len), Some(1));
}

#[test]
fn without_a_sigchld_the_release_is_the_end() {
    let mut teller = Teller::new();
    teller.take(zapped(20, WORKER));
    teller.take(zap(30, phase::WAIT));
    assert_eq!(teller.take(zap(120, phase::RELEASED)), 1);
    assert_eq!(teller.zaps()[1].duration_ns, Some(100));
}

#[test]
fn a_namespace_s_end_seen_directly() {
    let mut teller = Teller::with(Options {
        zap_source: ZapSource::Fentry,
        ..OPTIONS
    });
    assert_eq!(
        teller.take(zap(10, phase::ENTER)),
        0,
        "the SIGKILLs come first"
    );
    teller.take(zapped(20, WORKER));
    assert_eq!(teller.take(zap(30, phase::WAIT)), 1);
    assert_eq!(teller.take(zap(60, phase::LEAVE)), 1);
    let mut child = sent(70, SIGCHLD, INIT, SHELL);
    child.core.sender = INIT.exiting_task();
    assert_eq!(teller.take(child), 1, "the SIGCHLD alone: the end was told");
    let zaps = teller.zaps();
    assert_eq!(zaps[1].source, ZapSource::Fentry);
    assert_eq!(zaps[1].duration_ns, Some(50), "since the entry");
}

#[test]
fn a_missed_return_is_made_up_for_by_the_sigchld() {
    let mut teller = Teller::with(Options {
        zap_source: ZapSource::Kprobe,
        ..OPTIONS
    });
    teller.take(zap(10, phase::ENTER));
    teller.take(zapped(20, WORKER));
    assert_eq!(teller.take(zap(30, phase::WAIT)), 1);
    let mut child = sent(40, SIGCHLD, INIT, SHELL);
    child.core.sender = INIT.exiting_task();
    assert_eq!(teller.take(child), 2, "the SIGCHLD, and the end");
    assert_eq!(teller.zaps()[1].duration_ns, Some(30));
    assert_eq!(teller.take(zap(50, phase::RELEASED)), 0);
}

#[test]
fn an_empty_namespace_kills_nobody() {
    let mut teller = Teller::new();
    teller.take(zap(30, phase::WAIT));
    assert_eq!(teller.zaps()[0].killed.as_deref(), Some(&[][..]));
    // An end without a begin is nobody's.
    let mut other = zap(40, phase::RELEASED);
    other.init.start += 1;
    assert_eq!(teller.take(other), 0);
}

#[test]
fn whether_a_sigterm_was_seen_is_unknown_where_none_are_recorded() {
    let mut teller = Teller::with(Options {
        sees_sigterm: false,
        ..OPTIONS
    });
    let mut fact = zapped(20, WORKER);
    fact.core.sigterm_handler = handler::UNKNOWN;
    teller.take(fact);
    teller.take(zap(30, phase::WAIT));
    let zaps = teller.zaps();
    let victim = &zaps[0].killed.as_ref().expect("a list")[0];
    assert_eq!(
        (victim.saw_sigterm, victim.had_sigterm_handler),
        (None, None)
    );
}
