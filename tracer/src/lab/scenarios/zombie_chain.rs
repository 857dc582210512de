//! A zombie whose parent lives and does not wait.

use tracer_common::signals::{SIGCHLD, SIGKILL, mask};

use super::terms::*;
use crate::lab::scenario::Scenario;

pub const SCENARIO: Scenario = Scenario {
    name: "zombie-chain",
    title: "A starts B, B starts C, C exits, and B does not wait",
    summary: "a zombie under a live parent: out of init's reach",
    see: &[
        "C is a zombie (Z) all along, as a child of B and then of A.",
        "The SIGKILL to C does nothing: it is dead already.",
        "The end of B brings A two SIGCHLD: one of them is about C.",
    ],
    prediction: "A is PID 1, B its child, C the child of B. C exits: the SIGCHLD goes to B, which does \
                 not wait, and C stays as a zombie. A cannot help: waitpid() fails with ECHILD, \
                 SIGKILL does nothing. B exits: C is now A's, and A is told of both. One waitpid() \
                 reaps B and leaves C; the next reaps it.",
    setup: &[
        host("host-shell"),
        init("A", "host-shell"),
        child("B", "A"),
        child("C", "B"),
    ],
    steps: &[
        exit("C", 0),
        die("C"),
        peek("C"),
        cannot_reap("A", "C"),
        kill("A", "C", SIGKILL),
        peek("C"),
        exit("B", 0),
        die("B"),
        peek("C"),
        reap("A", "B"),
        peek("C"),
        reap("A", "C"),
        probe("A", "C", libc::ESRCH),
    ],
    expected: &[
        of_child("C", "B", NO_ACTION),
        state("C", 'Z'),
        parent("C", "B"),
        from_inside("A", "C", SIGKILL, TOO_LATE),
        state("C", 'Z'),
        parent("C", "B"),
        of_orphan("C", "B", "A", NO_ACTION),
        of_child("B", "A", NO_ACTION),
        exits("B", 0),
        state("C", 'Z'),
        parent("C", "A"),
        state("C", 'Z'),
        parent("C", "A"),
        exits("C", 0),
        lives("A"),
    ],
    lesson: "Only the parent can reap, and PID 1 becomes the parent when the old one is gone, not \
             before. An init that calls wait() once for each SIGCHLD leaves C for ever where the \
             two merge into one; a loop does not. While B lives, mend or end B: nothing else \
             removes C, and no signal does.",
    article: Some(
        "Often written: an init in the container takes care of zombies, and kill -9 of the rest. \
         In truth: not of those whose parent lives and does not wait. tini as PID 1 does nothing \
         about them, and SIGKILL to a zombie is dropped, though kill says 0.",
    ),
    exercises: &[
        "B dies first, and C lives on: `sudo sigwhy lab run orphans`",
        "Why the SIGCHLDs merge: `sudo sigwhy lab run zombies`",
        "Such a C for two seconds: `sh -c 'true & exec sleep 2' & sleep 1; ps -f --ppid $!`",
        "SIGKILL to who is dead: `sigwhy explain --signal KILL --dying`",
    ],
    functions: &["wait_task_zombie", "reparent_leader", "prepare_signal"],
    also: mask(SIGCHLD),
};
