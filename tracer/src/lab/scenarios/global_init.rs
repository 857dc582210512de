//! The machine's own PID 1, about which the model is asked only.

use tracer_common::signals::{SIGKILL, SIGSEGV, SIGTERM};

use super::terms::*;
use crate::decide::{Outcome, Reason};
use crate::explain::{From, Question, Set, Target};
use crate::lab::scenario::{Expect, Scenario, Step};

const fn machine(signal: u32, from: From, set: Set) -> Question {
    Question::new(signal, from, Target::GlobalInit, set)
}

const TERM: Question = machine(SIGTERM, From::Inside, Set::Default);
const TERM_HANDLED: Question = machine(SIGTERM, From::Inside, Set::Handler);
const KILL: Question = machine(SIGKILL, From::Kernel, Set::Default);
const FAULT: Question = machine(SIGSEGV, From::Fault, Set::Default);

const fn consult(question: Question) -> Step {
    Step::Consult { question }
}

const fn foreseen(question: Question, decision: Decision, forced: bool) -> Expect {
    Expect::Foreseen {
        question,
        outcome: decision.0,
        reason: decision.1,
        forced,
    }
}

pub const SCENARIO: Scenario = Scenario {
    name: "global-init",
    title: "the machine's own PID 1, which nobody can kill -9",
    summary: "the machine's PID 1: not even the kernel's SIGKILL",
    see: &[
        "A container's PID 1 dies of a SIGKILL from outside, for real.",
        "To the machine's nothing is sent: the model of the kernel is asked.",
    ],
    prediction: "First init, PID 1 of a container: the host's SIGKILL ends it. For the machine's PID 1 \
                 there is no outside: everybody sees everybody. The model says: SIGTERM is dropped \
                 without a handler and queued with one; SIGKILL is dropped by a test of its own, \
                 though the kernel sends it; and a fault is fatal, and then the kernel panics.",
    setup: &[host("host-shell"), init("init", "host-shell")],
    steps: &[
        kill("host-shell", "init", SIGKILL),
        die("init"),
        consult(TERM),
        consult(TERM_HANDLED),
        consult(KILL),
        consult(FAULT),
    ],
    expected: &[
        from_outside("host-shell", "init", SIGKILL, FORCED),
        zap("init", 0, 0),
        killed_by("init", SIGKILL),
        foreseen(TERM, DROPPED, false),
        foreseen(TERM_HANDLED, QUEUED, false),
        foreseen(KILL, (Outcome::Dropped, Reason::GlobalInit), true),
        foreseen(FAULT, DUMPED, false),
    ],
    lesson: "is_global_init() comes first in sig_task_ignored(), before force is looked at: SIGKILL \
             and SIGSTOP never reach the machine's init, whoever sends them. systemd reads SIGTERM \
             by choice, and re-executes itself. If that process ends, the kernel panics: \
             \"Attempted to kill init!\".",
    article: Some(
        "Often written: PID 1 never receives SIGKILL. In truth: that holds for one process, the \
         machine's init. A container's PID 1 is only an init to those inside.",
    ),
    exercises: &[
        "Every signal to it: `sigwhy explain --table --global-init`",
        "From inside a container it is not even visible: `sigwhy explain --signal KILL --global-init --from sibling`",
        "Without the test of its own: `sigwhy explain --signal KILL --init --from kernel`",
    ],
    functions: &["sig_task_ignored", "is_global_init", "do_exit"],
    also: 0,
};
