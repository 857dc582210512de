//! The kernel's decision about a signal, recomputed from facts.
//!
//! Pure: no I/O, no clock, no BPF, no knowledge of containers or of output. The
//! functions read like the kernel's own, test by test, and are named after them:
//! [`force`] is `send_signal_locked()`, [`generate`] is `__send_signal_locked()`
//! with `prepare_signal()` .. `complete_signal()`, [`deliver`] is `get_signal()`.
//!
//! The kernel's word (the tracepoint's result) is an input: the model has to
//! explain it. Where it cannot, it says [`Reason::ModelDisagrees`], which is a
//! bug to be found, and never a guess. [`foresee`] has that word about a signal
//! that nobody has sent.

mod complete;
pub mod deliver;
pub mod force;
pub mod foresee;
pub mod generate;
pub mod names;
pub mod questions;
pub mod reason;
pub mod sender;
pub mod situation;
pub mod walk;
pub mod words;

#[cfg(test)]
mod tests;

pub use reason::{Outcome, Reason};
pub use situation::{Frozen, Handler, Info, Relation, Sender, Situation, Target, TraceResult};
pub use walk::{Step, Walk};

/// What became of a signal, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    pub outcome: Outcome,
    pub reason: Reason,
    /// The kernel function and test that decided.
    pub rule: &'static str,
}

impl Decision {
    pub(crate) const fn new(outcome: Outcome, reason: Reason, rule: &'static str) -> Self {
        Self {
            outcome,
            reason,
            rule,
        }
    }
}
