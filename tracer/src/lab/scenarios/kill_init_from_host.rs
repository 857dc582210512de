//! The same signals, from the host.

use tracer_common::signals::{SIGKILL, SIGTERM};

use super::terms::*;
use crate::lab::scenario::Scenario;

pub const SCENARIO: Scenario = Scenario {
    name: "kill-init-from-host",
    title: "SIGTERM and SIGKILL for a container's PID 1, from the host",
    summary: "from the host SIGTERM is dropped too, SIGKILL is not",
    see: &[
        "SIGTERM from root on the host is dropped as well, though it is forced.",
        "SIGKILL ends PID 1, and with it the PID namespace.",
    ],
    prediction: "init.sh is PID 1 of a container and has no SIGTERM handler. A shell on the host \
                 sends it SIGTERM, which the kernel drops: that the sender is root on the host does \
                 not matter. Then it sends SIGKILL, which is forced upon init.sh and ends it.",
    setup: &[host("host-shell"), init("init.sh", "host-shell")],
    steps: &[
        kill("host-shell", "init.sh", SIGTERM),
        settle("init.sh"),
        kill("host-shell", "init.sh", SIGKILL),
        die("init.sh"),
    ],
    expected: &[
        from_outside("host-shell", "init.sh", SIGTERM, DROPPED),
        from_outside("host-shell", "init.sh", SIGKILL, FORCED),
        zap("init.sh", 0, 0),
        killed_by("init.sh", SIGKILL),
    ],
    lesson: "A sender that PID 1 cannot see (its number there is 0) makes the kernel set `force`, \
             but force helps SIGKILL and SIGSTOP only. Every other signal still needs a handler in \
             PID 1. So docker stop's SIGTERM does nothing to such a container, and its SIGKILL, \
             after the grace period, does it all.",
    article: Some(
        "Often written: SIGTERM from the host reaches PID 1, only one from inside is dropped. \
         In truth: a SIGTERM without a handler is dropped wherever it comes from. That is why \
         docker stop waits.",
    ),
    exercises: &[
        "From one namespace further out, and from beside: `sudo sigwhy lab run from-where`",
        "Every signal from every side: `sigwhy explain --table --init`",
        "SIGSTOP is forced too: `sigwhy explain --signal STOP --init --from host`",
    ],
    functions: &["send_signal_locked", "sig_task_ignored", "complete_signal"],
    also: 0,
};
