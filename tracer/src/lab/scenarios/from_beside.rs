//! A sibling container reaches another one's PID 1, by a process group.

use tracer_common::signals::{SIGCONT, SIGKILL, SIGSTOP};

use super::terms::*;
use crate::lab::scenario::{Scenario, Step};

const fn init_member(name: &'static str, parent: &'static str) -> Step {
    Step::InitMember { name, parent }
}

pub const SCENARIO: Scenario = Scenario {
    name: "from-beside",
    title: "kill(0) in one container ends the PID 1 of another",
    summary: "a sibling's SIGSTOP and SIGKILL, by a process group",
    see: &[
        "One call each time, and three targets in three namespaces.",
        "`force` is no for here and for script, and yes for beside.",
        "The SIGKILL spares its sender: it is PID 1, and sees itself.",
    ],
    prediction: "A script on the host starts two containers, and all three are in one process group. \
                 here, PID 1 of the first, signals its group. It is dropped for itself. The script \
                 sees here: an ordinary stop, an ordinary death. For beside, PID 1 of the other \
                 container, here has no number: forced. SIGSTOP stops beside, SIGKILL ends it. \
                 here lives, until the script's parent kills it.",
    setup: &[
        host("host-shell"),
        Step::Subreaper { who: "host-shell" },
        child("script", "host-shell"),
        init_member("here", "script"),
        init_member("beside", "script"),
    ],
    steps: &[
        kill_own_group("here", SIGSTOP),
        settle("beside"),
        peek("script"),
        peek("beside"),
        peek("here"),
        kill_group("host-shell", "script", SIGCONT),
        settle("beside"),
        kill_own_group("here", SIGKILL),
        die("beside"),
        die("script"),
        peek("here"),
        reap("host-shell", "script"),
        reap("host-shell", "beside"),
        kill("host-shell", "here", SIGKILL),
        die("here"),
        reap("host-shell", "here"),
    ],
    expected: &[
        from_inside("here", "here", SIGSTOP, DROPPED),
        from_outside("here", "beside", SIGSTOP, STOPS),
        from_inside("here", "script", SIGSTOP, STOPS),
        taken("beside", SIGSTOP, STOPPED),
        state("script", 'T'),
        state("beside", 'T'),
        state("here", 'S'),
        from_outside("host-shell", "here", SIGCONT, NO_ACTION),
        from_outside("host-shell", "beside", SIGCONT, NO_ACTION),
        from_inside("here", "here", SIGKILL, DROPPED),
        from_outside("here", "beside", SIGKILL, FORCED),
        from_inside("here", "script", SIGKILL, KILLED),
        zap("beside", 0, 0),
        killed_by("beside", SIGKILL),
        killed_by("script", SIGKILL),
        state("here", 'S'),
        parent("here", "host-shell"),
        from_outside("host-shell", "here", SIGKILL, FORCED),
        zap("here", 0, 0),
        killed_by("here", SIGKILL),
    ],
    lesson: "A PID namespace hides numbers, and kill(0) asks for none: it takes who is in the \
             caller's process group, which fork hands on, into containers too. Runtimes begin a \
             session for each container, and so none is shared. Two `unshare -pf` in one script \
             share theirs, unless setsid is before them.",
    article: Some(
        "Often written: init only takes SIGKILL and SIGSTOP from an ancestor namespace (the \
         manual, and the kernel's own comment). In truth: from every sender that has no number \
         in its namespace. A sibling is one.",
    ),
    exercises: &[
        "The test that forces it: `sigwhy explain --signal KILL --init --from sibling`",
        "What it cannot do by number: `sudo sigwhy lab run from-where`",
        "Groups and sessions on your machine: `ps -eo pid,pgid,sid,args`",
    ],
    functions: &["__kill_pgrp_info", "send_signal_locked", "sig_task_ignored"],
    also: 0,
};
