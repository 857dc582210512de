//! Whose child an orphan becomes.

use tracer_common::signals::{SIGCHLD, mask};

use super::terms::*;
use crate::lab::scenario::{Scenario, Step};

pub const SCENARIO: Scenario = Scenario {
    name: "orphans",
    title: "A starts B, B starts C, B exits: whose child is C?",
    summary: "an orphan becomes the child of its namespace's PID 1",
    see: &[
        "C's parent changes without any signal to C.",
        "B is a zombie (Z) until A reaps it.",
        "A subreaper in between gets the orphan, and PID 1 does not.",
    ],
    prediction: "A is PID 1 of a container, started B, and B started C. B exits: A gets a SIGCHLD, \
                 B stays as a zombie, and C is now a child of A. A reaps B. Then C exits: the SIGCHLD \
                 goes to A, who never started C and must reap it too. The same with D, E and F, \
                 but D is a subreaper: E exits, and F is a child of D.",
    setup: &[
        host("host-shell"),
        init("A", "host-shell"),
        child("B", "A"),
        child("C", "B"),
        child("D", "A"),
        Step::Subreaper { who: "D" },
        child("E", "D"),
        child("F", "E"),
    ],
    steps: &[
        peek("C"),
        exit("B", 0),
        die("B"),
        peek("B"),
        peek("C"),
        reap("A", "B"),
        exit("C", 0),
        die("C"),
        peek("C"),
        reap("A", "C"),
        exit("E", 0),
        die("E"),
        reap("D", "E"),
        peek("F"),
    ],
    expected: &[
        parent("C", "B"),
        of_child("B", "A", NO_ACTION),
        state("B", 'Z'),
        parent("B", "A"),
        parent("C", "A"),
        exits("B", 0),
        of_child("C", "A", NO_ACTION),
        state("C", 'Z'),
        parent("C", "A"),
        exits("C", 0),
        of_child("E", "D", NO_ACTION),
        exits("E", 0),
        parent("F", "D"),
        lives("A"),
    ],
    lesson: "A PID 1 that never calls wait() for children it did not start collects a zombie for \
             every orphan, each with a number of its own, until the limit on PIDs is reached. That \
             SIGCHLD is dropped does no harm: wait() finds the dead child whether or not anybody \
             was told.",
    article: Some(
        "Often written: the operating system reparents orphans to PID 1. In truth: to the nearest \
         living ancestor that called PR_SET_CHILD_SUBREAPER (containerd's shim, systemd --user), \
         and only else to PID 1 of the namespace that the dead parent lived in.",
    ),
    exercises: &[
        "C dies first, and B does not wait: `sudo sigwhy lab run zombie-chain`",
        "Three that die at once, and one SIGCHLD: `sudo sigwhy lab run zombies`",
        "The parent is outside of the container: `sudo sigwhy lab run docker-exec`",
        "Why the SIGCHLD is dropped, and not only for PID 1: `sigwhy explain --signal CHLD`",
    ],
    functions: &[
        "forget_original_parent",
        "find_new_reaper",
        "do_notify_parent",
    ],
    also: mask(SIGCHLD),
};
