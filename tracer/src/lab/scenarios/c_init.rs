//! A program that sets no handler, as PID 1 and as an ordinary process.

use tracer_common::signals::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};

use super::terms::*;
use crate::lab::scenario::Scenario;

pub const SCENARIO: Scenario = Scenario {
    name: "c-init",
    title: "a C program with no handlers: as PID 1, and as its own child",
    summary: "one program with SigCgt 0: lives as PID 1, dies as PID 2",
    see: &[
        "Both have SigCgt 0.",
        "What ends the child at once does nothing to PID 1.",
    ],
    prediction: "c-init is PID 1 and calls sleep() in a loop: no handlers. c-child is the same \
                 program, forked. A shell beside them sends c-init SIGHUP, SIGINT, SIGQUIT and \
                 SIGTERM, and the host SIGTERM once more: all dropped. A single SIGTERM ends \
                 c-child.",
    setup: &[
        host("host-shell"),
        init("c-init", "host-shell"),
        child("c-child", "c-init"),
        child("shell", "c-init"),
    ],
    steps: &[
        look("c-init"),
        look("c-child"),
        kill("shell", "c-init", SIGHUP),
        kill("shell", "c-init", SIGINT),
        kill("shell", "c-init", SIGQUIT),
        kill("shell", "c-init", SIGTERM),
        kill("host-shell", "c-init", SIGTERM),
        settle("c-init"),
        kill("shell", "c-child", SIGTERM),
        die("c-child"),
    ],
    expected: &[
        caught("c-init", 0),
        caught("c-child", 0),
        from_inside("shell", "c-init", SIGHUP, DROPPED),
        from_inside("shell", "c-init", SIGINT, DROPPED),
        from_inside("shell", "c-init", SIGQUIT, DROPPED),
        from_inside("shell", "c-init", SIGTERM, DROPPED),
        from_outside("host-shell", "c-init", SIGTERM, DROPPED),
        lives("c-init"),
        from_inside("shell", "c-child", SIGTERM, TERMINATED),
        killed_by("c-child", SIGTERM),
    ],
    lesson: "It is not the program that ignores the signal: it has set nothing, in both cases. The \
             default action is what PID 1 is protected from, and a program that relies on it \
             behaves differently once it is PID 1. This is why it stops well on your machine and \
             hangs in a container.",
    article: Some(
        "Often written: PID 1 ignores every signal. In truth: to ignore is SIG_IGN, which a \
         process sets itself and which shows in SigIgn. Here the kernel drops the signal \
         because of what PID 1 is, and no mask shows it.",
    ),
    exercises: &[
        "One handler: `sudo sigwhy lab run handler`",
        "All 64 signals to such an init: `sigwhy explain --table --init`",
        "And to its child: `sigwhy explain --table`",
    ],
    functions: &["sig_task_ignored", "complete_signal"],
    also: 0,
};
