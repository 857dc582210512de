//! Three children die, and one SIGCHLD tells of them.

use tracer_common::signals::{SIGCHLD, mask};

use super::terms::*;
use crate::lab::scenario::Scenario;

pub const SCENARIO: Scenario = Scenario {
    name: "zombies",
    title: "three children die, and their parent hears of it once",
    summary: "SIGCHLD merges: one wait reaps one, a loop reaps all",
    see: &[
        "Three deaths: one SIGCHLD queued, two coalesced.",
        "One run of the handler, and after one waitpid two zombies are left.",
        "Of job-4 nothing at all: init ignores SIGCHLD by then.",
    ],
    prediction: "init is PID 1 with a SIGCHLD handler, and blocks SIGCHLD for a moment, as it is while \
                 such a handler runs. Three jobs exit in that moment: the first SIGCHLD is queued, \
                 the other two are one with it. Unblocked, the handler runs once. A single waitpid \
                 leaves two zombies; a loop reaps them all. Then init sets SIG_IGN, and job-4 exits: \
                 no signal, no zombie.",
    setup: &[
        host("host-shell"),
        init("init", "host-shell"),
        child("job-1", "init"),
        child("job-2", "init"),
        child("job-3", "init"),
        child("job-4", "init"),
        handle("init", SIGCHLD),
        block("init", SIGCHLD),
    ],
    steps: &[
        exit("job-1", 0),
        die("job-1"),
        exit("job-2", 0),
        die("job-2"),
        exit("job-3", 0),
        die("job-3"),
        unblock("init", SIGCHLD),
        count("init", SIGCHLD),
        reap("init", "job-1"),
        peek("job-2"),
        peek("job-3"),
        reap("init", "job-2"),
        reap("init", "job-3"),
        ignore("init", SIGCHLD),
        exit("job-4", 0),
        die("job-4"),
        probe("init", "job-4", libc::ESRCH),
    ],
    expected: &[
        of_child("job-1", "init", BLOCKED),
        of_child("job-2", "init", COALESCED),
        of_child("job-3", "init", COALESCED),
        taken("init", SIGCHLD, HANDLED),
        handled("init", SIGCHLD, 1),
        exits("job-1", 0),
        state("job-2", 'Z'),
        state("job-3", 'Z'),
        exits("job-2", 0),
        exits("job-3", 0),
        lives("init"),
    ],
    lesson: "A standard signal is a flag, not a counter: SIGCHLD says that something happened, not \
             how often. So a handler must call waitpid(-1, ..., WNOHANG) until it returns 0 or \
             ECHILD. One call for each signal is a leak that shows only under load. Only an explicit \
             SIG_IGN has the kernel reap by itself, and then there is no exit code to read.",
    article: Some(
        "Often written: SIGCHLD is ignored by default, so children are reaped. In truth: only an \
         explicit SIG_IGN, or SA_NOCLDWAIT, makes the kernel reap. With SIG_DFL the signal is \
         dropped and the zombie stays.",
    ),
    exercises: &[
        "Any standard signal merges: `sudo sigwhy lab run coalescing`",
        "The one that does not: `sudo sigwhy lab run realtime`",
        "Zombies here and now: `ps -eo pid,ppid,stat,comm | grep ' Z'`",
    ],
    functions: &["do_notify_parent", "legacy_queue", "wait_task_zombie"],
    also: mask(SIGCHLD),
};
