//! Every combination of facts, against a second reading of the kernel.
//!
//! The kernel below is written straight down from its source, sharing no code
//! with the model but the types of its input: masks and numbers are spelt out
//! again, so that a slip in one of the two shows. It computes what the
//! tracepoint reports; the model gets that and has to explain it. Then it gets
//! the opposite, and has to refuse wherever no kernel from 5.10 on does that.

use super::super::situation::SIGNAL_GROUP_COREDUMP;
use super::*;

/// How the three generations of `prepare_signal()` differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kernel {
    /// 5.10 to 5.16, which queues signals for the dying.
    Old,
    /// 6.1 to 7.0.
    New,
    /// 7.2, which drops signals to one exiting thread first.
    Newest,
}
const KERNELS: [Kernel; 3] = [Kernel::Old, Kernel::New, Kernel::Newest];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Life {
    Alive,
    Dying,
    DumpingCore,
}

/// The tracepoint's result, and whether the group's death has begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Did {
    result: TraceResult,
    begins_exit: bool,
}

const fn bit(sig: u32) -> u64 {
    1 << (sig - 1)
}
const KERNEL_ONLY: u64 = bit(9) | bit(19);
const STOP: u64 = bit(19) | bit(20) | bit(21) | bit(22);
const IGNORE: u64 = bit(18) | bit(17) | bit(28) | bit(23);
const COREDUMP: u64 =
    bit(3) | bit(4) | bit(5) | bit(6) | bit(8) | bit(11) | bit(7) | bit(31) | bit(24) | bit(25);

/// What each way to send brings: the siginfo's kind and code, and whether it
/// passes through `send_signal_locked()` with a siginfo that names a sender.
const WAYS: [(Info, i32, Option<bool>); 9] = [
    (Info::NoInfo, 0, None),
    (Info::Priv, 0x80, None),
    (Info::Pointer, 0, Some(true)),
    (Info::Pointer, -6, Some(true)),
    (Info::Pointer, -1, Some(true)),
    (Info::Pointer, 0x80, Some(true)),
    // A POSIX timer, SIGIO, and 2: a fault, a descriptor, or as SIGCHLD a child's end.
    (Info::Pointer, -2, Some(false)),
    (Info::Pointer, -5, Some(false)),
    (Info::Pointer, 2, Some(false)),
];

fn kernel_force(info: Info, code: i32, names_sender: Option<bool>, visible: bool) -> bool {
    match (info, names_sender) {
        (Info::NoInfo, _) => !visible,
        (Info::Priv, _) => true,
        (Info::Pointer, Some(true)) => code == 0x80 || !visible,
        (Info::Pointer, _) => false,
    }
}

/// `__send_signal_locked()` for a thread group of one thread, or of two where the
/// one at hand is exiting; the other one is idle and blocks nothing.
fn kernel_does(k: Kernel, s: &Situation, flags: u32, force: bool) -> Did {
    let t = &s.target;
    let is = |mask: u64| mask & bit(s.sig) != 0;
    let default = t.handler == Handler::Default;
    let exiting = t.pf_flags & 0x4 != 0;
    let ignored = Did {
        result: TraceResult::Ignored,
        begins_exit: false,
    };
    if k == Kernel::Newest && exiting && !s.group {
        return ignored;
    }
    let mut asks_sig_ignored = true;
    if k == Kernel::Old {
        if flags & 0x8 != 0 && flags & 0x4 == 0 {
            if s.sig != 9 {
                return ignored;
            }
            asks_sig_ignored = false;
        }
    } else if flags & 0x4 != 0 {
        if !(t.core_dump && s.sig == 9) {
            return ignored;
        }
        asks_sig_ignored = false;
    }
    if asks_sig_ignored && !(t.blocked || t.real_blocked || (t.ptraced && s.sig != 9)) {
        let global = t.nr == 1 && t.level == 0 && is(KERNEL_ONLY);
        let protected = flags & 0x40 != 0 && default && !(force && is(KERNEL_ONLY));
        if global || protected || t.handler == Handler::Ignore || (default && is(IGNORE)) {
            return ignored;
        }
    }
    // complete_signal()
    let wants = !t.blocked && !exiting;
    let other_wants = s.group && exiting;
    let takers_real_blocked = wants && t.real_blocked;
    let may_begin = if k == Kernel::Old {
        flags & 0x4 == 0
    } else {
        flags & 0x4 == 0 || t.core_dump
    };
    Did {
        result: TraceResult::Delivered,
        begins_exit: (wants || other_wants)
            && default
            && !is(IGNORE | STOP | COREDUMP)
            && may_begin
            && !takers_real_blocked
            && (s.sig == 9 || !t.ptraced),
    }
}

fn decide(s: &Situation) -> Decision {
    generate::decide(s, &mut Walk::off())
}

