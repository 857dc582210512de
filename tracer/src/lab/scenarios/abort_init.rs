//! abort() as PID 1.

use tracer_common::signals::SIGSEGV;

use super::terms::*;
use crate::lab::scenario::{Expect, Scenario, Step};

pub const SCENARIO: Scenario = Scenario {
    name: "abort-init",
    title: "PID 1 calls abort(), which is not so easy",
    summary: "PID 1's SIGABRTs are dropped; a fault ends it, code 139",
    see: &[
        "SIGABRT to itself, more than once, and dropped each time.",
        "It dies of SIGSEGV, which no line of its program caused.",
    ],
    prediction: "init is PID 1 and calls abort(), as a failed assert does. The C library sends itself \
                 SIGABRT: dropped. It restores the default and tries again: dropped. At last it \
                 executes an instruction that a program may not use, and the fault, a SIGSEGV, ends \
                 init.",
    setup: &[host("host-shell"), init("init", "host-shell")],
    steps: &[Step::Abort { who: "init" }, die("init")],
    expected: &[
        Expect::AbortDropped { who: "init" },
        fault("init", SIGSEGV, DUMPED, true),
        taken("init", SIGSEGV, DUMPED),
        zap("init", 0, 0),
        killed_by("init", SIGSEGV),
    ],
    lesson: "Outside of a container the same program ends with 134 (128 + 6, SIGABRT), as PID 1 with \
             139 (128 + 11, SIGSEGV), and whoever reads exit codes looks for a bad pointer that is \
             not there. How often the library tries, and with which instruction it gives up, is \
             its own affair.",
    article: Some(
        "Often written: exit code 139 is a segmentation fault, a bug with memory. In truth: for a \
         PID 1 it may be a failed assertion as well. 137 need not be out of memory either: any \
         SIGKILL gives it, and so does exit(137).",
    ),
    exercises: &[
        "Not as PID 1: `perl -e 'use POSIX; abort'; echo $?`",
        "As PID 1: `sudo unshare -pf perl -e 'use POSIX; abort'; echo $?`",
        "Why SIGABRT is dropped: `sigwhy explain --signal ABRT --init --from itself`",
        "The fault alone: `sudo sigwhy lab run fault-init`",
    ],
    functions: &["sig_task_ignored", "force_sig_info_to_task", "get_signal"],
    also: 0,
};
