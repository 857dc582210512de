//! Reading the masks of `/proc/PID/status`, and where they mislead.

use tracer_common::signals::{SIGCHLD, SIGINT, SIGQUIT, SIGTERM, SIGTTIN, SIGTTOU};

use super::programs::{BASH, DUMB_INIT, GO, PLAIN, TINI};
use super::terms::*;
use crate::lab::scenario::{MaskSet, Scenario};

pub const SCENARIO: Scenario = Scenario {
    name: "masks",
    title: "SigBlk, SigIgn and SigCgt of five inits, and what they do not say",
    summary: "five inits by their masks in /proc, and two that mislead",
    see: &[
        "c-init and tini: neither catches, ignores nor blocks SIGTERM.",
        "Only one of the two drops it.",
        "dumb-init catches SIGTERM, and its handler does not run.",
    ],
    prediction: "Five containers, whose inits are actors with the masks of a bash script, a C \
                 program, a Go program, tini and dumb-init. The host sends SIGTERM to c-init: \
                 dropped. To tini, of whose SIGTERM the masks say as little: queued, for it waits \
                 in sigwait. To dumb-init, which has a handler: sigwait takes it, and the handler \
                 never runs.",
    setup: &[
        host("host-shell"),
        init("bash", "host-shell"),
        handle("bash", SIGINT),
        handle("bash", SIGCHLD),
        ignore("bash", SIGQUIT),
        block("bash", SIGCHLD),
        init("c-init", "host-shell"),
        init("go-init", "host-shell"),
        handle_all("go-init", GO.caught),
        init("tini", "host-shell"),
        ignore("tini", SIGTTIN),
        ignore("tini", SIGTTOU),
        sigwait("tini", TINI.awaited),
        init("dumb-init", "host-shell"),
        handle_all("dumb-init", DUMB_INIT.caught),
        sigwait("dumb-init", DUMB_INIT.awaited),
    ],
    steps: &[
        look("bash"),
        look("c-init"),
        look("go-init"),
        look("tini"),
        look("dumb-init"),
        kill("host-shell", "c-init", SIGTERM),
        settle("c-init"),
        kill("host-shell", "tini", SIGTERM),
        awaken("tini"),
        kill("host-shell", "dumb-init", SIGTERM),
        awaken("dumb-init"),
        count("dumb-init", SIGTERM),
    ],
    expected: &[
        caught("bash", BASH.caught),
        masks("bash", MaskSet::Ignored, BASH.ignored),
        masks("bash", MaskSet::Blocked, BASH.blocked),
        caught("c-init", PLAIN.caught),
        caught("go-init", GO.caught),
        caught("tini", TINI.caught),
        masks("tini", MaskSet::Ignored, TINI.ignored),
        masks("tini", MaskSet::Blocked, TINI.blocked),
        caught("dumb-init", DUMB_INIT.caught),
        masks("dumb-init", MaskSet::Blocked, DUMB_INIT.blocked),
        from_outside("host-shell", "c-init", SIGTERM, DROPPED),
        lives("c-init"),
        from_outside("host-shell", "tini", SIGTERM, AWAITED),
        took("tini", SIGTERM),
        from_outside("host-shell", "dumb-init", SIGTERM, AWAITED),
        took("dumb-init", SIGTERM),
        handled("dumb-init", SIGTERM, 0),
    ],
    lesson: "Count the bits from the right, beginning with 1: 4000 is bit 15, SIGTERM. While a \
             process sleeps in sigtimedwait, the kernel takes what it waits for out of SigBlk and \
             keeps it in real_blocked, which /proc does not show. /proc/PID/syscall shows that \
             it sleeps there (128 on x86-64), and sigwhy ps says: awaited.",
    article: Some(
        "Often written: look whether bit 15 is in SigCgt; if not, PID 1 cannot be stopped. In \
         truth: tini has SigCgt 0 and SigBlk 0 and stops at once. And a bit that is set says \
         that something is called, not that the process ends.",
    ),
    exercises: &[
        "A signalfd does show in SigBlk: `sudo sigwhy lab run catatonit`",
        "What a stop would do to each container that runs here: `sudo sigwhy audit`",
        "Your own shell: `grep Sig /proc/self/status`",
    ],
    functions: &["sig_ignored", "do_sigtimedwait", "sig_task_ignored"],
    also: 0,
};