/// One combination on one kernel; says how many decisions were checked.
fn check(kernel: Kernel, life: Life, start: &Situation, names_sender: Option<bool>) -> u64 {
    let mut s = *start;
    let visible = s.sender.nr_in_target != 0;
    let force = kernel_force(s.info, s.code, names_sender, visible);
    assert_eq!(force::force(&s, &mut Walk::off()), force, "{s:?}");

    let flags = s.target.signal_flags;
    let did = kernel_does(kernel, &s, flags, force);
    s.result = did.result;
    if did.begins_exit {
        s.target.signal_flags = 0x4;
        s.target.group_exit_code = s.sig;
    }
    if life == Life::Alive && s.target.pf_flags & 0x4 == 0 {
        assert_eq!(foresee::generated(start, false), s, "{kernel:?}");
    }
    let decision = decide(&s);
    let context = || format!("{kernel:?} {life:?} {did:?} {decision:?}\n{s:#?}");
    assert_ne!(decision.reason, Reason::ModelDisagrees, "{}", context());
    let exiting_thread = !s.group && s.target.pf_flags & 0x4 != 0;
    let dropped = decision.outcome == Outcome::Dropped;
    match did.result {
        TraceResult::Ignored => assert!(dropped, "{}", context()),
        // The two ways to be queued in vain.
        _ if dropped => assert!(
            (decision.reason == Reason::ExitingThread && exiting_thread)
                || (decision.reason == Reason::TargetExiting
                    && life == Life::Dying
                    && kernel == Kernel::Old),
            "{}",
            context()
        ),
        _ => assert!(life != Life::Dying, "{}", context()),
    }
    if did.begins_exit {
        assert_eq!(decision.outcome, Outcome::Fatal, "{}", context());
    }
    if decision.rule == "complete_signal/sig_fatal" {
        assert!(did.begins_exit, "{}", context());
    }

    // The opposite, on the facts from before.
    let mut opposite = *start;
    opposite.result = match did.result {
        TraceResult::Ignored => TraceResult::Delivered,
        _ => TraceResult::Ignored,
    };
    let possible = KERNELS
        .iter()
        .any(|k| kernel_does(*k, start, flags, force).result == opposite.result);
    let answer = decide(&opposite);
    if !possible {
        assert_eq!(
            answer.reason,
            Reason::ModelDisagrees,
            "{answer:?} {opposite:#?}"
        );
    }
    2
}

/// Every state that a target can be in, for one signal.
fn targets(sig: u32, mut each: impl FnMut(Target)) {
    let fixed = sig == 9 || sig == 19;
    let handlers: &[Handler] = match fixed {
        true => &[Handler::Default],
        false => &[Handler::Default, Handler::Ignore, Handler::Function],
    };
    let base = to_process(sig).0.target;
    for (level, nr, unkillable) in [(1, 7, 0), (1, 1, 0x40), (0, 1, 0x40), (2, 1, 0x40)] {
        for handler in handlers {
            for bits in 0..16_u32 {
                let on = |n: u32| bits & (1 << n) != 0;
                if fixed && (on(0) || on(1)) {
                    continue;
                }
                each(Target {
                    level,
                    nr,
                    signal_flags: unkillable,
                    handler: *handler,
                    blocked: on(0),
                    real_blocked: on(1),
                    ptraced: on(2),
                    pf_flags: if on(3) { 0x4 } else { 0 },
                    ..base
                });
            }
        }
    }
}

#[test]
fn every_combination_of_facts() {
    let mut checked = 0;
    for sig in 1..=64 {
        targets(sig, |target| {
            for (info, code, names_sender) in WAYS {
                for choice in 0..4 {
                    let (group, visible) = (choice & 1 != 0, choice & 2 != 0);
                    if code == -2 && !group {
                        // A timer for one exiting thread shows no event on 7.2.
                        continue;
                    }
                    let mut case = to_process(sig);
                    case.0.target = target;
                    case.0.info = info;
                    case.0.code = code;
                    case.0.group = group;
                    if !visible {
                        case = case.sent_by_host();
                    }
                    for kernel in KERNELS {
                        for life in [Life::Alive, Life::Dying, Life::DumpingCore] {
                            let now = case.target(|t| match life {
                                Life::Alive => {}
                                Life::Dying => {
                                    (t.signal_flags, t.was_dying) = (SIGNAL_GROUP_EXIT, true);
                                }
                                Life::DumpingCore if kernel == Kernel::Old => {
                                    (t.signal_flags, t.core_dump) = (SIGNAL_GROUP_COREDUMP, true);
                                }
                                Life::DumpingCore => {
                                    (t.signal_flags, t.core_dump, t.was_dying) =
                                        (SIGNAL_GROUP_EXIT, true, true);
                                }
                            });
                            checked += check(kernel, life, &now.0, names_sender);
                        }
                    }
                }
            }
        });
    }
    assert!(checked > 7_000_000, "{checked}");
}
