//! Who sent it: one case for each way into the core sender.

use super::*;

const NOBODY: Relation = Relation::Kernel;

#[test]
fn system_calls() {
    for code in [si::USER, si::TKILL, si::QUEUE, -3, -7, -60] {
        to_process(15).code(code).by(Kind::Process, Relation::Same);
        to_process(15)
            .sent_by_host()
            .code(code)
            .by(Kind::Process, Relation::Ancestor);
    }
    to_process(15).tkill().by(Kind::Process, Relation::Same);
    // For itself a process may bring any code.
    to_process(9)
        .sent_by_itself()
        .code(si::KERNEL)
        .by(Kind::Process, Relation::Same);
    to_process(11)
        .sent_by_itself()
        .code(1)
        .by(Kind::Process, Relation::Same);
}

#[test]
fn files_that_kill() {
    // cgroup.kill, also of the writer's own, and of a child that is forked into it.
    let cgroup_kill = to_process(9).noinfo().thread();
    cgroup_kill.by(Kind::Process, Relation::Same);
    cgroup_kill
        .sent_by_itself()
        .by(Kind::Process, Relation::Same);
    cgroup_kill
        .sent_by_host()
        .by(Kind::Process, Relation::Ancestor);
    // The hang-up of TIOCNOTTY names its caller, PTRACE_KILL the tracer.
    to_process(1).noinfo().by(Kind::Process, Relation::Same);
}

#[test]
fn parents_and_children() {
    let pdeath = to_process(15).noinfo().sender_exits();
    pdeath
        .with(|s| s.pdeath_signal = 15)
        .by(Kind::ParentDeath, Relation::Same);
    pdeath.by(Kind::ParentDeath, Relation::Same);
    pdeath
        .with(|s| s.pdeath_signal = 1)
        .by(Kind::Process, Relation::Same);
    to_process(17)
        .code(1)
        .sender_exits()
        .by(Kind::ChildExit, Relation::Same);
    to_process(17).code(5).by(Kind::ChildExit, Relation::Same);
}

#[test]
fn memory() {
    let oom = to_process(9).sent_by_kernel().with(|s| s.oom_victim = true);
    oom.by(Kind::Oom, NOBODY);
    // A victim can still be killed by somebody.
    oom.with(|s| s.info = Info::Pointer)
        .code(0)
        .by(Kind::Process, Relation::Same);
    // Memory failure: the task itself, another, or by SIGKILL.
    let poison = to_process(7).thread();
    poison.code(4).sent_by_itself().by(Kind::Fault, NOBODY);
    poison.code(5).sent_by_kthread().by(Kind::Fault, NOBODY);
    to_process(9)
        .sent_by_kernel()
        .thread()
        .sent_by_kthread()
        .by(Kind::Kernel, NOBODY);
}

#[test]
fn terminals() {
    for sig in [1, 2, 3, 20, 28] {
        to_process(sig)
            .sent_by_kernel()
            .sent_by_kthread()
            .by(Kind::Tty, NOBODY);
    }
    // Job control stops the reader or writer itself.
    for sig in [21, 22] {
        to_process(sig)
            .sent_by_kernel()
            .sent_by_itself()
            .by(Kind::Tty, NOBODY);
    }
    // SAK, and a process group that an exiting task leaves orphaned.
    to_process(9)
        .sent_by_kernel()
        .sent_by_kthread()
        .by(Kind::Kernel, NOBODY);
    for sig in [1, 18] {
        to_process(sig)
            .sent_by_kernel()
            .sender_exits()
            .by(Kind::Kernel, NOBODY);
    }
    // bpf_send_signal_thread()
    to_process(2)
        .sent_by_kernel()
        .thread()
        .by(Kind::Kernel, NOBODY);
}

