//! Real-time signals: queued one by one, and the limit of the queue.

use super::terms::*;
use crate::decide::{Outcome, Reason};
use crate::lab::scenario::{Actor, Scenario, Step};

/// The first that libc leaves to programs.
const SIGRTMIN: u32 = 34;

const FULL: Decision = (Outcome::Failed, Reason::QueueFull);

const fn queue(to: Actor, fails: Option<i32>) -> Step {
    Step::Queue {
        from: "shell",
        to,
        signal: SIGRTMIN,
        fails,
    }
}

pub const SCENARIO: Scenario = Scenario {
    name: "realtime",
    title: "real-time signals queue, until the queue is full",
    summary: "three SIGRTMIN are three; then EAGAIN, or a silent loss",
    see: &[
        "Three signals while blocked, three runs of the handler.",
        "Queue full: sigqueue says EAGAIN, kill says 0 and loses one.",
    ],
    prediction: "app handles SIGRTMIN, and blocks it for a while. Three come by sigqueue: all are queued, \
                 and the handler runs three times. Blocked again, with a limit of 0 \
                 (RLIMIT_SIGPENDING): sigqueue fails with EAGAIN, and two by kill seem to be queued, \
                 but only the bit is set: one more run, not two.",
    setup: &[
        host("host-shell"),
        init("init", "host-shell"),
        child("shell", "init"),
        child("app", "init"),
        handle("app", SIGRTMIN),
        block("app", SIGRTMIN),
    ],
    steps: &[
        queue("app", None),
        queue("app", None),
        queue("app", None),
        unblock("app", SIGRTMIN),
        count("app", SIGRTMIN),
        block("app", SIGRTMIN),
        Step::LimitPending {
            who: "app",
            count: 0,
        },
        queue("app", Some(libc::EAGAIN)),
        kill("shell", "app", SIGRTMIN),
        kill("shell", "app", SIGRTMIN),
        unblock("app", SIGRTMIN),
        count("app", SIGRTMIN),
    ],
    expected: &[
        from_inside("shell", "app", SIGRTMIN, BLOCKED),
        from_inside("shell", "app", SIGRTMIN, BLOCKED),
        from_inside("shell", "app", SIGRTMIN, BLOCKED),
        taken("app", SIGRTMIN, HANDLED),
        taken("app", SIGRTMIN, HANDLED),
        taken("app", SIGRTMIN, HANDLED),
        handled("app", SIGRTMIN, 3),
        from_inside("shell", "app", SIGRTMIN, FULL),
        from_inside("shell", "app", SIGRTMIN, BLOCKED),
        from_inside("shell", "app", SIGRTMIN, BLOCKED),
        taken("app", SIGRTMIN, HANDLED),
        handled("app", SIGRTMIN, 4),
        lives("app"),
    ],
    lesson: "Every queued signal needs a small piece of kernel memory, and the target's \
             RLIMIT_SIGPENDING bounds what its user may have (SigQ in /proc/PID/status). Without one, \
             sigqueue fails and kill sets the bit alone: the siginfo is gone, and the second of \
             a kind too. Check the result of sigqueue.",
    article: Some(
        "Often written: real-time signals are never lost. In truth: the queue is bounded, by user, \
         and POSIX lets sigqueue fail with EAGAIN. kill(2) with such a signal does not even fail.",
    ),
    exercises: &[
        "The limit and what is used of it: `grep SigQ /proc/self/status; ulimit -i`",
        "One merges, the other does not: `sigwhy explain --signal 34 --blocked --pending`",
        "The same for SIGHUP: `sigwhy explain --signal HUP --blocked --pending`",
    ],
    functions: &["__send_signal_locked", "dequeue_signal", "collect_signal"],
    also: 0,
};
