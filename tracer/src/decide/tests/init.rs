//! Signals to the init of a PID namespace, and to the machine's.

use super::*;
use Outcome::{Coalesced, Dropped, Fatal, Queued};

const UNKILLABLE: &str = "sig_task_ignored/unkillable";
const SIG_FATAL: &str = "complete_signal/sig_fatal";

fn is_protected(id: &str, case: Case) -> Case {
    case.ignored()
        .is(id, Dropped, Reason::UnkillableInit, UNKILLABLE)
}

fn is_forced_kill(id: &str, case: Case) -> Case {
    case.begins_exit()
        .is(id, Fatal, Reason::ForcedOnInit, SIG_FATAL)
        .forced(true)
}

#[test]
fn from_inside_nothing_without_a_handler_arrives() {
    for (id, sig) in [("E01", 15), ("E02", 9), ("E03", 19)] {
        is_protected(id, to_init(sig))
            .forced(false)
            .by(Kind::Process, Relation::Same);
        // The kernel cannot have done anything else.
        to_init(sig).impossible();
    }
    to_init(9).begins_exit().impossible();
    to_init(15).begins_exit().impossible();
    is_protected("E21", to_init(11)).forced(false);
    is_protected("E31d", to_init(9).code(si::QUEUE)).forced(false);
    is_protected("E31g", to_init(9).sent_by_itself()).forced(false);
    is_protected("E45", to_init(9)).by(Kind::Process, Relation::Same);
    is_protected("E42", to_init(15)).by(Kind::Process, Relation::Same);
    is_protected("E46", to_init(15)).forced(false);
    is_protected("E15c", to_init(15).target(|t| t.live = 2)).forced(false);
}

#[test]
fn a_handler_or_an_ignored_signal_is_an_init_s_own_choice() {
    to_init(15)
        .handler(Handler::Function)
        .is("E04", Queued, Reason::Handler, "complete_signal/handler")
        .forced(false);
    for id in ["E05", "E46b"] {
        to_init(15).handler(Handler::Ignore).ignored().is(
            id,
            Dropped,
            Reason::Ignored,
            "sig_handler_ignored/SIG_IGN",
        );
    }
}

#[test]
fn from_outside_only_kill_and_stop_are_forced() {
    for (id, sig) in [("E06", 15), ("E09", 20), ("E10", 1), ("E10", 2), ("E10", 3)] {
        is_protected(id, to_init(sig).sent_by_host())
            .forced(true)
            .by(Kind::Process, Relation::Ancestor);
        to_init(sig).sent_by_host().impossible();
    }
    for sig in [10, 14, 37] {
        is_protected("E10", to_init(sig).sent_by_host()).forced(true);
    }
    is_forced_kill("E07", to_init(9).sent_by_host()).by(Kind::Process, Relation::Ancestor);
    to_init(9).sent_by_host().ignored().impossible();
    to_init(19)
        .sent_by_host()
        .is("E08", Queued, Reason::Stop, "get_signal/stop")
        .forced(true);
    to_init(18)
        .sent_by_host()
        .ignored()
        .is("E52", Dropped, Reason::DefaultIgnore, UNKILLABLE);
    for sig in [17, 18, 23, 28] {
        to_init(sig)
            .sent_by_host()
            .ignored()
            .is("E11", Dropped, Reason::DefaultIgnore, UNKILLABLE);
    }
}

#[test]
fn outside_means_not_visible_and_not_further_up() {
    is_forced_kill("E12", to_init(9).sent_by_sibling()).by(Kind::Process, Relation::Unrelated);
    is_protected("E12", to_init(9)).forced(false);
    // A process of an outer namespace to a nested init, and one beside it.
    let nested = to_init(9).target(|t| t.level = 2);
    is_protected("E44", nested.sender(|s| s.level = 2)).forced(false);
    is_forced_kill("E44", nested.sent_by_host().sender(|s| s.level = 1));
    for id in ["E56", "E57", "E54"] {
        is_forced_kill(id, to_init(9).sent_by_host());
    }
    is_forced_kill("E56", to_init(9).sent_by_host().tkill());
    is_forced_kill(
        "X11",
        to_init(9).sent_by_host().target(|t| {
            t.pf_flags = PF_EXITING;
            t.exit_state = 0x20;
        }),
    );
    is_protected(
        "X11",
        to_init(15)
            .sent_by_host()
            .target(|t| t.pf_flags = PF_EXITING),
    );
    is_protected("X13", to_init(9)).forced(false);
    is_forced_kill("X13", to_init(9).sent_by_host());
}

