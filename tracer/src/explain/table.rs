//! The whole decision as a table: for every signal, what it meets from each side.
//!
//! Signals that fare alike share a block, so that the table is short enough to be
//! read and still holds all 64.

use serde::Serialize;

use super::{From, Question, Set, State, Target, answer};
use crate::decide::{Outcome, Reason, names};

/// A row of the full table, for programs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    pub signal: &'static str,
    pub number: u32,
    pub from: &'static str,
    /// What the target has set: `default`, `ignore`, `handler`, or `blocked`
    /// (with the default action).
    pub handler: &'static str,
    pub outcome: Outcome,
    pub reason: Reason,
    pub rule: &'static str,
    pub forced: bool,
    /// The reason it has when it leaves the queue; null where it does not.
    pub delivery: Option<Reason>,
}

/// From whom, as the columns have it.
pub const FROM: [(&str, From); 3] = [
    ("inside", From::Inside),
    ("host", From::Host),
    ("kernel", From::Kernel),
];

/// How it is set, as the rows have it.
const SET: [(&str, Set, bool); 4] = [
    ("default", Set::Default, false),
    ("ignore", Set::Ignore, false),
    ("handler", Set::Handler, false),
    ("blocked", Set::Default, true),
];

/// Every row for one signal. SIGKILL and SIGSTOP have but the default.
pub fn rows(signal: u32, target: Target) -> Vec<Row> {
    let mut rows = Vec::new();
    for (handler, set, blocked) in SET {
        for (from, who) in FROM {
            let question = Question {
                state: State {
                    blocked,
                    ..State::PLAIN
                },
                ..Question::new(signal, who, target, set)
            };
            if question.check().is_err() {
                continue;
            }
            let answer = answer(&question);
            rows.push(Row {
                signal: names::signal(signal),
                number: signal,
                from,
                handler,
                outcome: answer.outcome,
                reason: answer.reason,
                rule: answer.rule,
                forced: answer.forced,
                delivery: answer.delivery.map(|d| d.reason),
            });
        }
    }
    rows
}

/// Signals that fare alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    pub signals: Vec<u32>,
    /// Of the first of them.
    pub rows: Vec<Row>,
}

/// The signals in blocks, in the order of their first.
pub fn blocks(target: Target, signals: impl Iterator<Item = u32>) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let alike = |a: &[Row], b: &[Row]| {
        let key = |r: &Row| (r.from, r.handler, r.outcome, r.reason, r.delivery);
        a.len() == b.len() && a.iter().zip(b).all(|(a, b)| key(a) == key(b))
    };
    for signal in signals {
        let rows = rows(signal, target);
        match blocks.iter_mut().find(|block| alike(&block.rows, &rows)) {
            Some(block) => block.signals.push(signal),
            None => blocks.push(Block {
                signals: vec![signal],
                rows,
            }),
        }
    }
    blocks
}
