//! `get_signal()`, row by row.

use super::super::deliver::{self, Delivery};
use super::super::situation::{SIGNAL_GROUP_COREDUMP, SIGNAL_STOP_STOPPED};
use super::*;
use Outcome::{Dropped, Fatal, Handled, Stopped};

fn dequeued(sig: u32) -> Delivery {
    Delivery {
        sig,
        info: Info::Pointer,
        handler: Handler::Default,
        signal_flags: 0,
    }
}

#[track_caller]
fn check(d: Delivery, outcome: Outcome, reason: Reason, rule: &str) {
    let found = deliver::decide(&d, &mut Walk::off());
    assert_eq!(
        (found.outcome, found.reason, found.rule),
        (outcome, reason, rule),
        "{d:?}"
    );
}

#[test]
fn g1_the_short_cut_of_a_dying_group() {
    let short_cut = |signal_flags| Delivery {
        info: Info::NoInfo,
        signal_flags,
        ..dequeued(9)
    };
    for flags in [SIGNAL_GROUP_EXIT, SIGNAL_GROUP_COREDUMP] {
        check(
            short_cut(flags),
            Fatal,
            Reason::GroupExit,
            deliver::GROUP_EXIT,
        );
    }
    // E47: another thread calls execve(), and the process lives on.
    for flags in [0, SIGNAL_UNKILLABLE, SIGNAL_STOP_STOPPED] {
        check(
            short_cut(flags),
            Fatal,
            Reason::GroupExit,
            deliver::GROUP_EXEC,
        );
    }
    // A SIGKILL from the queue has a siginfo.
    check(dequeued(9), Fatal, Reason::Kill, "get_signal/do_group_exit");
}

#[test]
fn g5_and_g6_handlers() {
    let with = |handler| Delivery {
        handler,
        signal_flags: SIGNAL_UNKILLABLE,
        ..dequeued(15)
    };
    check(
        with(Handler::Ignore),
        Outcome::Ignored,
        Reason::Ignored,
        "get_signal/SIG_IGN",
    );
    for handler in [Handler::Function, Handler::Kthread, Handler::KthreadKernel] {
        check(
            with(handler),
            Handled,
            Reason::Handler,
            "get_signal/handler",
        );
    }
    check(
        with(Handler::Unknown),
        Dropped,
        Reason::ModelDisagrees,
        "model/disagrees",
    );
}

#[test]
fn g7_to_g10_default_actions_of_an_init_and_of_others() {
    for sig in 1..=64 {
        let kernel_only = [9, 19].contains(&sig);
        let expected = match sig {
            17 | 18 | 23 | 28 => (
                Outcome::Ignored,
                Reason::DefaultIgnore,
                "get_signal/sig_kernel_ignore",
            ),
            9 => (Fatal, Reason::Kill, "get_signal/do_group_exit"),
            19 => (Stopped, Reason::Stop, "get_signal/stop"),
            20..=22 => (
                Stopped,
                Reason::Stop,
                "get_signal/stop_unless_orphaned_pgrp",
            ),
            3..=8 | 11 | 24 | 25 | 31 => (Fatal, Reason::DefaultCore, "get_signal/coredump"),
            _ => (Fatal, Reason::DefaultTerminate, "get_signal/do_group_exit"),
        };
        check(dequeued(sig), expected.0, expected.1, expected.2);
        let init = Delivery {
            signal_flags: SIGNAL_UNKILLABLE,
            ..dequeued(sig)
        };
        if kernel_only || expected.0 == Outcome::Ignored {
            check(init, expected.0, expected.1, expected.2);
        } else {
            // E13, E15b, and node's own second SIGTERM.
            check(
                init,
                Dropped,
                Reason::UnkillableInitAtDequeue,
                "get_signal/unkillable",
            );
        }
    }
}
