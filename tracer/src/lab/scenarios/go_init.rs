//! A Go program as PID 1.

use tracer_common::signals::{SIGKILL, SIGTERM};

use super::programs::GO as PROGRAM;
use super::terms::*;
use crate::lab::scenario::{Actor, Scenario};

const GO: Actor = "go-init";

/// What Go's runtime passes to exit(2) when a signal should have ended it.
const GO_EXIT: u8 = 2;

pub const SCENARIO: Scenario = Scenario {
    name: "go-init",
    title: "a Go program as PID 1, which asked for no signal",
    summary: "Go catches SIGTERM, fails to die of it, and calls exit(2)",
    see: &[
        "Nearly all bits of SigCgt are set, by Go's runtime.",
        "go-init sends SIGTERM to itself three times; two are dropped.",
        "The exit code is 2.",
    ],
    prediction: "go-init is PID 1, played by an actor that does what Go's runtime does: handlers \
                 for nearly all signals. SIGKILL from inside is dropped. SIGTERM is handled: the \
                 runtime raises it again to die of it, and its own handler runs again. That one restores \
                 the default and raises it: dropped, for it is PID 1. It raises it once more: \
                 dropped. At last it calls exit(2).",
    setup: &[
        host("host-shell"),
        init(GO, "host-shell"),
        child("shell", GO),
        handle_all(GO, PROGRAM.caught),
    ],
    steps: &[
        look(GO),
        kill("shell", GO, SIGKILL),
        kill("shell", GO, SIGTERM),
        settle(GO),
        raise(GO, SIGTERM),
        count(GO, SIGTERM),
        default(GO, SIGTERM),
        raise(GO, SIGTERM),
        default(GO, SIGTERM),
        raise(GO, SIGTERM),
        exit(GO, GO_EXIT),
        die(GO),
    ],
    expected: &[
        caught(GO, PROGRAM.caught),
        from_inside("shell", GO, SIGKILL, DROPPED),
        from_inside("shell", GO, SIGTERM, QUEUED),
        taken(GO, SIGTERM, HANDLED),
        from_inside(GO, GO, SIGTERM, QUEUED),
        taken(GO, SIGTERM, HANDLED),
        handled(GO, SIGTERM, 2),
        from_inside(GO, GO, SIGTERM, DROPPED),
        from_inside(GO, GO, SIGTERM, DROPPED),
        zapped(GO, "shell"),
        zap(GO, 1, 0),
        exits(GO, GO_EXIT),
    ],
    lesson: "SigCgt fffffffe7fc1feff has bit 15, so SIGTERM gets through, and the runtime then \
             tries to end as an ordinary process would: by the default action. PID 1 cannot. What \
             ends the container is exit(2), after which the kernel kills the rest. signal.Notify \
             gives you the signal, and the exit code, back.",
    article: Some(
        "Often written: kill 1 kills a Go init, since Go registers a handler. In truth: the \
         handler is the runtime's. What it raises to die of, once the default is restored, is \
         dropped like any other, twice. The program exits by itself: exit code 2, not 143.",
    ),
    exercises: &[
        "What decides at the last raise: `sigwhy explain --signal TERM --init --from itself`",
        "The same as an ordinary process: `sigwhy explain --signal TERM --from itself`",
        "Your own containers, and what a stop would do to each: `sudo sigwhy ps`",
    ],
    functions: &["sig_handler_ignored", "get_signal", "sig_task_ignored"],
    also: 0,
};
