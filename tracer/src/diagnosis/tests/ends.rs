//! Ends: too early, by SIGKILL, by a fault.

use super::*;

#[test]
fn direct_child() {
    let tape = Tape::new("tini")
        .named(2, "sh")
        .named(3, "server")
        .signal(15, From::Runtime, 1, (Outcome::Queued, Reason::Sigwait))
        .handled(15, From::Member(1), 2)
        .exits(2, 143)
        .exits(1, 143)
        .zaps(&[(3, true, false)])
        .zapped();
    assert_eq!(
        golden("FORWARD_DIRECT_CHILD_ONLY", tape),
        ["FORWARD_DIRECT_CHILD_ONLY"]
    );
}

#[test]
fn shell_exits_first() {
    let tape = Tape::new("bash")
        .named(2, "server")
        .handled(15, From::Runtime, 1)
        .exits(1, 143)
        .zaps(&[(2, true, false)])
        .zapped();
    assert_eq!(golden("SHELL_EXITS_FIRST", tape), ["SHELL_EXITS_FIRST"]);
}

#[test]
fn init_exits_first() {
    let alone = Tape::new("app")
        .named(2, "worker")
        .exits(1, 0)
        .zaps(&[(2, true, false)])
        .zapped();
    assert_eq!(golden("INIT_EXITED_FIRST", alone), ["INIT_EXITED_FIRST"]);
    let told = Tape::new("app")
        .handled(15, From::Runtime, 1)
        .exits(1, 0)
        .zaps(&[(2, true, true)])
        .zapped();
    assert_eq!(ids(told), [""; 0], "it had seen its SIGTERM");
}

#[test]
fn kill_without_stop() {
    let runtime = Tape::new("app").killed(From::Runtime).dies_with(&[]);
    assert_eq!(golden("KILL_WITHOUT_STOP", runtime), ["KILL_WITHOUT_STOP"]);
    let person = Tape::new("app").killed(From::Host).dies_with(&[]);
    assert_eq!(ids(person), ["KILL_WITHOUT_STOP"]);
}

#[test]
fn pod_killed() {
    let stop = Tape::new("app").in_pod().dropped(15, From::Runtime);
    assert_eq!(
        golden("PROBE_OR_EVICTION", killed(stop, &[])),
        ["PID1_NO_HANDLER", "GRACE_EXPIRED_KILL", "PROBE_OR_EVICTION"]
    );
}

#[test]
fn pre_stop() {
    let late = Tape::new("app")
        .in_pod()
        .handled(15, From::Runtime, 1)
        .at(62_000)
        .killed(From::Runtime)
        .dies_with(&[]);
    assert_eq!(
        golden("PRESTOP_ATE_GRACE", late),
        [
            "HANDLER_NO_EXIT",
            "PRESTOP_ATE_GRACE",
            "GRACE_EXPIRED_KILL",
            "PROBE_OR_EVICTION"
        ]
    );
}

#[test]
fn oom_of_the_init() {
    let tape = Tape::new("app").killed(From::Of(Kind::Oom)).dies_with(&[]);
    assert_eq!(golden("OOM_INIT", tape), ["OOM_INIT"]);
}

#[test]
fn oom_of_a_child() {
    let tape = Tape::new("app")
        .named(2, "greedy")
        .signal(9, From::Of(Kind::Oom), 2, (Outcome::Fatal, Reason::Kill))
        .dies(2, 9);
    assert_eq!(golden("OOM_CHILD", tape), ["OOM_CHILD"]);
}

#[test]
fn kill9_from_inside() {
    let tape = Tape::new("app").signal(9, From::Member(2), 1, DROPPED);
    assert_eq!(golden("KILL9_FROM_INSIDE", tape), ["KILL9_FROM_INSIDE"]);
}

#[test]
fn cgroup_kill_inside() {
    let tape = Tape::new("app").signal_with(9, From::Member(2), 1, DROPPED, |kill| {
        kill.scope = Scope::Thread;
    });
    assert_eq!(golden("CGROUP_KILL_INSIDE", tape), ["CGROUP_KILL_INSIDE"]);
}

