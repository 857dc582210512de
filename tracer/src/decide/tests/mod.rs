//! The model against what real kernels were seen to do.
//!
//! Nothing here runs a kernel: each case states the facts as they stand at the
//! tracepoint, which for a signal that has begun a group's death is after
//! `complete_signal()`. The ids (E01, X12b) are those of the conformance table
//! that the integration tests run against a kernel.

mod children;
mod deliver;
mod init;
mod ordinary;
mod senders;
mod sentences;
mod sweep;
mod walks;

use super::situation::{PF_EXITING, PF_KTHREAD, SIGNAL_GROUP_EXIT, SIGNAL_UNKILLABLE, si};
use super::{
    Decision, Frozen, Handler, Info, Outcome, Reason, Relation, Sender, Situation, Target,
    TraceResult, Walk, force, foresee, generate,
    sender::{self, Kind},
};

/// A signal to a process in a container, built up from an ordinary one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Case(pub(super) Situation);

/// A signal to an ordinary process, by kill(2) of a neighbour: delivered, with
/// no handler, and nothing begun.
pub(super) fn to_process(sig: u32) -> Case {
    Case(Situation {
        sig,
        code: si::USER,
        info: Info::Pointer,
        group: true,
        result: TraceResult::Delivered,
        relation: Relation::Same,
        sender: Sender {
            nr_in_target: 5,
            pf_flags: 0,
            nr: 5,
            level: 1,
            is_idle: false,
            is_target: false,
        },
        target: Target {
            level: 1,
            nr: 7,
            pf_flags: 0,
            signal_flags: 0,
            group_exit_code: 0,
            exit_state: 0,
            live: 1,
            handler: Handler::Default,
            blocked: false,
            real_blocked: false,
            ptraced: false,
            core_dump: false,
            frozen: Frozen::No,
            was_dying: false,
        },
        pdeath_signal: 0,
        oom_victim: false,
    })
}

/// The same to the init of the namespace.
pub(super) fn to_init(sig: u32) -> Case {
    to_process(sig).target(|t| {
        t.nr = 1;
        t.signal_flags = SIGNAL_UNKILLABLE;
    })
}

/// The same to the machine's init, from the host.
fn to_global_init(sig: u32) -> Case {
    to_init(sig).target(|t| t.level = 0).sender(|s| s.level = 0)
}

impl Case {
    fn with(mut self, change: impl FnOnce(&mut Situation)) -> Self {
        change(&mut self.0);
        self
    }

    pub(super) fn target(self, change: impl FnOnce(&mut Target)) -> Self {
        self.with(|s| change(&mut s.target))
    }

    fn sender(self, change: impl FnOnce(&mut Sender)) -> Self {
        self.with(|s| change(&mut s.sender))
    }

    pub(super) fn handler(self, handler: Handler) -> Self {
        self.target(|t| t.handler = handler)
    }

    pub(super) fn blocked(self) -> Self {
        self.target(|t| t.blocked = true)
    }

    pub(super) fn code(self, code: i32) -> Self {
        self.with(|s| s.code = code)
    }

    /// tgkill(2)
    pub(super) fn tkill(self) -> Self {
        self.code(si::TKILL).thread()
    }

    pub(super) fn thread(self) -> Self {
        self.with(|s| s.group = false)
    }

    fn noinfo(self) -> Self {
        self.with(|s| (s.info, s.code) = (Info::NoInfo, 0))
    }

    fn sent_by_kernel(self) -> Self {
        self.with(|s| (s.info, s.code) = (Info::Priv, si::KERNEL))
    }

    fn sent_by_host(self) -> Self {
        self.with(|s| s.relation = Relation::Ancestor)
            .sender(|s| (s.nr_in_target, s.nr, s.level) = (0, 4242, 0))
    }

    fn sent_by_sibling(self) -> Self {
        self.with(|s| s.relation = Relation::Unrelated)
            .sender(|s| s.nr_in_target = 0)
    }

    pub(super) fn sent_by_itself(self) -> Self {
        let nr = self.0.target.nr;
        self.sender(|s| (s.is_target, s.nr, s.nr_in_target) = (true, nr, nr))
    }

    fn sent_by_idle(self) -> Self {
        self.sent_by_host()
            .sender(|s| (s.is_idle, s.pf_flags) = (true, PF_KTHREAD))
    }

    fn sent_by_kthread(self) -> Self {
        self.sent_by_host().sender(|s| s.pf_flags = PF_KTHREAD)
    }

    fn sender_exits(self) -> Self {
        self.sender(|s| s.pf_flags |= PF_EXITING)
    }

    fn result(self, result: TraceResult) -> Self {
        self.with(|s| s.result = result)
    }

    fn ignored(self) -> Self {
        self.result(TraceResult::Ignored)
    }

    /// What `complete_signal()` leaves behind when it begins the group's death.
    fn begins_exit(self) -> Self {
        let sig = self.0.sig;
        self.target(|t| (t.signal_flags, t.group_exit_code) = (SIGNAL_GROUP_EXIT, sig))
    }

    fn decide(&self) -> Decision {
        generate::decide(&self.0, &mut Walk::off())
    }

    /// Holds the model to an outcome, a reason and a rule.
    #[track_caller]
    fn is(self, id: &str, outcome: Outcome, reason: Reason, rule: &str) -> Self {
        let decision = self.decide();
        assert_eq!(
            (decision.outcome, decision.reason, decision.rule),
            (outcome, reason, rule),
            "{id}: {:#?}",
            self.0
        );
        self
    }

    #[track_caller]
    fn forced(self, expected: bool) -> Self {
        assert_eq!(
            force::force(&self.0, &mut Walk::off()),
            expected,
            "{:#?}",
            self.0
        );
        self
    }

    #[track_caller]
    fn by(self, kind: Kind, relation: Relation) -> Self {
        let found = sender::kind(&self.0);
        assert_eq!(
            (found, sender::relation(&self.0, found)),
            (kind, relation),
            "{:#?}",
            self.0
        );
        self
    }

    #[track_caller]
    fn impossible(self) -> Self {
        assert_eq!(
            self.decide().reason,
            Reason::ModelDisagrees,
            "{:#?}",
            self.0
        );
        self
    }
}
