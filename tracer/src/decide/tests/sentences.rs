//! Every sentence that a person can read.

use std::collections::BTreeSet;

use super::super::deliver::{self, Delivery};
use super::super::situation::{SIGNAL_GROUP_COREDUMP, SIGNAL_STOP_STOPPED};
use super::super::words;
use super::*;

/// One case for each sentence about a signal that is generated.
fn cases() -> Vec<(&'static str, Case)> {
    let stopped = |case: Case| case.target(|t| t.signal_flags |= SIGNAL_STOP_STOPPED);
    let frozen = |case: Case, how| case.target(|t| t.frozen = how);
    let dying = |case: Case| {
        case.target(|t| t.signal_flags = SIGNAL_GROUP_EXIT)
            .ignored()
    };
    let kthread = |handler| {
        to_process(9)
            .handler(handler)
            .target(|t| t.pf_flags = PF_KTHREAD)
    };
    let oom = |case: Case| case.sent_by_kernel().with(|s| s.oom_victim = true);
    let zap = |case: Case| {
        case.sent_by_kernel()
            .sender_exits()
            .sender(|s| (s.nr, s.nr_in_target) = (1, 0))
    };
    let pdeath = |case: Case| case.sent_by_host().noinfo().sender_exits();
    let function = Handler::Function;
    vec![
        ("protected init", to_init(15).ignored()),
        ("protected global init", to_global_init(15).ignored()),
        ("SIGKILL from inside", to_init(9).ignored()),
        ("SIGSTOP from inside", to_init(19).ignored()),
        (
            "SIGKILL by timer",
            to_init(9).code(si::TIMER).sent_by_host().ignored(),
        ),
        (
            "SIGKILL by SI_SIGIO",
            to_init(9).code(si::SIGIO).sent_by_host().ignored(),
        ),
        (
            "SIGKILL by POLL_IN",
            to_init(9).code(1).sent_by_host().ignored(),
        ),
        ("global init and SIGKILL", to_global_init(9).ignored()),
        ("ignored", to_process(15).handler(Handler::Ignore).ignored()),
        (
            "ignored by init",
            to_init(15).handler(Handler::Ignore).ignored(),
        ),
        ("ignored by default", to_process(28).ignored()),
        ("ignored by default, init", to_init(17).ignored()),
        ("SIGCONT", to_process(18).ignored()),
        ("SIGCONT, init", to_init(18).ignored()),
        (
            "kernel thread refuses",
            kthread(Handler::KthreadKernel).ignored(),
        ),
        ("kernel thread takes", kthread(Handler::Kthread)),
        ("dying", dying(to_process(15))),
        ("dying init", dying(to_init(15))),
        ("dying, frozen", dying(frozen(to_process(9), Frozen::V1))),
        (
            "zombie",
            dying(to_process(9)).target(|t| (t.live, t.exit_state) = (0, 0x20)),
        ),
        (
            "dumping core",
            to_process(15)
                .target(|t| (t.core_dump, t.signal_flags) = (true, SIGNAL_GROUP_COREDUMP))
                .ignored(),
        ),
        (
            "exiting thread",
            to_process(10).tkill().target(|t| t.pf_flags = PF_EXITING),
        ),
        (
            "pending",
            to_process(15).blocked().result(TraceResult::AlreadyPending),
        ),
        (
            "pending timer",
            to_process(40)
                .code(si::TIMER)
                .blocked()
                .result(TraceResult::AlreadyPending),
        ),
        (
            "queue full",
            to_process(40).code(-1).result(TraceResult::OverflowFail),
        ),
        (
            "siginfo lost",
            to_process(40)
                .handler(function)
                .result(TraceResult::LoseInfo),
        ),
        (
            "denied by users",
            to_init(15).result(TraceResult::Refused(1)),
        ),
        (
            "denied by a module",
            to_process(9).result(TraceResult::Refused(13)),
        ),
        (
            "denied for another reason",
            to_process(9).result(TraceResult::Refused(95)),
        ),
        ("handler", to_process(15).handler(function)),
        ("handler of init", to_init(15).handler(function)),
        ("blocked", to_process(15).blocked()),
        (
            "blocked by main thread",
            to_init(15).blocked().target(|t| t.live = 2),
        ),
        ("sigwait", to_init(15).target(|t| t.real_blocked = true)),
        ("traced", to_process(15).target(|t| t.ptraced = true)),
        ("SIGSTOP", to_process(19)),
        ("SIGTSTP", to_process(20)),
        ("stopped", stopped(to_process(15))),
        ("stopped twice", stopped(to_process(20))),
        ("frozen v1", frozen(to_process(9), Frozen::V1).begins_exit()),
        (
            "frozen v2",
            frozen(to_process(15).handler(function), Frozen::V2),
        ),
        ("terminates", to_process(15).begins_exit()),
        (
            "terminates init",
            to_init(15).blocked().target(|t| t.live = 2).begins_exit(),
        ),
        ("core", to_process(3)),
        (
            "fault of init",
            to_init(11)
                .sent_by_itself()
                .thread()
                .code(1)
                .target(|t| t.signal_flags = 0),
        ),
        ("SIGKILL", to_process(9).begins_exit()),
        ("SIGKILL by zap", zap(to_process(9)).begins_exit()),
        ("SIGKILL by OOM", oom(to_process(9)).begins_exit()),
        (
            "SIGKILL by parent's death",
            pdeath(to_process(9)).begins_exit(),
        ),
        ("SIGKILL on init", to_init(9).sent_by_host().begins_exit()),
        ("SIGKILL on init by zap", zap(to_init(9)).begins_exit()),
        ("SIGKILL on init by OOM", oom(to_init(9)).begins_exit()),
        (
            "SIGKILL on init by parent's death",
            pdeath(to_init(9)).begins_exit(),
        ),
        (
            "SIGKILL on init by kernel",
            to_init(9).sent_by_kernel().begins_exit(),
        ),
        ("disagrees", to_init(15)),
    ]
}

