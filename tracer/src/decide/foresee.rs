//! What the kernel would do with a signal that nobody has sent.
//!
//! The model explains what the kernel reported. This computes what the kernel
//! would report, from the state before the signal, so that the same model can be
//! asked beforehand: by a person who wants to know, never about a real event.
//!
//! For a thread group of one thread. A sweep over all facts holds it to a second
//! reading of the kernel (`tests/sweep.rs`), and the fuzzer to the kernel itself.

use tracer_common::signals::{self, SIGKILL, SIGRTMIN};

use super::{
    Decision, Reason, Walk,
    complete::sig_fatal,
    deliver::{self, Delivery},
    force::force,
    generate::prepare_signal,
    situation::{
        Handler, PF_EXITING, SIGNAL_GROUP_EXIT, SIGNAL_STOP_STOPPED, SIGNAL_UNKILLABLE, Situation,
        TraceResult,
    },
};

/// The situation as `signal_generate` will show it: with its result, and with the
/// marks that `complete_signal()` leaves where it begins the group's death.
/// `pending` says that one of the same number is pending already.
pub fn generated(before: &Situation, pending: bool) -> Situation {
    let mut s = Situation {
        result: TraceResult::Ignored,
        ..*before
    };
    let w = &mut Walk::off();
    let forced = force(&s, w);
    if prepare_signal(&s, forced, w).is_some() {
        return s;
    }
    if pending && s.sig < SIGRTMIN {
        s.result = TraceResult::AlreadyPending;
        return s;
    }
    s.result = TraceResult::Delivered;
    if begins_group_exit(&s) {
        s.target.signal_flags = SIGNAL_GROUP_EXIT;
        s.target.group_exit_code = s.sig;
    }
    s
}

/// `complete_signal()` with one thread: whether `wants_signal()` takes it and
/// the group's death begins.
fn begins_group_exit(s: &Situation) -> bool {
    let t = &s.target;
    let is_kill = s.sig == SIGKILL;
    let wants = !t.blocked
        && t.pf_flags & PF_EXITING == 0
        && (is_kill || t.signal_flags & SIGNAL_STOP_STOPPED == 0);
    wants
        && sig_fatal(s)
        && (t.signal_flags & SIGNAL_GROUP_EXIT == 0 || t.core_dump)
        && !t.real_blocked
        && (is_kill || !t.ptraced)
        && !signals::contains(signals::COREDUMP, s.sig)
}

/// What becomes of it once the target takes it from its queue with what it has
/// set now; `None` where it does not get there: it is dropped or kept from it for
/// good, it kills at once, or a sigwait takes it.
pub fn taken(s: &Situation, decided: Decision) -> Option<Decision> {
    match decided.reason {
        Reason::Handler
        | Reason::Blocked
        | Reason::Ptrace
        | Reason::Stop
        | Reason::Stopped
        | Reason::Frozen
        | Reason::DefaultCore => {}
        _ => return None,
    }
    let delivery = Delivery {
        sig: s.sig,
        info: s.info,
        handler: s.target.handler,
        signal_flags: s.target.signal_flags,
    };
    // Its group's death has begun: nothing is taken any more but that.
    if s.target.signal_flags & SIGNAL_GROUP_EXIT != 0 {
        return None;
    }
    Some(deliver::decide(&delivery, &mut Walk::off()))
}

/// `force_sig_info_to_task()`, before the signal is sent: a fault cannot be
/// ignored or blocked, and an init that has no handler for it loses its
/// protection, unless it is traced.
pub fn force_sig(before: &Situation) -> Situation {
    let mut s = *before;
    let t = &mut s.target;
    if t.blocked || t.handler == Handler::Ignore {
        t.blocked = false;
        t.handler = Handler::Default;
    }
    if t.handler == Handler::Default && !t.ptraced {
        t.signal_flags &= !SIGNAL_UNKILLABLE;
    }
    s
}

#[cfg(test)]
mod tests {
    use super::super::{Outcome, generate, tests::to_init, tests::to_process};
    use super::*;

    fn told(before: &Situation, pending: bool) -> (Decision, Option<Decision>) {
        let s = generated(before, pending);
        let decided = generate::decide(&s, &mut Walk::off());
        (decided, taken(&s, decided))
    }

    #[test]
    fn what_waits_is_decided_when_it_is_taken() {
        let (now, later) = told(&to_init(15).blocked().0, false);
        assert_eq!(now.reason, Reason::Blocked);
        let later = later.expect("it is taken once unblocked");
        assert_eq!(later.reason, Reason::UnkillableInitAtDequeue);
        // An ordinary process dies of the same.
        let (now, later) = told(&to_process(15).blocked().0, false);
        assert_eq!(now.reason, Reason::Blocked);
        assert_eq!(later.map(|d| d.outcome), Some(Outcome::Fatal));
    }

    #[test]
    fn a_second_one_merges_and_a_real_time_one_does_not() {
        let (now, later) = told(&to_process(15).blocked().0, true);
        assert_eq!((now.outcome, later), (Outcome::Coalesced, None));
        let (now, _) = told(&to_process(40).blocked().0, true);
        assert_eq!(now.outcome, Outcome::Queued);
    }

    #[test]
    fn a_stopped_process_dies_of_sigkill_and_keeps_the_rest() {
        let stopped = |sig| to_process(sig).target(|t| t.signal_flags = SIGNAL_STOP_STOPPED);
        assert_eq!(told(&stopped(15).0, false).0.reason, Reason::Stopped);
        assert_eq!(told(&stopped(9).0, false).0.reason, Reason::Kill);
    }

    #[test]
    fn a_fault_takes_the_protection_away() {
        let fault = to_init(11)
            .sent_by_itself()
            .code(super::super::situation::si::KERNEL)
            .thread();
        let dropped = told(&to_init(11).sent_by_itself().tkill().0, false).0;
        assert_eq!(dropped.reason, Reason::UnkillableInit);
        let (now, later) = told(&force_sig(&fault.0), false);
        assert_eq!(
            (now.outcome, now.reason),
            (Outcome::Fatal, Reason::DefaultCore)
        );
        assert_eq!(later.map(|d| d.outcome), Some(Outcome::Fatal));
        // Ignored or blocked makes no difference.
        for fault in [fault.blocked(), fault.handler(Handler::Ignore)] {
            assert_eq!(told(&force_sig(&fault.0), false).0.outcome, Outcome::Fatal);
        }
    }
}