#[test]
fn timers_and_limits() {
    for sig in [14, 26, 27] {
        to_process(sig)
            .sent_by_kernel()
            .sent_by_idle()
            .by(Kind::Timer, NOBODY);
        to_process(sig).sent_by_kernel().by(Kind::Timer, NOBODY);
    }
    for sig in [9, 14, 40] {
        to_process(sig).code(si::TIMER).by(Kind::Timer, NOBODY);
    }
    for sig in [9, 24] {
        to_process(sig)
            .sent_by_kernel()
            .sent_by_itself()
            .by(Kind::Kernel, NOBODY);
    }
}

#[test]
fn input_and_output() {
    for sig in [13, 25] {
        to_process(sig)
            .noinfo()
            .thread()
            .sent_by_itself()
            .by(Kind::Io, NOBODY);
    }
    for sig in [23, 29] {
        to_process(sig).sent_by_kernel().by(Kind::Io, NOBODY);
    }
    to_process(29).code(1).by(Kind::Io, NOBODY);
    // F_SETSIG
    to_process(40).code(1).by(Kind::Io, NOBODY);
    to_process(40).code(si::SIGIO).by(Kind::Io, NOBODY);
    // USB, and libc's own.
    to_process(40).code(si::ASYNCIO).by(Kind::Io, NOBODY);
    to_process(40)
        .code(si::ASYNCIO)
        .sent_by_itself()
        .by(Kind::Process, Relation::Same);
}

#[test]
fn faults_and_tracers() {
    for (sig, code) in [(11, 1), (11, si::KERNEL), (4, 2), (8, 1), (31, 1), (5, 6)] {
        to_process(sig)
            .thread()
            .sent_by_itself()
            .code(code)
            .by(Kind::Fault, NOBODY);
    }
    // force_sig(SIGKILL), where an execve() fails too late.
    to_process(9)
        .thread()
        .sent_by_itself()
        .code(si::KERNEL)
        .by(Kind::Kernel, NOBODY);
    // PTRACE_ATTACH and PTRACE_O_EXITKILL, the latter also by a dying init.
    to_process(19)
        .sent_by_kernel()
        .thread()
        .by(Kind::Kernel, NOBODY);
    let exitkill = to_process(9).sent_by_kernel().thread().sender_exits();
    exitkill.by(Kind::Kernel, NOBODY);
    exitkill.sender(|s| s.nr = 1).by(Kind::Kernel, NOBODY);
    // execve() under an old-style tracer.
    to_process(5)
        .noinfo()
        .thread()
        .sent_by_itself()
        .by(Kind::Kernel, NOBODY);
    // The kfunc bpf_send_signal_task(): a code that no process may send to another.
    to_process(15).code(si::KERNEL).by(Kind::Kernel, NOBODY);
}

#[test]
fn the_end_of_a_namespace() {
    let zap = to_process(9)
        .sent_by_kernel()
        .sender_exits()
        .sender(|s| (s.nr, s.nr_in_target) = (1, 1));
    zap.by(Kind::Zap, Relation::Same);
    zap.with(|s| s.oom_victim = true)
        .by(Kind::Zap, Relation::Same);
    // E44b: of a namespace around it.
    zap.sent_by_host()
        .sender(|s| (s.nr, s.level) = (1, 1))
        .by(Kind::Zap, Relation::Ancestor);
    // The machine's init has no such end; an RLIMIT_CPU of the init is its own;
    // reboot(2) does not come from an exiting task.
    zap.sender(|s| s.level = 0).by(Kind::Kernel, NOBODY);
    zap.sent_by_itself().by(Kind::Kernel, NOBODY);
    to_init(9)
        .sent_by_kernel()
        .thread()
        .by(Kind::Kernel, NOBODY);
    // SysRq-e and -i, and the kernel's own threads.
    for sig in [9, 15] {
        to_process(sig)
            .sent_by_kernel()
            .sent_by_kthread()
            .by(Kind::Kernel, NOBODY);
        to_process(sig)
            .noinfo()
            .sent_by_kthread()
            .by(Kind::Kernel, NOBODY);
    }
    to_process(15).sent_by_kthread().by(Kind::Kernel, NOBODY);
}