#[test]
fn generated() {
    let mut text = String::new();
    let mut reasons = BTreeSet::new();
    for (name, case) in cases() {
        let decision = case.decide();
        reasons.insert(decision.reason);
        let sentence = words::generated(&case.0, &decision, sender::kind(&case.0));
        text += &format!("{name} [{}]: {sentence}\n", decision.reason.id());
        assert!(
            !sentence.ends_with('.') && !sentence.contains('\n'),
            "{sentence}"
        );
    }
    for reason in Reason::ALL {
        // Those of imports have no facts to tell a sentence of.
        let of_delivery = matches!(
            reason,
            Reason::UnkillableInitAtDequeue | Reason::GroupExit | Reason::NotRecorded
        );
        assert_eq!(reasons.contains(reason), !of_delivery, "{reason:?}");
    }
    insta::assert_snapshot!(text);
}

/// The sentence that the documentation quotes.
#[test]
fn the_sentence_about_a_protected_init_is_a_promise() {
    let case = to_init(15).ignored();
    assert_eq!(
        words::generated(&case.0, &case.decide(), Kind::Process),
        "PID 1 has no SIGTERM handler, and the kernel protects a namespace's init from signals it does not handle"
    );
}

#[test]
fn delivered() {
    let base = Delivery {
        sig: 15,
        info: Info::Pointer,
        handler: Handler::Default,
        signal_flags: 0,
    };
    let with = |handler| Delivery { handler, ..base };
    let sig = |sig| Delivery { sig, ..base };
    let short_cut = |signal_flags| Delivery {
        sig: 9,
        info: Info::NoInfo,
        signal_flags,
        ..base
    };
    let mut text = String::new();
    for (name, d, is_init, real_signal) in [
        (
            "dropped",
            Delivery {
                signal_flags: SIGNAL_UNKILLABLE,
                ..base
            },
            true,
            0,
        ),
        ("group exit", short_cut(SIGNAL_GROUP_EXIT), false, 0),
        (
            "group exit by signal",
            short_cut(SIGNAL_GROUP_EXIT),
            true,
            15,
        ),
        ("execve", short_cut(0), false, 0),
        ("handled", with(Handler::Function), false, 0),
        ("handled by init", with(Handler::Function), true, 0),
        ("ignored", with(Handler::Ignore), false, 0),
        ("ignored by default", sig(17), false, 0),
        ("stopped", sig(19), false, 0),
        ("stopped by terminal", sig(20), false, 0),
        ("ended", sig(15), false, 0),
        ("killed", sig(9), true, 0),
        ("disagrees", with(Handler::Unknown), false, 0),
    ] {
        let decision = deliver::decide(&d, &mut Walk::off());
        let sentence = words::delivered(d.sig, is_init, &decision, real_signal);
        text += &format!("{name} [{}]: {sentence}\n", decision.reason.id());
    }
    insta::assert_snapshot!(text);
}
