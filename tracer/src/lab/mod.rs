//! The laboratory: what the kernel does with signals, shown on this machine.
//!
//! A [`scenario`] is data: a prediction, steps, and the records they must leave.
//! The [`stage`] performs the steps with processes of an [`arena`], [`play`]
//! does so under the tracer, [`check`] holds what was recorded to what was
//! predicted, and [`report`] and [`show`] tell it to programs and to people.

pub mod arena;
pub mod cast;
pub mod check;
pub mod cue;
pub mod docker;
pub mod play;
pub mod report;
pub mod scenario;
pub mod scenarios;
pub mod show;
pub mod stage;

#[cfg(test)]
mod fixtures;