#[test]
fn sigqueue_without_ids() {
    let tape = Tape::new("app").signal_with(9, From::Of(Kind::Timer), 1, DROPPED, |kill| {
        kill.signal.code = -2;
    });
    assert_eq!(golden("SIGQUEUE_NO_IDS", tape), ["SIGQUEUE_NO_IDS"]);
}

#[test]
fn foreign_group() {
    let tape = Tape::new("app").killed(From::Neighbour).dies_with(&[]);
    assert_eq!(golden("FOREIGN_PGRP_KILL", tape), ["FOREIGN_PGRP_KILL"]);
}

#[test]
fn parent_death() {
    let tape = Tape::new("app")
        .killed(From::Of(Kind::ParentDeath))
        .dies_with(&[]);
    assert_eq!(golden("PDEATHSIG", tape), ["PDEATHSIG"]);
}

#[test]
fn cpu_limit() {
    let tape = Tape::new("app")
        .dropped(24, From::Of(Kind::Kernel))
        .killed(From::Of(Kind::Kernel))
        .dies_with(&[]);
    assert_eq!(golden("RLIMIT_CPU", tape), ["RLIMIT_CPU"]);
}

#[test]
fn reboot() {
    let kill = |traced| {
        Tape::new("app")
            .signal_with(9, From::Of(Kind::Kernel), 1, FATAL, |kill| {
                kill.scope = Scope::Thread;
                kill.target.ptraced = traced;
            })
            .dies_with(&[])
    };
    assert_eq!(golden("REBOOT_IN_NS", kill(false)), ["REBOOT_IN_NS"]);
    assert_eq!(
        ids(kill(true)),
        [""; 0],
        "a tracer that ended, with EXITKILL"
    );
}

#[test]
fn threads_of_an_init() {
    let tape = Tape::new("app")
        .signal(
            15,
            From::Member(2),
            1,
            (Outcome::Fatal, Reason::DefaultTerminate),
        )
        .dies(1, 15)
        .zaps(&[])
        .zapped();
    assert_eq!(golden("MT_INIT_KILLED", tape), ["MT_INIT_KILLED"]);
}

const FAULT: (Outcome, Reason) = (Outcome::Fatal, Reason::DefaultCore);

#[test]
fn crash() {
    let tape = Tape::new("app")
        .signal(11, From::Of(Kind::Fault), 1, FAULT)
        .dies(1, 11)
        .zaps(&[])
        .zapped();
    assert_eq!(golden("INIT_CRASHED", tape.clone()), ["INIT_CRASHED"]);
    assert_eq!(episodes(&tape)[0].exit_code, Some(139));
}

#[test]
fn abort_as_pid1() {
    let tape = Tape::new("app")
        .signal(6, From::Member(1), 1, DROPPED)
        .signal(6, From::Member(1), 1, DROPPED)
        .signal(11, From::Of(Kind::Fault), 1, FAULT)
        .dies(1, 11)
        .zaps(&[])
        .zapped();
    assert_eq!(golden("PID1_ABORT_AS_SEGV", tape), ["PID1_ABORT_AS_SEGV"]);
}

#[test]
fn seccomp() {
    let tape = Tape::new("app")
        .signal(31, From::Of(Kind::Fault), 1, FAULT)
        .dies(1, 31)
        .zaps(&[])
        .zapped();
    assert_eq!(golden("SECCOMP_KILL", tape), ["SECCOMP_KILL"]);
    let silent = Tape::new("app").dies(1, 31).zaps(&[]).zapped();
    assert_eq!(ids(silent), ["SECCOMP_KILL"], "as on 5.10");
}

#[test]
fn slow_core() {
    let tape = Tape::new("app")
        .signal(11, From::Of(Kind::Fault), 1, FAULT)
        .signal(
            15,
            From::Runtime,
            1,
            (Outcome::Dropped, Reason::CoreDumping),
        )
        .at(64_000)
        .dies(1, 11)
        .zaps(&[])
        .zapped();
    assert_eq!(
        golden("CORE_DUMP_SLOW", tape),
        ["INIT_CRASHED", "CORE_DUMP_SLOW"]
    );
}
