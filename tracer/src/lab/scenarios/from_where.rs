//! The same three signals from four places.

use tracer_common::signals::{SIGCONT, SIGKILL, SIGSTOP, SIGTERM};

use super::terms::*;
use crate::lab::scenario::Scenario;

pub const SCENARIO: Scenario = Scenario {
    name: "from-where",
    title: "SIGTERM, SIGSTOP and SIGKILL for a PID 1, from four places",
    summary: "from inside, from around, from the host, from beside",
    see: &[
        "`force` is no from inside, yes from both namespaces around it.",
        "It helps SIGSTOP and SIGKILL, and never SIGTERM.",
        "The neighbour has no number for inner, and gets ESRCH.",
    ],
    prediction: "inner and twin are PID 1 of containers within the container of outer. From inside, \
                 SIGTERM, SIGSTOP and SIGKILL to inner are all dropped. From outer, its parent: \
                 SIGTERM is dropped, SIGSTOP stops it. From the host, two namespaces up: just so, \
                 and SIGKILL ends it, stopped or not. outer's SIGKILL ends twin. A neighbour \
                 cannot even name inner: ESRCH, no event.",
    setup: &[
        host("host-shell"),
        init("outer", "host-shell"),
        init("inner", "outer"),
        child("shell", "inner"),
        init("twin", "outer"),
        init("neighbour", "host-shell"),
    ],
    steps: &[
        kill("shell", "inner", SIGTERM),
        kill("shell", "inner", SIGSTOP),
        kill("shell", "inner", SIGKILL),
        kill("outer", "inner", SIGTERM),
        kill("outer", "inner", SIGSTOP),
        settle("inner"),
        peek("inner"),
        kill("outer", "inner", SIGCONT),
        settle("inner"),
        refused("neighbour", "inner", SIGKILL, libc::ESRCH),
        kill("host-shell", "inner", SIGTERM),
        settle("inner"),
        kill("host-shell", "inner", SIGSTOP),
        settle("inner"),
        peek("inner"),
        kill("host-shell", "inner", SIGKILL),
        die("inner"),
        kill("outer", "twin", SIGKILL),
        die("twin"),
    ],
    expected: &[
        from_inside("shell", "inner", SIGTERM, DROPPED),
        from_inside("shell", "inner", SIGSTOP, DROPPED),
        from_inside("shell", "inner", SIGKILL, DROPPED),
        from_outside("outer", "inner", SIGTERM, DROPPED),
        from_outside("outer", "inner", SIGSTOP, STOPS),
        taken("inner", SIGSTOP, STOPPED),
        state("inner", 'T'),
        from_outside("outer", "inner", SIGCONT, NO_ACTION),
        from_outside("host-shell", "inner", SIGTERM, DROPPED),
        from_outside("host-shell", "inner", SIGSTOP, STOPS),
        taken("inner", SIGSTOP, STOPPED),
        state("inner", 'T'),
        from_outside("host-shell", "inner", SIGKILL, FORCED),
        zapped("inner", "shell"),
        zap("inner", 1, 0),
        killed_by("inner", SIGKILL),
        from_outside("outer", "twin", SIGKILL, FORCED),
        zap("twin", 0, 0),
        killed_by("twin", SIGKILL),
    ],
    lesson: "The kernel does not ask whether the sender is on the host, is root, or is an ancestor. \
             It asks for the sender's number in the target's PID namespace. There is none: `force`. \
             And `force` counts for SIGKILL and SIGSTOP alone. The SIGCONT is shown as dropped, \
             since it has no handler, and resumes inner all the same.",
    article: Some(
        "Often written: PID 1 cannot be stopped, and takes SIGKILL only from the host. In truth: \
         SIGSTOP and SIGKILL work from any namespace around it, the nearest as well as the \
         host's, and even from beside, if the sender can reach it: lesson from-beside.",
    ),
    exercises: &[
        "A neighbour that can reach it: `sudo sigwhy lab run from-beside`",
        "A siginfo that hides the sender: `sigwhy explain --signal KILL --init --from host --code -2`",
        "SIGTSTP is not SIGSTOP: `sigwhy explain --signal TSTP --init --from host`",
    ],
    functions: &["send_signal_locked", "sig_task_ignored", "prepare_signal"],
    also: 0,
};
