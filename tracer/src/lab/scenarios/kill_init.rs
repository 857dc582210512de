//! `kill 1` and `kill -9 1` inside a container.

use tracer_common::signals::{SIGKILL, SIGTERM};

use super::terms::*;
use crate::lab::scenario::Scenario;

pub const SCENARIO: Scenario = Scenario {
    name: "kill-init",
    title: "kill 1 and kill -9 1, inside a container",
    summary: "inside, neither kill 1 nor kill -9 1 ends PID 1",
    see: &[
        "kill(2) succeeds twice, and nothing happens.",
        "Even SIGKILL is dropped: `force` is no.",
    ],
    prediction: "init.sh is PID 1 of a container and, like most shell scripts, has no SIGTERM \
                 handler. A shell beside it calls kill for it, with SIGTERM and then with SIGKILL. \
                 Both calls succeed; the kernel drops both signals, and init.sh lives.",
    setup: &[
        host("host-shell"),
        init("init.sh", "host-shell"),
        child("shell", "init.sh"),
    ],
    steps: &[
        kill("shell", "init.sh", SIGTERM),
        kill("shell", "init.sh", SIGKILL),
        settle("init.sh"),
    ],
    expected: &[
        from_inside("shell", "init.sh", SIGTERM, DROPPED),
        from_inside("shell", "init.sh", SIGKILL, DROPPED),
        lives("init.sh"),
    ],
    lesson: "The kernel marks the init of a PID namespace SIGNAL_UNKILLABLE: what it does not \
             handle is dropped, and from inside even SIGKILL is. kill(2) returns 0 all the same. \
             To end a container from inside, give its PID 1 a SIGTERM handler (in a script: \
             trap 'exit 0' TERM), or a real init as PID 1 (docker run --init).",
    article: Some(
        "Often written: in a container the init process never responds to SIGKILL and SIGSTOP. \
         In truth: only where it can see the sender. The host's SIGKILL ends it, and so do the \
         OOM killer and the end of a namespace around it.",
    ),
    exercises: &[
        "The same two signals from the host: `sudo sigwhy lab run kill-init-from-host`",
        "All the tests on the way to the drop: `sigwhy explain --signal KILL --init`",
        "One fact changed, a handler: `sigwhy explain --signal TERM --init --handler handler`",
    ],
    functions: &["prepare_signal", "sig_ignored", "sig_task_ignored"],
    also: 0,
};
