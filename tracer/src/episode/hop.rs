//! One signal and its fate, and lists of bounded length.

use crate::decide::{Outcome, Reason, sender::Kind};
use crate::record::{
    Disposition, Process, Reference, Referred, Relation, Scope, Sender, Signal, SignalName, When,
};

/// A process by host pid and start time.
pub type Key = (u32, u64);

/// The key of a process; 0 where only its pid is known.
pub fn key(process: &Process) -> Option<Key> {
    Some((process.pid?, process.start_ns.unwrap_or(0)))
}

/// A list that remembers how much it had no room for.
#[derive(Debug, Clone, PartialEq)]
pub struct Few<T> {
    pub(super) kept: Vec<T>,
    pub total: u64,
}

impl<T> Default for Few<T> {
    fn default() -> Self {
        Self {
            kept: Vec::new(),
            total: 0,
        }
    }
}

impl<T> Few<T> {
    pub(super) fn push(&mut self, limit: usize, item: T) {
        self.total += 1;
        if self.kept.len() < limit {
            self.kept.push(item);
        }
    }

    /// Nothing was left out.
    pub fn is_whole(&self) -> bool {
        self.kept.len() as u64 == self.total
    }
}

impl<T> std::ops::Deref for Few<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.kept
    }
}

/// What its target did with a signal when it took it from the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    pub mono_ns: u64,
    pub outcome: Outcome,
    pub reason: Reason,
}

/// One signal from one process to another, and its fate.
#[derive(Debug, Clone, PartialEq)]
pub struct Hop {
    pub when: When,
    pub signal: SignalName,
    pub code: i32,
    pub scope: Scope,
    pub relation: Relation,
    pub sender: Sender,
    pub target: Process,
    pub outcome: Outcome,
    pub reason: Reason,
    pub disposition: Option<Disposition>,
    /// At a SIGKILL.
    pub sigterm: Option<Disposition>,
    pub ptraced: bool,
    pub frozen: Option<bool>,
    /// The sender may not send it, and it was a security module that said so.
    pub is_barred: bool,
    pub taken: Option<Taken>,
}

impl Hop {
    pub fn new(r: &Signal) -> Self {
        let mut sender = r.sender.clone();
        // Enough to say who it was; how it came to be is in the record.
        sender.ancestors.clear();
        Self {
            when: r.when,
            signal: SignalName {
                number: r.signal.number,
                name: r.signal.name.clone(),
            },
            code: r.signal.code,
            scope: r.scope,
            relation: r.relation,
            sender,
            target: r.target.process.clone(),
            outcome: r.outcome,
            reason: r.reason,
            disposition: r.target.disposition,
            sigterm: r.target.sigterm_disposition,
            ptraced: r.target.ptraced,
            frozen: r.target.frozen,
            is_barred: r.reason == Reason::PermissionDenied && r.rule.ends_with("/EACCES"),
            taken: None,
        }
    }

    pub fn reference(&self) -> Reference {
        Reference {
            mono_ns: self.when.mono_ns,
            record: Referred::Signal,
        }
    }

    /// The kernel threw it away, when it was sent or when it was taken.
    pub fn is_lost(&self) -> bool {
        let outcome = self.taken.map_or(self.outcome, |taken| taken.outcome);
        outcome == Outcome::Dropped
    }

    /// A handler ran, or was there to run.
    pub fn is_handled(&self) -> bool {
        match self.taken {
            Some(taken) => taken.outcome == Outcome::Handled,
            None => (self.outcome, self.reason) == (Outcome::Queued, Reason::Handler),
        }
    }

    pub fn is_by_process(&self) -> bool {
        self.sender.kind == Kind::Process
    }

    /// From the same PID namespace or one within it.
    pub fn is_from_inside(&self) -> bool {
        self.is_by_process() && matches!(self.relation, Relation::Same | Relation::Descendant)
    }

    pub fn is_by_runtime(&self) -> bool {
        self.sender.role.as_deref() == Some("runtime")
    }
}
