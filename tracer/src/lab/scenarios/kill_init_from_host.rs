//! The same signals, from the host.

use tracer_common::signals::{SIGKILL, SIGTERM};

use crate::decide::{Outcome, Reason};
use crate::lab::scenario::{Expect, Fate, From, Scenario, Step};

pub const SCENARIO: Scenario = Scenario {
    name: "kill-init-from-host",
    title: "SIGTERM and SIGKILL for a container's PID 1, from the host",
    summary: "from the host, SIGTERM is dropped just the same, but SIGKILL ends PID 1",
    see: &[],
    prediction: "init.sh is PID 1 of a container and has no SIGTERM handler. A shell on the host \
                 sends it SIGTERM, which the kernel drops: that the sender is root on the host does \
                 not matter. Then it sends SIGKILL, which is forced upon init.sh and ends it.",
    setup: &[
        Step::Host { name: "host-shell" },
        Step::Init {
            name: "init.sh",
            parent: "host-shell",
        },
    ],
    steps: &[
        Step::Kill {
            from: "host-shell",
            to: "init.sh",
            signal: SIGTERM,
        },
        Step::Settle { who: "init.sh" },
        Step::Kill {
            from: "host-shell",
            to: "init.sh",
            signal: SIGKILL,
        },
        Step::Die { who: "init.sh" },
    ],
    expected: &[
        Expect::Signal {
            from: From::Process("host-shell"),
            to: "init.sh",
            signal: SIGTERM,
            outcome: Outcome::Dropped,
            reason: Reason::UnkillableInit,
            forced: true,
        },
        Expect::Signal {
            from: From::Process("host-shell"),
            to: "init.sh",
            signal: SIGKILL,
            outcome: Outcome::Fatal,
            reason: Reason::ForcedOnInit,
            forced: true,
        },
        Expect::Zap {
            init: "init.sh",
            killed: 0,
            unheard: 0,
        },
        Expect::Fate {
            who: "init.sh",
            fate: Fate::KilledBy(SIGKILL),
        },
    ],
    lesson: "A sender that PID 1 cannot see (its number there is 0) makes the kernel set `force`, \
             but force helps SIGKILL and SIGSTOP only. Every other signal still needs a handler in \
             PID 1. So docker stop's SIGTERM does nothing to such a container, and its SIGKILL, \
             after the grace period, does it all.",
    article: None,
    exercises: &[],
    functions: &["send_signal_locked", "sig_task_ignored", "complete_signal"],
    also: 0,
};
