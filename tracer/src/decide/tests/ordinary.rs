//! Signals to ordinary processes, and how kernels differ.

use super::super::situation::{SIGNAL_GROUP_COREDUMP, SIGNAL_STOP_STOPPED};
use super::*;
use Outcome::{Coalesced, Dropped, Failed, Fatal, Queued};

const GROUP_EXIT: &str = "prepare_signal/group_exit";
const SIG_FATAL: &str = "complete_signal/sig_fatal";

#[test]
fn default_actions() {
    for (id, sig, reason) in [
        ("E40", 9, Reason::Kill),
        ("E12c", 15, Reason::DefaultTerminate),
        ("E53", 15, Reason::DefaultTerminate),
        ("E53", 40, Reason::DefaultTerminate),
    ] {
        to_process(sig)
            .begins_exit()
            .is(id, Fatal, reason, SIG_FATAL)
            .forced(false)
            .by(Kind::Process, Relation::Same);
        to_process(sig).ignored().impossible();
    }
    to_process(3).is("", Fatal, Reason::DefaultCore, "get_signal/coredump");
    to_process(20).is("", Queued, Reason::Stop, "get_signal/stop");
    // Nobody is woken where every thread has something to do already.
    to_process(15).is(
        "",
        Fatal,
        Reason::DefaultTerminate,
        "complete_signal/wants_signal",
    );
    for sig in [17, 18, 23, 28] {
        to_process(sig).ignored().is(
            "E11",
            Dropped,
            Reason::DefaultIgnore,
            "sig_handler_ignored/sig_kernel_ignore",
        );
        to_process(sig).impossible();
    }
    to_process(15)
        .handler(Handler::Function)
        .ignored()
        .impossible();
    to_process(15).handler(Handler::Ignore).impossible();
    to_process(15).result(TraceResult::Unknown(7)).impossible();
}

#[test]
fn a_sender_without_permission() {
    // Whatever the target would have done with it.
    for target in [
        to_process(15),
        to_process(15).handler(Handler::Function),
        to_process(15).handler(Handler::Ignore),
        to_init(15),
        to_init(9).blocked(),
    ] {
        target.result(TraceResult::Refused(1)).is(
            "A4",
            Failed,
            Reason::PermissionDenied,
            "check_kill_permission/EPERM",
        );
        target.result(TraceResult::Refused(13)).is(
            "A4",
            Failed,
            Reason::PermissionDenied,
            "check_kill_permission/EACCES",
        );
    }
}

#[test]
fn a_full_queue() {
    let rt = to_process(40).handler(Handler::Function);
    rt.code(si::QUEUE).result(TraceResult::OverflowFail).is(
        "E43",
        Failed,
        Reason::QueueFull,
        "__send_signal_locked/sigqueue_alloc",
    );
    rt.result(TraceResult::LoseInfo)
        .is("E43", Queued, Reason::Handler, "complete_signal/handler");
    to_process(10).handler(Handler::Function).is(
        "E43",
        Queued,
        Reason::Handler,
        "complete_signal/handler",
    );
    // kill(2) does not fail, the kernel itself does not, a standard signal does not.
    rt.result(TraceResult::OverflowFail).impossible();
    rt.sent_by_kernel()
        .result(TraceResult::OverflowFail)
        .impossible();
    to_process(10)
        .code(si::QUEUE)
        .result(TraceResult::OverflowFail)
        .impossible();
    // What fails loses nothing, and SIGKILL has nothing to lose.
    rt.code(si::QUEUE)
        .result(TraceResult::LoseInfo)
        .impossible();
    to_process(9)
        .begins_exit()
        .result(TraceResult::LoseInfo)
        .impossible();
    to_process(15)
        .begins_exit()
        .result(TraceResult::LoseInfo)
        .is("", Fatal, Reason::DefaultTerminate, SIG_FATAL);
}

