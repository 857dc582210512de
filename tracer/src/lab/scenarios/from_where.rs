//! The same three signals from four places.

use tracer_common::signals::{SIGCONT, SIGKILL, SIGSTOP, SIGTERM};

use super::terms::*;
use crate::lab::scenario::Scenario;

pub const SCENARIO: Scenario = Scenario {
    name: "from-where",
    title: "SIGTERM, SIGSTOP and SIGKILL for a PID 1, from four places",
    summary: "from inside, from around, from beside, from the host",
    see: &[
        "`force` is no from inside, yes from both namespaces around it.",
        "It helps SIGSTOP and SIGKILL, and never SIGTERM.",
        "The neighbour has no number for inner, and gets ESRCH.",
    ],
    prediction: "inner is PID 1 of a container within the container of outer. From inside: SIGTERM, \
                 SIGSTOP and SIGKILL are all dropped. From outer: SIGTERM is dropped, SIGSTOP stops \
                 it. The PID 1 of another container cannot even name it: ESRCH, no event. From the \
                 host, two namespaces up: SIGTERM is dropped, SIGKILL ends it.",
    setup: &[
        host("host-shell"),
        init("outer", "host-shell"),
        init("inner", "outer"),
        child("shell", "inner"),
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
        kill("host-shell", "inner", SIGKILL),
        die("inner"),
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
        from_outside("host-shell", "inner", SIGKILL, FORCED),
        zapped("inner", "shell"),
        zap("inner", 1, 0),
        killed_by("inner", SIGKILL),
    ],
    lesson: "The kernel does not ask whether the sender is on the host, is root, or is an ancestor. \
             It asks for the sender's number in the target's PID namespace. There is none: `force`. \
             And `force` counts for SIGKILL and SIGSTOP alone. The SIGCONT is shown as dropped, \
             since it has no handler, and resumes inner all the same.",
    article: Some(
        "Often written: init only takes SIGKILL and SIGSTOP from an ancestor namespace. In truth: \
         from any sender it cannot see. A sibling container counts too, if it can reach the \
         process: by a process group that both are in, since it has no number to pass to kill.",
    ),
    exercises: &[
        "The sibling that can reach it: `sigwhy explain --signal KILL --init --from sibling`",
        "A siginfo that hides the sender: `sigwhy explain --signal KILL --init --from host --code -2`",
        "SIGTSTP is not SIGSTOP: `sigwhy explain --signal TSTP --init --from host`",
    ],
    functions: &["send_signal_locked", "sig_task_ignored", "prepare_signal"],
    also: 0,
};
