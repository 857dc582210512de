//! tini -g, and who is not in the group.

use tracer_common::signals::{SIGTERM, SIGTTIN, SIGTTOU};

use super::programs::TINI;
use super::terms::*;
use crate::lab::scenario::{Scenario, Step};

pub const SCENARIO: Scenario = Scenario {
    name: "tini-g",
    title: "tini -g signals the process group, and setsid leaves it",
    summary: "the group hears; who called setsid does not",
    see: &[
        "kill(-PGID): one call, two processes.",
        "daemon called setsid() and is in no group that anybody signals.",
    ],
    prediction: "tini -g, played by an actor, is PID 1, app its child in a process group of its \
                 own. worker is in that group; daemon was, until it called setsid(). SIGTERM from \
                 the host makes tini call kill(-PGID): app dies of it, and worker's handler runs. \
                 daemon has a handler too, hears nothing, and is killed when tini exits.",
    setup: &[
        host("host-shell"),
        init("tini", "host-shell"),
        ignore("tini", SIGTTIN),
        ignore("tini", SIGTTOU),
        child("app", "tini"),
        member("worker", "app"),
        handle("worker", SIGTERM),
        member("daemon", "app"),
        Step::SetSid { who: "daemon" },
        handle("daemon", SIGTERM),
        sigwait("tini", TINI.awaited),
    ],
    steps: &[
        kill("host-shell", "tini", SIGTERM),
        awaken("tini"),
        kill_group("tini", "app", SIGTERM),
        die("app"),
        settle("worker"),
        count("worker", SIGTERM),
        count("daemon", SIGTERM),
        exit("worker", 0),
        die("worker"),
        reap("tini", "worker"),
        reap("tini", "app"),
        exit("tini", BY_SIGTERM),
        die("tini"),
    ],
    expected: &[
        from_outside("host-shell", "tini", SIGTERM, AWAITED),
        took("tini", SIGTERM),
        from_inside("tini", "app", SIGTERM, TERMINATED),
        from_inside("tini", "worker", SIGTERM, QUEUED),
        taken("worker", SIGTERM, HANDLED),
        handled("worker", SIGTERM, 1),
        handled("daemon", SIGTERM, 0),
        exits("worker", 0),
        killed_by("app", SIGTERM),
        zapped("tini", "daemon"),
        zap("tini", 1, 1),
        exits("tini", BY_SIGTERM),
    ],
    lesson: "A child starts in the process group of its parent, so a whole tree hears of \
             kill(-PGID), unless somebody in it calls setsid or setpgid: daemons, interactive \
             shells, supervisors. And tini exits once app has ended: worker must be as quick as \
             app, or the end of the namespace cuts it short.",
    article: Some(
        "Often written: use tini -g to propagate SIGTERM to all processes inside the container. \
         In truth: to one process group. And tini does not wait for the group, only for its \
         child.",
    ),
    exercises: &[
        "Groups and sessions on your machine: `ps -eo pid,pgid,sid,args`",
        "Without -g: `sudo sigwhy lab run tini`",
        "Without any init: `sudo sigwhy lab run docker-stop`",
    ],
    functions: &[
        "kill_something_info",
        "__kill_pgrp_info",
        "zap_pid_ns_processes",
    ],
    also: 0,
};
