//! `sh -c server`, and `exec server`.

use tracer_common::signals::{SIGKILL, SIGTERM};

use super::terms::*;
use crate::lab::scenario::{Scenario, Step};

pub const SCENARIO: Scenario = Scenario {
    name: "shell-wrapper",
    title: "sh -c server, against sh -c 'exec server'",
    summary: "one word, exec, and the server's handler runs",
    see: &[
        "Two containers with the same server and the same SIGTERM.",
        "One ends at once with 0. The other waits, and loses its server.",
    ],
    prediction: "Two containers run the same server, which handles SIGTERM. In the first a shell is \
                 PID 1 and the server its child; in the second the shell called exec, so that \
                 exec-server is PID 1. SIGTERM from the host: exec-server exits with 0. sh drops it, \
                 the grace period passes, SIGKILL comes, and the server's handler has never run.",
    setup: &[
        host("host-shell"),
        init("sh", "host-shell"),
        child("server", "sh"),
        handle("server", SIGTERM),
        init("exec-server", "host-shell"),
        handle("exec-server", SIGTERM),
    ],
    steps: &[
        kill("host-shell", "exec-server", SIGTERM),
        settle("exec-server"),
        count("exec-server", SIGTERM),
        exit("exec-server", 0),
        die("exec-server"),
        kill("host-shell", "sh", SIGTERM),
        settle("sh"),
        Step::Grace,
        count("server", SIGTERM),
        kill("host-shell", "sh", SIGKILL),
        die("sh"),
    ],
    expected: &[
        from_outside("host-shell", "exec-server", SIGTERM, QUEUED),
        taken("exec-server", SIGTERM, HANDLED),
        handled("exec-server", SIGTERM, 1),
        zap("exec-server", 0, 0),
        exits("exec-server", 0),
        from_outside("host-shell", "sh", SIGTERM, DROPPED),
        handled("server", SIGTERM, 0),
        from_outside("host-shell", "sh", SIGKILL, FORCED),
        zapped("sh", "server"),
        zap("sh", 1, 1),
        killed_by("sh", SIGKILL),
    ],
    lesson: "CMD server in a Dockerfile means sh -c server. Write CMD [\"server\"], or end the \
             script with exec server: then the server itself is PID 1, and its handler is the one \
             that counts. Some shells save the process on their own, for a single simple command. \
             Do not rely on it.",
    article: Some(
        "Often written: the shell form of CMD always puts a shell at PID 1. In truth: bash and \
         busybox sh run a single simple command by exec anyway; Debian 12's dash does not. The same \
         Dockerfile stops at once on one base image and after ten seconds on another.",
    ),
    exercises: &[
        "bash: `sudo unshare -pf --mount-proc bash -c 'cat /proc/1/comm'`",
        "dash: `sudo unshare -pf --mount-proc dash -c 'cat /proc/1/comm'`",
        "A shell with a trap instead: `sudo sigwhy lab run trap-deferred`",
    ],
    functions: &[
        "sig_task_ignored",
        "complete_signal",
        "zap_pid_ns_processes",
    ],
    also: 0,
};
