//! What `docker stop` does to a container whose init handles nothing.

use tracer_common::signals::{SIGKILL, SIGTERM};

use crate::decide::{Outcome, Reason};
use crate::lab::scenario::{Actor, Expect, Fate, From, Scenario, Step};

const INIT: Actor = "entry.sh";

const fn worker(name: Actor) -> Step {
    Step::Child { name, parent: INIT }
}

const fn handles(who: Actor) -> Step {
    Step::Handle {
        who,
        signal: SIGTERM,
    }
}

const fn zapped(to: Actor) -> Expect {
    Expect::Signal {
        from: From::Zap(INIT),
        to,
        signal: SIGKILL,
        outcome: Outcome::Fatal,
        reason: Reason::Kill,
        forced: true,
    }
}

pub const SCENARIO: Scenario = Scenario {
    name: "docker-stop",
    title: "docker stop, where PID 1 handles nothing but its children do",
    summary: "SIGTERM is dropped, then SIGKILL ends PID 1 and all of its workers",
    see: &[],
    prediction: "entry.sh is PID 1 of a container and has no SIGTERM handler; its three \
                 workers have one each, to shut down cleanly. A shell on the host does what docker \
                 stop does: SIGTERM to PID 1 (dropped), the grace period (docker's is 10 s, here it \
                 is short), SIGKILL to PID 1 (fatal). With PID 1 dies its PID namespace: the kernel \
                 kills all three workers, and none of their SIGTERM handlers ever runs.",
    setup: &[
        Step::Host { name: "host-shell" },
        Step::Init {
            name: INIT,
            parent: "host-shell",
        },
        worker("worker-1"),
        worker("worker-2"),
        worker("worker-3"),
        handles("worker-1"),
        handles("worker-2"),
        handles("worker-3"),
    ],
    steps: &[
        Step::Kill {
            from: "host-shell",
            to: INIT,
            signal: SIGTERM,
        },
        Step::Settle { who: INIT },
        Step::Grace,
        Step::Count {
            who: "worker-1",
            signal: SIGTERM,
        },
        Step::Kill {
            from: "host-shell",
            to: INIT,
            signal: SIGKILL,
        },
        Step::Die { who: INIT },
    ],
    expected: &[
        Expect::Signal {
            from: From::Process("host-shell"),
            to: INIT,
            signal: SIGTERM,
            outcome: Outcome::Dropped,
            reason: Reason::UnkillableInit,
            forced: true,
        },
        Expect::Handled {
            who: "worker-1",
            signal: SIGTERM,
            times: 0,
        },
        Expect::Signal {
            from: From::Process("host-shell"),
            to: INIT,
            signal: SIGKILL,
            outcome: Outcome::Fatal,
            reason: Reason::ForcedOnInit,
            forced: true,
        },
        zapped("worker-1"),
        zapped("worker-2"),
        zapped("worker-3"),
        Expect::Zap {
            init: INIT,
            killed: 3,
            unheard: 3,
        },
        Expect::Fate {
            who: INIT,
            fate: Fate::KilledBy(SIGKILL),
        },
    ],
    lesson: "docker stop signals PID 1 and nobody else: whoever is to hear of it must hear it from \
             PID 1. If a script is PID 1, let it end with exec, so that the server itself is PID 1, \
             or put an init there that passes signals on (docker run --init, tini -g). A longer \
             grace period would only make the wait longer.",
    article: None,
    exercises: &[],
    functions: &[
        "sig_task_ignored",
        "complete_signal",
        "zap_pid_ns_processes",
    ],
    also: 0,
};
