//! What a scenario is: plain data, interpreted by [`super::stage`] and
//! [`super::check`].
//!
//! Processes go by the names that the scenario gives them, which are also their
//! `comm` and so must not be longer than 15 bytes.

mod expect;
mod step;

pub use expect::{Expect, Fate, From, MaskSet, Seen, fared, state_words};
pub use step::{Step, errno_name};

/// A process of a scenario, by name.
pub type Actor = &'static str;

/// One demonstration. Adding one is a file in [`super::scenarios`] and a row there.
#[derive(Debug)]
pub struct Scenario {
    /// What people type.
    pub name: &'static str,
    pub title: &'static str,
    /// One line for the list.
    pub summary: &'static str,
    /// What to look out for, a short line each.
    pub see: &'static [&'static str],
    /// What will happen, told before it does.
    pub prediction: &'static str,
    /// Makes the processes; nothing of it is shown.
    pub setup: &'static [Step],
    /// What is shown.
    pub steps: &'static [Step],
    /// The prediction for the machine: every signal to a process of the scenario
    /// must be in it.
    pub expected: &'static [Expect],
    /// Why, and what to do about it.
    pub lesson: &'static str,
    /// What is commonly written about it, and why that is imprecise:
    /// `Often written: ... In truth: ...`.
    pub article: Option<&'static str>,
    /// What to try next: each varies one thing, with a command that works.
    pub exercises: &'static [&'static str],
    /// Where in the kernel it is decided.
    pub functions: &'static [&'static str],
    /// Signals that are traced besides those that every scenario gets (bit
    /// `signal - 1`): SIGCHLD, SIGURG and SIGWINCH are left out unless a
    /// scenario is about them, and then all of them must be predicted.
    pub also: u64,
}
