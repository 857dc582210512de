//! Ignore, catch, default: one process, one signal.

use tracer_common::signals::{SIGKILL, SIGTERM};

use super::terms::*;
use crate::lab::scenario::{Scenario, Step};

pub const SCENARIO: Scenario = Scenario {
    name: "signal-dispositions",
    title: "SIGTERM ignored, caught, and left at its default",
    summary: "SIG_IGN, a handler, SIG_DFL: one process, three fates",
    see: &[
        "The same call three times: dropped, handled, fatal.",
        "For SIGKILL the kernel refuses a handler: EINVAL.",
    ],
    prediction: "app is an ordinary process of a container, not its PID 1, and sends itself SIGTERM \
                 three times. It ignores it: dropped. It has a handler: the handler runs once. It \
                 tries to set one for SIGKILL: EINVAL. It goes back to the default: SIGTERM ends it \
                 there and then.",
    setup: &[
        host("host-shell"),
        init("init", "host-shell"),
        child("app", "init"),
    ],
    steps: &[
        ignore("app", SIGTERM),
        kill("app", "app", SIGTERM),
        handle("app", SIGTERM),
        kill("app", "app", SIGTERM),
        count("app", SIGTERM),
        Step::CannotHandle {
            who: "app",
            signal: SIGKILL,
            errno: libc::EINVAL,
        },
        default("app", SIGTERM),
        kill("app", "app", SIGTERM),
        die("app"),
    ],
    expected: &[
        from_inside("app", "app", SIGTERM, IGNORED),
        from_inside("app", "app", SIGTERM, QUEUED),
        taken("app", SIGTERM, HANDLED),
        handled("app", SIGTERM, 1),
        from_inside("app", "app", SIGTERM, TERMINATED),
        killed_by("app", SIGTERM),
    ],
    lesson: "There are three dispositions, and sigaction(2) sets them: SIG_IGN, a function, SIG_DFL. \
             SIG_IGN survives execve, a function does not, since its code is gone: it becomes \
             SIG_DFL. What nohup does to SIGHUP is the one, and what a wrapper script loses by exec \
             is the other.",
    article: Some(
        "Often written: kill(0, SIGTERM) sends the process itself a signal. In truth: 0 is its \
         whole process group, the shell that started it perhaps included. raise(SIGTERM), or \
         kill(getpid(), SIGTERM), means itself.",
    ),
    exercises: &[
        "The third one as PID 1: `sigwhy explain --signal TERM --init --from itself`",
        "Ignored and blocked: `sigwhy explain --signal TERM --blocked --handler ignore`",
        "The same three in bash: `bash -c 'for t in \"\" \"echo hi\" -; do trap \"$t\" TERM; kill $$; done'`",
    ],
    functions: &["do_sigaction", "sig_handler_ignored", "complete_signal"],
    also: 0,
};