#[test]
fn pending_already() {
    let twice = |sig| {
        to_process(sig)
            .blocked()
            .result(TraceResult::AlreadyPending)
    };
    twice(15).is("E14", Coalesced, Reason::AlreadyPending, "legacy_queue");
    twice(31).is("E14", Coalesced, Reason::AlreadyPending, "legacy_queue");
    // Real-time signals queue, apart from a timer's own.
    twice(32).impossible();
    twice(40).code(si::TIMER).is(
        "",
        Coalesced,
        Reason::AlreadyPending,
        "posixtimer_send_sigqueue/pending",
    );
}

#[test]
fn a_dying_group_takes_nothing() {
    let zombie = |sig| {
        to_process(sig).target(|t| {
            t.pf_flags = PF_EXITING;
            t.exit_state = 0x20;
            t.live = 0;
        })
    };
    for sig in [9, 15] {
        // From 5.17 on every dying group has the flag; from 6.0 on it counts.
        zombie(sig)
            .target(|t| t.signal_flags = SIGNAL_GROUP_EXIT)
            .ignored()
            .is("E35", Dropped, Reason::TargetExiting, GROUP_EXIT);
        // 5.10 and 5.15 queue it.
        zombie(sig).is("E35", Dropped, Reason::TargetExiting, GROUP_EXIT);
        zombie(sig).result(TraceResult::AlreadyPending).is(
            "E35",
            Dropped,
            Reason::TargetExiting,
            GROUP_EXIT,
        );
    }
    // Killed by 9, not a zombie yet, and here comes another signal.
    let killed = |sig| {
        to_process(sig).target(|t| (t.signal_flags, t.group_exit_code) = (SIGNAL_GROUP_EXIT, 9))
    };
    killed(15).is("5.10", Dropped, Reason::TargetExiting, GROUP_EXIT);
    killed(9)
        .target(|t| t.was_dying = true)
        .is("5.10", Dropped, Reason::TargetExiting, GROUP_EXIT);
    // Without that knowledge, it looks like the cause.
    killed(9).is("5.10", Fatal, Reason::Kill, SIG_FATAL);
    // The same number, and yet never the cause: complete_signal() begins nothing
    // for these.
    to_process(3)
        .begins_exit()
        .is("5.10", Dropped, Reason::TargetExiting, GROUP_EXIT);
    to_process(15).begins_exit().handler(Handler::Function).is(
        "5.10",
        Dropped,
        Reason::TargetExiting,
        GROUP_EXIT,
    );
    to_process(15)
        .begins_exit()
        .target(|t| t.ptraced = true)
        .is("5.10", Dropped, Reason::TargetExiting, GROUP_EXIT);
    // To 5.16: the only thread is on its way out, and no flag says so yet.
    to_process(9).target(|t| t.pf_flags = PF_EXITING).is(
        "5.10",
        Dropped,
        Reason::TargetExiting,
        "complete_signal/wants_signal",
    );
    to_process(9).impossible();
}

#[test]
fn core_dumps() {
    let dumping = |sig, flags| {
        to_process(sig).target(|t| {
            (t.signal_flags, t.core_dump, t.was_dying) = (flags, true, true);
        })
    };
    let new = |sig| dumping(sig, SIGNAL_GROUP_EXIT);
    new(15).ignored().is(
        "5.17",
        Dropped,
        Reason::CoreDumping,
        "prepare_signal/core_state",
    );
    new(9).is("5.17", Fatal, Reason::Kill, "prepare_signal/core_state");
    new(9).ignored().impossible();
    new(9)
        .target(|t| t.was_dying = false)
        .begins_exit()
        .is("5.17", Fatal, Reason::Kill, SIG_FATAL);
    // An init that dumps core has lost its protection.
    to_init(9)
        .target(|t| t.core_dump = true)
        .begins_exit()
        .is("5.17", Fatal, Reason::Kill, SIG_FATAL)
        .forced(false);

    let old = |sig| dumping(sig, SIGNAL_GROUP_COREDUMP).target(|t| t.was_dying = false);
    old(15).ignored().is(
        "5.10",
        Dropped,
        Reason::CoreDumping,
        "prepare_signal/group_coredump",
    );
    old(15).impossible();
    old(9)
        .begins_exit()
        .is("5.10", Fatal, Reason::Kill, SIG_FATAL);
    // The SIGKILL has ended the dump; what follows is queued, in vain.
    new(15).is("5.10", Dropped, Reason::TargetExiting, GROUP_EXIT);
}

