//! `sigwhy explain`: the model as a calculator, and the reference in a terminal.
//!
//! A [`Question`] is a signal that nobody has sent; its [`Answer`] is what the
//! kernel would do with it, with the path through the kernel's tests. [`table`]
//! asks many at once, [`page`] looks up one reason or diagnosis. Nothing here
//! looks at the machine: what a real signal met is told by `live`.

pub mod page;
pub mod question;
pub mod table;
pub mod text;

pub use question::{From, Question, Set, State, Target};

use serde::Serialize;

use crate::assemble::{path, signal_id};
use crate::decide::{
    Outcome, Reason, Situation, Walk, force::force, foresee, generate, sender, words,
};
use crate::record::{PathStep, SignalId};

/// What the kernel would do.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Answer {
    pub signal: SignalId,
    /// The question in words.
    pub question: String,
    pub outcome: Outcome,
    pub reason: Reason,
    /// The kernel function and test that decide.
    pub rule: &'static str,
    /// Whether `send_signal_locked()` forces it.
    pub forced: bool,
    pub explanation: String,
    /// What becomes of it when it leaves the queue, with what is set now; null
    /// where it does not get there.
    pub delivery: Option<Taken>,
    /// The kernel's tests, in order.
    pub path: Vec<PathStep>,
}

/// The signal leaves the queue.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Taken {
    pub outcome: Outcome,
    pub reason: Reason,
    pub rule: &'static str,
    pub explanation: String,
}

/// Asks the model.
pub fn answer(question: &Question) -> Answer {
    let before = question.situation();
    let s = foresee::generated(&before, question.state.pending);
    let mut walk = Walk::on();
    let decided = generate::decide(&s, &mut walk);
    let is_init = question.target != Target::Process;
    let delivery = foresee::taken(&s, decided).map(|d| Taken {
        outcome: d.outcome,
        reason: d.reason,
        rule: d.rule,
        explanation: words::delivered(s.sig, is_init, &d, 0).into_owned(),
    });
    Answer {
        signal: signal_id(s.sig, s.code),
        question: question.words(),
        outcome: decided.outcome,
        reason: decided.reason,
        rule: decided.rule,
        forced: force(&s, &mut Walk::off()),
        explanation: words::generated(&s, &decided, sender::kind(&s)).into_owned(),
        delivery,
        path: as_met(path(walk), &before),
    }
}

/// The walk with the values that the kernel meets: the model sees the situation
/// as `complete_signal()` leaves it, and up to there a reader expects it as it was.
fn as_met(mut path: Vec<PathStep>, before: &Situation) -> Vec<PathStep> {
    let mut walk = Walk::on();
    generate::decide(before, &mut walk);
    for (step, earlier) in path.iter_mut().zip(walk.into_steps()) {
        if step.function == "complete_signal" || step.test != earlier.test {
            break;
        }
        step.values = earlier.values;
    }
    path
}

#[cfg(test)]
mod tests;
