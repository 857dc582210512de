//! A shell script as PID 1.

use tracer_common::signals::{SIGCHLD, SIGINT, SIGKILL, SIGQUIT, SIGTERM};

use super::programs::BASH;
use super::terms::*;
use crate::lab::scenario::{MaskSet, Scenario};

pub const SCENARIO: Scenario = Scenario {
    name: "bash-init",
    title: "bash as PID 1: a script that has set no trap",
    summary: "SigCgt 10002: bash hears SIGINT, and no SIGTERM",
    see: &[
        "Three bits decide: SigCgt has 2 and 17, SigIgn has 3, and nobody has 15.",
        "Four signals, three different answers, and bash lives on.",
    ],
    prediction: "bash, played by an actor with its masks, is PID 1, runs a script and waits for a \
                 command: it has handlers for SIGINT and SIGCHLD only. From inside come SIGTERM and \
                 SIGKILL (no handler: dropped), SIGQUIT (set to be ignored: dropped for that) and \
                 SIGINT: handled, and bash lives on.",
    setup: &[
        host("host-shell"),
        init("bash", "host-shell"),
        child("shell", "bash"),
        handle("bash", SIGINT),
        handle("bash", SIGCHLD),
        ignore("bash", SIGQUIT),
        block("bash", SIGCHLD),
    ],
    steps: &[
        look("bash"),
        kill("shell", "bash", SIGTERM),
        kill("shell", "bash", SIGKILL),
        kill("shell", "bash", SIGQUIT),
        kill("shell", "bash", SIGINT),
        settle("bash"),
        count("bash", SIGINT),
    ],
    expected: &[
        caught("bash", BASH.caught),
        masks("bash", MaskSet::Ignored, BASH.ignored),
        masks("bash", MaskSet::Blocked, BASH.blocked),
        from_inside("shell", "bash", SIGTERM, DROPPED),
        from_inside("shell", "bash", SIGKILL, DROPPED),
        from_inside("shell", "bash", SIGQUIT, IGNORED),
        from_inside("shell", "bash", SIGINT, QUEUED),
        taken("bash", SIGINT, HANDLED),
        handled("bash", SIGINT, 1),
        lives("bash"),
    ],
    lesson: "Read SigCgt from the right, bit 1 first: 10002 is bit 2 (SIGINT) and bit 17 (SIGCHLD). \
             Bit 15 is not there, so SIGTERM is dropped. bash has the SIGINT handler for its own \
             use while a command runs: it notes the signal, and goes on with its script. \
             trap 'exit 0' TERM sets bit 15.",
    article: Some(
        "Often written: bash registers two handlers, SIGINT and SIGCHLD. In truth: a script has \
         the one for SIGINT, and SIGCHLD is blocked, while bash waits for a command. A handler \
         in SigCgt does not say that the process will end: bash handles SIGINT and lives.",
    ),
    exercises: &[
        "A real bash: `sudo unshare -pf --mount-proc bash -c 'grep Sig /proc/1/status; true'`",
        "With a trap it hears itself: `sudo unshare -pf bash -c 'trap \"echo heard\" TERM; kill 1; echo on'`",
        "SIGQUIT without SIG_IGN is dropped too, but why? `sigwhy explain --signal QUIT --init`",
    ],
    functions: &["sig_task_ignored", "sig_handler_ignored", "get_signal"],
    also: 0,
};