#[test]
fn the_code_of_a_siginfo_decides_too() {
    is_forced_kill("E31", to_init(9).sent_by_host().code(si::QUEUE));
    for (id, code, kind) in [
        ("E31b", si::TIMER, Kind::Timer),
        ("E31c", si::SIGIO, Kind::Io),
    ] {
        is_protected(id, to_init(9).sent_by_host().code(code))
            .forced(false)
            .by(kind, Relation::Kernel);
    }
    is_forced_kill("E31f", to_init(9).sent_by_itself().code(si::KERNEL))
        .by(Kind::Process, Relation::Same);
    to_init(19)
        .sent_by_itself()
        .code(si::KERNEL)
        .is("E31h", Queued, Reason::Stop, "get_signal/stop")
        .forced(true);
    is_protected("E60", to_init(9).code(si::TIMER).sent_by_idle())
        .forced(false)
        .by(Kind::Timer, Relation::Kernel);
}

#[test]
fn what_is_blocked_traced_or_awaited_is_never_ignored() {
    to_init(15)
        .blocked()
        .is("E13", Queued, Reason::Blocked, "sig_ignored/blocked");
    for id in ["E17", "E46c"] {
        to_init(15)
            .sent_by_host()
            .blocked()
            .is(id, Queued, Reason::Blocked, "sig_ignored/blocked");
    }
    to_init(15)
        .blocked()
        .result(TraceResult::AlreadyPending)
        .is("E14", Coalesced, Reason::AlreadyPending, "legacy_queue");
    to_init(15)
        .target(|t| t.real_blocked = true)
        .sent_by_host()
        .is("E16", Queued, Reason::Sigwait, "sig_ignored/real_blocked");
    let traced = |sig| to_init(sig).target(|t| t.ptraced = true);
    traced(15).is("E18", Queued, Reason::Ptrace, "sig_ignored/ptrace");
    traced(19).is("E18b", Queued, Reason::Ptrace, "sig_ignored/ptrace");
    is_protected("E18", traced(9)).forced(false);
    // A fault of a traced init leaves it protected, and the tracer decides.
    traced(11)
        .sent_by_itself()
        .thread()
        .code(1)
        .is("E55", Queued, Reason::Ptrace, "sig_ignored/ptrace")
        .by(Kind::Fault, Relation::Kernel);
}

#[test]
fn a_thread_that_does_not_block_lets_it_in() {
    let two = |sig| to_init(sig).blocked().target(|t| t.live = 2);
    two(15)
        .begins_exit()
        .is("E15", Fatal, Reason::DefaultTerminate, SIG_FATAL);
    // A kernel with one more test in complete_signal().
    two(15).is("E15", Queued, Reason::Blocked, "sig_ignored/blocked");
    two(3).is("E15b", Queued, Reason::Blocked, "sig_ignored/blocked");
}

#[test]
fn a_real_fault_ends_any_init() {
    let fault = |sig, code| {
        to_init(sig)
            .sent_by_itself()
            .thread()
            .code(code)
            .target(|t| t.signal_flags = 0)
            .is("E20", Fatal, Reason::DefaultCore, "get_signal/coredump")
            .by(Kind::Fault, Relation::Kernel)
    };
    fault(11, 1).forced(false);
    fault(11, si::KERNEL).forced(true);
    fault(31, 1).forced(false);
    // abort(): raise() twice in vain, then hlt.
    is_protected("E22", to_init(6).sent_by_itself().tkill()).by(Kind::Process, Relation::Same);
}

