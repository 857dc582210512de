//! What `docker stop` does to a container whose init handles nothing.

use tracer_common::signals::{SIGKILL, SIGTERM};

use super::terms::*;
use crate::lab::scenario::{Actor, Scenario, Step};

const INIT: Actor = "entry.sh";

pub const SCENARIO: Scenario = Scenario {
    name: "docker-stop",
    title: "docker stop, where PID 1 handles nothing but its children do",
    summary: "SIGTERM is dropped, SIGKILL ends PID 1 and its workers",
    see: &[
        "The grace period passes, and nobody knows that it does.",
        "Three SIGTERM handlers, and none of them runs.",
    ],
    prediction: "entry.sh is PID 1 of a container and has no SIGTERM handler; its three \
                 workers have one each, to shut down cleanly. A shell on the host does what docker \
                 stop does: SIGTERM to PID 1 (dropped), the grace period (docker's is 10 s, here it \
                 is short), SIGKILL to PID 1 (fatal). With PID 1 dies its PID namespace: the kernel \
                 kills all three workers, and none of their SIGTERM handlers ever runs.",
    setup: &[
        host("host-shell"),
        init(INIT, "host-shell"),
        child("worker-1", INIT),
        child("worker-2", INIT),
        child("worker-3", INIT),
        handle("worker-1", SIGTERM),
        handle("worker-2", SIGTERM),
        handle("worker-3", SIGTERM),
    ],
    steps: &[
        kill("host-shell", INIT, SIGTERM),
        settle(INIT),
        Step::Grace,
        count("worker-1", SIGTERM),
        kill("host-shell", INIT, SIGKILL),
        die(INIT),
    ],
    expected: &[
        from_outside("host-shell", INIT, SIGTERM, DROPPED),
        handled("worker-1", SIGTERM, 0),
        from_outside("host-shell", INIT, SIGKILL, FORCED),
        zapped(INIT, "worker-1"),
        zapped(INIT, "worker-2"),
        zapped(INIT, "worker-3"),
        zap(INIT, 3, 3),
        killed_by(INIT, SIGKILL),
    ],
    lesson: "docker stop signals PID 1 and nobody else: whoever is to hear of it must hear it from \
             PID 1. If a script is PID 1, let it end with exec, so that the server itself is PID 1, \
             or put an init there that passes signals on (docker run --init, tini -g). A longer \
             grace period would only make the wait longer.",
    article: Some(
        "Often written: the workers were killed since they did not react to SIGTERM in time. In \
         truth: they never got one. Nobody sent it to them, and PID 1, who did get one sent, \
         never saw it.",
    ),
    exercises: &[
        "A longer wait, to the same end: `sudo sigwhy lab run docker-stop --grace 5`",
        "An init that passes it on: `sudo sigwhy lab run tini-g`",
        "A PID 1 that ends at once saves the wait, not the workers: `sudo sigwhy lab run init-exits`",
    ],
    functions: &[
        "sig_task_ignored",
        "complete_signal",
        "zap_pid_ns_processes",
    ],
    also: 0,
};