#[test]
fn one_exiting_thread() {
    let exiting = |sig| {
        to_process(sig).tkill().target(|t| {
            t.pf_flags = PF_EXITING;
            t.exit_state = 0x20;
            t.live = 1;
        })
    };
    const NEW: &str = "__send_signal_locked/exiting_thread";
    const OLD: &str = "complete_signal/wants_signal";
    for handler in [Handler::Default, Handler::Function] {
        let case = exiting(10).handler(handler);
        case.ignored()
            .is("X12b", Dropped, Reason::ExitingThread, NEW);
        case.is("X12b", Dropped, Reason::ExitingThread, OLD);
        case.blocked()
            .is("X12b", Dropped, Reason::ExitingThread, OLD);
    }
    exiting(9)
        .ignored()
        .is("X12b", Dropped, Reason::ExitingThread, NEW);
    exiting(9).is("X12b", Dropped, Reason::ExitingThread, OLD);
    // cgroup.kill takes the same way to a main thread that has exited.
    exiting(9)
        .noinfo()
        .is("X12b", Dropped, Reason::ExitingThread, OLD);
    // To the process: another thread takes it.
    exiting(9)
        .with(|s| s.group = true)
        .begins_exit()
        .is("X11", Fatal, Reason::Kill, SIG_FATAL);
    exiting(10)
        .with(|s| s.group = true)
        .handler(Handler::Function)
        .ignored()
        .impossible();
}

#[test]
fn waiting() {
    let stopped = |sig| to_process(sig).target(|t| t.signal_flags = SIGNAL_STOP_STOPPED);
    stopped(15).is("", Queued, Reason::Stopped, "complete_signal/wants_signal");
    stopped(20).is("", Queued, Reason::Stopped, "complete_signal/wants_signal");
    stopped(9)
        .begins_exit()
        .is("E54", Fatal, Reason::Kill, SIG_FATAL);
    let frozen = |sig, how| to_process(sig).target(|t| t.frozen = how);
    frozen(9, Frozen::V1)
        .begins_exit()
        .is("X05", Queued, Reason::Frozen, "try_to_freeze/v1");
    frozen(15, Frozen::V2)
        .begins_exit()
        .is("X03", Fatal, Reason::DefaultTerminate, SIG_FATAL);
    frozen(3, Frozen::V2).is("", Queued, Reason::Frozen, "get_signal/jobctl_trap_freeze");
    frozen(9, Frozen::V1)
        .target(|t| (t.signal_flags, t.group_exit_code) = (SIGNAL_GROUP_EXIT, 9))
        .ignored()
        .is("", Dropped, Reason::TargetExiting, GROUP_EXIT);
}

#[test]
fn kernel_threads() {
    let kthread = |handler| {
        to_process(9)
            .handler(handler)
            .target(|t| (t.level, t.pf_flags) = (0, PF_KTHREAD))
    };
    kthread(Handler::KthreadKernel).ignored().is(
        "",
        Dropped,
        Reason::KernelThread,
        "sig_task_ignored/kthread",
    );
    kthread(Handler::KthreadKernel).sent_by_kernel().is(
        "",
        Queued,
        Reason::Handler,
        "complete_signal/handler",
    );
    kthread(Handler::KthreadKernel)
        .sent_by_kernel()
        .ignored()
        .impossible();
    kthread(Handler::Kthread).is("", Queued, Reason::Handler, "complete_signal/handler");
    kthread(Handler::Ignore).ignored().is(
        "",
        Dropped,
        Reason::Ignored,
        "sig_handler_ignored/SIG_IGN",
    );
    // A program may set such an address, and is no kernel thread.
    to_process(15)
        .handler(Handler::KthreadKernel)
        .ignored()
        .impossible();
}