#[test]
fn the_kernel_s_own_signals() {
    is_protected("E23", to_init(13).sent_by_itself().noinfo().thread())
        .forced(false)
        .by(Kind::Io, Relation::Kernel);
    is_protected("E24", to_init(14).sent_by_kernel().sent_by_idle())
        .forced(true)
        .by(Kind::Timer, Relation::Kernel);
    is_protected("E25", to_init(24).sent_by_kernel().sent_by_itself())
        .by(Kind::Kernel, Relation::Kernel);
    is_forced_kill("E25", to_init(9).sent_by_kernel().sent_by_itself())
        .by(Kind::Kernel, Relation::Kernel);
    let pdeath = |sig| {
        to_init(sig)
            .sent_by_host()
            .noinfo()
            .sender_exits()
            .with(|s| s.pdeath_signal = sig)
    };
    is_forced_kill("E26", pdeath(9)).by(Kind::ParentDeath, Relation::Ancestor);
    is_protected("E26b", pdeath(15))
        .forced(true)
        .by(Kind::ParentDeath, Relation::Ancestor);
    is_forced_kill("E28", to_init(9).sent_by_kernel().thread()).by(Kind::Kernel, Relation::Kernel);
    is_protected("E50", to_init(2).sent_by_kernel().sent_by_kthread())
        .forced(true)
        .by(Kind::Tty, Relation::Kernel);
    is_protected("E50", to_init(1).sent_by_kernel().sent_by_kthread())
        .by(Kind::Tty, Relation::Kernel);
    is_forced_kill("X01", to_init(9).sent_by_host().noinfo().thread())
        .by(Kind::Process, Relation::Ancestor);
    is_protected("X02", to_init(9).noinfo().thread())
        .forced(false)
        .by(Kind::Process, Relation::Same);
    is_forced_kill(
        "X06",
        to_init(9).sent_by_kernel().with(|s| s.oom_victim = true),
    )
    .by(Kind::Oom, Relation::Kernel);
    is_forced_kill(
        "X07",
        to_init(9)
            .sent_by_kernel()
            .sent_by_host()
            .thread()
            .sender_exits(),
    )
    .by(Kind::Kernel, Relation::Kernel);
    is_forced_kill(
        "E44b",
        to_init(9)
            .target(|t| t.level = 2)
            .sent_by_kernel()
            .sent_by_host()
            .sender(|s| (s.nr, s.level, s.pf_flags) = (1, 1, PF_EXITING)),
    )
    .by(Kind::Zap, Relation::Ancestor);
}

#[test]
fn frozen_and_stopped() {
    let v1 = to_init(9).sent_by_host().target(|t| t.frozen = Frozen::V1);
    v1.begins_exit()
        .is("X04", Queued, Reason::Frozen, "try_to_freeze/v1");
    let v2 = |sig| {
        to_init(sig)
            .sent_by_host()
            .target(|t| t.frozen = Frozen::V2)
    };
    is_forced_kill("X03", v2(9));
    v2(15).handler(Handler::Function).is(
        "X03",
        Queued,
        Reason::Frozen,
        "get_signal/jobctl_trap_freeze",
    );
    to_init(15)
        .handler(Handler::Function)
        .target(|t| t.signal_flags |= super::super::situation::SIGNAL_STOP_STOPPED)
        .is(
            "X08",
            Queued,
            Reason::Stopped,
            "complete_signal/wants_signal",
        );
    to_init(18)
        .ignored()
        .is("X08", Dropped, Reason::DefaultIgnore, UNKILLABLE);
}

#[test]
fn the_machine_s_own_init() {
    is_protected("X10", to_global_init(15));
    for sig in [9, 19] {
        to_global_init(sig).ignored().is(
            "X10",
            Dropped,
            Reason::GlobalInit,
            "sig_task_ignored/global_init",
        );
        // Not even the kernel's own.
        to_global_init(sig).sent_by_kernel().ignored().is(
            "X10",
            Dropped,
            Reason::GlobalInit,
            "sig_task_ignored/global_init",
        );
        to_global_init(sig).sent_by_kernel().impossible();
    }
}

#[test]
fn a_dying_init_takes_nothing() {
    let zapping = |sig| {
        to_init(sig).sent_by_host().target(|t| {
            t.pf_flags = PF_EXITING;
            t.live = 0;
        })
    };
    for (id, case) in [
        // From 6.0.
        (
            "E36",
            zapping(9)
                .target(|t| t.signal_flags |= SIGNAL_GROUP_EXIT)
                .ignored(),
        ),
        (
            "E36",
            zapping(15)
                .target(|t| t.signal_flags |= SIGNAL_GROUP_EXIT)
                .ignored(),
        ),
        // Before: SIGKILL is queued in vain, SIGTERM dropped for another reason.
        ("E36", zapping(9)),
        ("E36", zapping(15).ignored()),
    ] {
        case.is(
            id,
            Dropped,
            Reason::TargetExiting,
            "prepare_signal/group_exit",
        );
    }
}
