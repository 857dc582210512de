//! What kill(2) refuses, and whom it leaves out: no event at all.

use tracer_common::signals::SIGTERM;

use super::terms::*;
use crate::lab::scenario::{Scenario, Step};

pub const SCENARIO: Scenario = Scenario {
    name: "never-generated",
    title: "EPERM, ESRCH, signal 0, and kill(-1): signals that never were",
    summary: "what kill refuses or leaves out makes no event at all",
    see: &[
        "Lines that begin with # and have no signal below them.",
        "kill(-1) leaves out PID 1 and the caller.",
        "Signal 0 says of a zombie that it is there.",
    ],
    prediction: "guest runs as another user: its SIGTERM for worker fails with EPERM. A process \
                 of another container has no number for worker: ESRCH. Then the shell, inside, calls \
                 kill(-1, SIGTERM): worker and guest die, PID 1 and the shell are left out. Signal 0 \
                 finds the dead worker there, until it is reaped: ESRCH.",
    setup: &[
        host("host-shell"),
        init("init", "host-shell"),
        child("shell", "init"),
        child("worker", "init"),
        child("guest", "init"),
        Step::SetUid {
            who: "guest",
            uid: 65534,
        },
        init("neighbour", "host-shell"),
    ],
    steps: &[
        probe("guest", "worker", libc::EPERM),
        refused("guest", "worker", SIGTERM, libc::EPERM),
        refused("neighbour", "worker", SIGTERM, libc::ESRCH),
        probe("shell", "worker", 0),
        kill_all("shell", SIGTERM),
        die("worker"),
        die("guest"),
        probe("shell", "worker", 0),
        reap("init", "worker"),
        probe("shell", "worker", libc::ESRCH),
    ],
    expected: &[
        from_inside("shell", "worker", SIGTERM, TERMINATED),
        from_inside("shell", "guest", SIGTERM, TERMINATED),
        killed_by("worker", SIGTERM),
        killed_by("guest", SIGTERM),
        lives("init"),
        lives("shell"),
    ],
    lesson: "The kernel looks for the process and asks for permission before anything else; what \
             fails there never becomes a signal. The sender knows, by errno. sigwhy live shows a \
             refusal as FAILED (permission_denied) where it may watch check_kill_permission(); \
             the lab does without that. kill -0 $PID proves that a number is in use, not that a \
             process runs.",
    article: Some(
        "Often written: kill -9 -1 in a container kills everything. In truth: it skips PID 1 and \
         the caller. They get no signal that could be dropped; the kernel does not even try.",
    ),
    exercises: &[
        "What does reach PID 1, and is dropped: `sudo sigwhy lab run kill-init`",
        "EPERM in your own shell, if you are not root: `kill -0 1; echo $?`",
        "A zombie answers: `sh -c 'true & exec sleep 2' & sleep 1; kill -0 $(pgrep -P $!) && echo yes`",
    ],
    functions: &["kill_something_info", "check_kill_permission", "find_vpid"],
    also: 0,
};
