//! A process put into a container from outside.

use tracer_common::signals::{SIGKILL, SIGTERM};

use super::terms::*;
use crate::lab::scenario::{Scenario, Step};

pub const SCENARIO: Scenario = Scenario {
    name: "docker-exec",
    title: "docker exec: inside for signals, outside by its parent",
    summary: "kill 1 from docker exec, and who must reap the exec",
    see: &[
        "force no: for PID 1, whoever came by docker exec is inside.",
        "The end of the container waits for a process on the host.",
    ],
    prediction: "runc, on the host, puts exec-sh into the container of init, as docker exec does: its \
                 parent stays outside. From exec-sh, SIGTERM and SIGKILL to PID 1 are dropped: init \
                 can see it. Then init exits: exec-sh is killed with the namespace, but init is \
                 not gone before runc has reaped that zombie.",
    setup: &[
        host("runc"),
        init("init", "runc"),
        Step::Inject {
            name: "exec-sh",
            parent: "runc",
            inside: "init",
        },
    ],
    steps: &[
        kill("exec-sh", "init", SIGTERM),
        kill("exec-sh", "init", SIGKILL),
        settle("init"),
        exit("init", 0),
        die("exec-sh"),
        peek("exec-sh"),
        peek("init"),
        reap("runc", "exec-sh"),
        die("init"),
    ],
    expected: &[
        from_inside("exec-sh", "init", SIGTERM, DROPPED),
        from_inside("exec-sh", "init", SIGKILL, DROPPED),
        zapped("init", "exec-sh"),
        zap("init", 1, 0),
        state("exec-sh", 'Z'),
        parent("exec-sh", "runc"),
        killed_by("exec-sh", SIGKILL),
        exits("init", 0),
    ],
    lesson: "Who is forked after a setns(2) has a number in the container, and that is what force \
             asks for; the caller of setns(2) gets none. Its parent is another matter: only runc \
             (really containerd's shim) can reap it. While that does not happen, init sleeps in \
             zap_pid_ns_processes() and no signal ends it. More: docs/kernel-beliefs.md, 11, 12, 14.",
    article: Some(
        "Often written: docker exec runs a child of the container's PID 1. In truth: its parent is \
         outside, where it has another number. PID 1 is not told of its end, and cannot reap it; \
         inside, its parent's number is shown as 0.",
    ),
    exercises: &[
        "What is said of a container that such a zombie keeps: `sigwhy explain zap-wait-injected`",
        "What the kernel makes of its kill -9 1: `sigwhy explain --signal KILL --init`",
        "The same signals from a child of PID 1: `sudo sigwhy lab run kill-init`",
    ],
    functions: &["send_signal_locked", "zap_pid_ns_processes", "do_wait"],
    also: 0,
};
