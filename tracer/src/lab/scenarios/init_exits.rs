//! The init ends by itself, and what that does to the rest.

use tracer_common::signals::SIGTERM;

use super::terms::*;
use crate::lab::scenario::Scenario;

pub const SCENARIO: Scenario = Scenario {
    name: "init-exits",
    title: "PID 1 exits cleanly, and everybody else is killed",
    summary: "exit(0) of PID 1 is a SIGKILL for all the others",
    see: &[
        "server handles SIGTERM well and exits with 0.",
        "Two processes get SIGKILL from nobody: from the end of the namespace.",
    ],
    prediction: "server is PID 1 and does what it should: it handles SIGTERM and exits with code 0. \
                 Its worker has a SIGTERM handler to save its data, its logger has none. The moment \
                 server is gone, its PID namespace ends, and the kernel kills both with SIGKILL. \
                 The worker's handler never runs.",
    setup: &[
        host("host-shell"),
        init("server", "host-shell"),
        handle("server", SIGTERM),
        child("worker", "server"),
        handle("worker", SIGTERM),
        child("logger", "server"),
    ],
    steps: &[
        kill("host-shell", "server", SIGTERM),
        settle("server"),
        exit("server", 0),
        die("server"),
    ],
    expected: &[
        from_outside("host-shell", "server", SIGTERM, QUEUED),
        taken("server", SIGTERM, HANDLED),
        zapped("server", "worker"),
        zapped("server", "logger"),
        zap("server", 2, 1),
        exits("server", 0),
    ],
    lesson: "A PID namespace without its init cannot be: zap_pid_ns_processes() kills whoever is \
             left and waits for them. docker shows exit code 0, and the data of the worker is \
             lost. A PID 1 with children must pass SIGTERM on, wait until they have ended, and only \
             then exit.",
    article: Some(
        "Often written: when a container stops, its processes get SIGTERM and PID 1 forwards it. \
         In truth: the kernel forwards nothing, and the SIGKILL of the end comes whether PID 1 \
         was killed, crashed or exited with 0.",
    ),
    exercises: &[
        "An init that passes it on to one child: `sudo sigwhy lab run tini`",
        "To the whole process group: `sudo sigwhy lab run tini-g`",
        "What each of your containers would lose: `sudo sigwhy audit`",
    ],
    functions: &["do_exit", "find_child_reaper", "zap_pid_ns_processes"],
    also: 0,
};
