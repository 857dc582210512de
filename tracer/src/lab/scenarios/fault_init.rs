//! A fault ends even PID 1.

use tracer_common::signals::SIGSEGV;

use super::terms::*;
use crate::lab::scenario::{Scenario, Step};

pub const SCENARIO: Scenario = Scenario {
    name: "fault-init",
    title: "SIGSEGV by kill, and SIGSEGV by a bad address, for PID 1",
    summary: "kill -SEGV 1 is dropped; a real fault ends PID 1",
    see: &[
        "Two SIGSEGV to the same PID 1 with the same disposition.",
        "The second is not forced, and still fatal.",
    ],
    prediction: "init is PID 1 without a handler. A shell beside it sends it SIGSEGV: dropped, like any \
                 other. Then init writes to an address that is not mapped: a real SIGSEGV. The kernel \
                 takes away SIGNAL_UNKILLABLE before it sends that one, and init dies of it, \
                 with the shell.",
    setup: &[
        host("host-shell"),
        init("init", "host-shell"),
        child("shell", "init"),
    ],
    steps: &[
        kill("shell", "init", SIGSEGV),
        settle("init"),
        Step::Fault { who: "init" },
        die("init"),
    ],
    expected: &[
        from_inside("shell", "init", SIGSEGV, DROPPED),
        fault("init", SIGSEGV, DUMPED, false),
        taken("init", SIGSEGV, DUMPED),
        zapped("init", "shell"),
        zap("init", 1, 0),
        killed_by("init", SIGSEGV),
    ],
    lesson: "A process that faults cannot go on: back at the same instruction it would fault again, \
             for ever. So force_sig_info_to_task() unblocks the signal, resets SIG_IGN, and for an \
             init without a handler clears SIGNAL_UNKILLABLE. The exit code is 139 (128 + 11), as \
             for any process.",
    article: Some(
        "Often written: PID 1 only gets signals that it has a handler for. In truth: nobody is \
         protected from himself. Faults, seccomp, RLIMIT_CPU and the OOM killer end an init that \
         handles nothing.",
    ),
    exercises: &[
        "The tests of the second: `sigwhy explain --signal SEGV --init --from fault`",
        "A fault without an address, which is forced: `sigwhy explain --signal SEGV --init --from fault --code 128`",
        "signal->flags before and after: `sudo sigwhy lab run fault-init --explain`",
        "abort() uses both: `sudo sigwhy lab run abort-init`",
    ],
    functions: &["force_sig_info_to_task", "sig_task_ignored", "get_signal"],
    also: 0,
};
