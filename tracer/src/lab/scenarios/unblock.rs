//! An ordinary process blocks SIGTERM, and unblocks it.

use tracer_common::signals::{SIGTERM, mask};

use super::terms::*;
use crate::lab::scenario::{MaskSet, Scenario};

pub const SCENARIO: Scenario = Scenario {
    name: "unblock",
    title: "an ordinary process that blocks SIGTERM, and then unblocks it",
    summary: "to block is to postpone: pending, and fatal in the end",
    see: &[
        "SigPnd+ShdPnd shows the SIGTERM while it waits.",
        "It ends app the moment that it is unblocked.",
        "tool sets SIG_IGN while one is pending, and then none is.",
    ],
    prediction: "app is an ordinary process of a container; it blocks SIGTERM and has no handler. A \
                 shell sends it SIGTERM: queued, and /proc shows it as pending. app unblocks it: it \
                 is taken from the queue and ends app by the default action. tool does the same, but \
                 sets SIG_IGN before it unblocks it: the kernel throws away at once what is pending, \
                 without any event, and tool lives.",
    setup: &[
        host("host-shell"),
        init("init", "host-shell"),
        child("shell", "init"),
        child("app", "init"),
        block("app", SIGTERM),
        child("tool", "init"),
        block("tool", SIGTERM),
    ],
    steps: &[
        kill("shell", "app", SIGTERM),
        look("app"),
        unblock("app", SIGTERM),
        die("app"),
        kill("shell", "tool", SIGTERM),
        look("tool"),
        ignore("tool", SIGTERM),
        look("tool"),
        unblock("tool", SIGTERM),
    ],
    expected: &[
        from_inside("shell", "app", SIGTERM, BLOCKED),
        masks("app", MaskSet::Pending, mask(SIGTERM)),
        masks("app", MaskSet::Blocked, mask(SIGTERM)),
        taken("app", SIGTERM, TERMINATED),
        killed_by("app", SIGTERM),
        from_inside("shell", "tool", SIGTERM, BLOCKED),
        masks("tool", MaskSet::Pending, mask(SIGTERM)),
        masks("tool", MaskSet::Pending, 0),
        lives("tool"),
    ],
    lesson: "A mask decides when, a disposition decides what. A signal that is blocked is kept, \
             whatever is set; the handler that is set when it is unblocked counts. But SIG_IGN, set \
             meanwhile, removes it there and then. Masks are inherited by fork and kept by execve: a \
             child started with SIGTERM blocked is not stopped by SIGTERM, and nobody sees why.",
    article: Some(
        "Often written: blocking a signal is a way to ignore it. In truth: an ignored signal is \
         gone, a blocked one waits, for years if need be, and strikes when the mask changes.",
    ),
    exercises: &[
        "The same as PID 1: `sudo sigwhy lab run blocked-init`",
        "With SIG_IGN set before it is sent, it is kept all the same: `sigwhy explain --signal TERM --blocked --handler ignore`",
        "What is pending in your own shell: `grep -E 'SigPnd|ShdPnd' /proc/self/status`",
    ],
    functions: &["sig_ignored", "do_sigaction", "get_signal"],
    also: 0,
};
