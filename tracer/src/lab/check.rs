//! Holds what was recorded to what was predicted. Pure.
//!
//! Every expectation takes one record; a signal to an actor that no expectation
//! takes is held against the prediction too. What the processes themselves saw is
//! in `witness`.

use serde::Serialize;
use tracer_common::signals::SIGABRT;

use super::cast::Cast;
use super::scenario::{Expect, From, Scenario, Seen};
use crate::decide::{Outcome, Reason, sender::Kind};
use crate::record::{Deliver, Record, Signal, Zap, ZapPhase};

mod witness;

/// One expectation and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    pub held: bool,
    /// What was predicted, in words.
    pub expected: String,
    /// What was seen instead; null if it held.
    pub got: Option<String>,
}

impl Check {
    fn of(expected: String, got: Result<(), String>) -> Self {
        Self {
            held: got.is_ok(),
            expected,
            got: got.err(),
        }
    }
}

const NOTHING: &str = "no such event";

/// Checks all of it: the scenario's expectations in their order, then that there
/// was nothing else.
pub fn check(scenario: &Scenario, cast: &Cast, records: &[Record], seen: &[Seen]) -> Vec<Check> {
    let mut taken = vec![false; records.len()];
    let seen = &witness::completed(seen, cast, records);
    let mut checks: Vec<Check> = scenario
        .expected
        .iter()
        .enumerate()
        .map(|(index, expect)| {
            let got = match *expect {
                Expect::Signal { .. } | Expect::Deliver { .. } | Expect::Zap { .. } => {
                    recorded(expect, cast, records, &mut taken)
                }
                Expect::AbortDropped { who } => aborted(who, cast, records, &mut taken),
                _ => witness::witnessed(scenario.expected, index, seen),
            };
            Check::of(expect.to_string(), got)
        })
        .collect();
    let rest: Vec<String> = records
        .iter()
        .zip(&taken)
        .filter(|(record, taken)| !**taken && counts(record))
        .filter_map(|(record, _)| brief(record, cast))
        .collect();
    let got = if rest.is_empty() {
        Ok(())
    } else {
        Err(format!("also {}", rest.join("; ")))
    };
    checks.push(Check::of("no other signal".to_owned(), got));
    checks
}

/// Whether a record must have been predicted: exits are told by the fates, and
/// the end of a zap by its begin. That every thread of a dying process takes a
/// SIGKILL from its queue is no news.
fn counts(record: &Record) -> bool {
    match record {
        Record::Signal(_) => true,
        Record::Deliver(r) => r.reason != Reason::GroupExit,
        Record::Zap(r) => r.phase == ZapPhase::Begin,
        _ => false,
    }
}

/// Takes the record that an expectation is about: the first that is left of the
/// same signal to the same process, so that events come in the order predicted.
fn recorded(
    expect: &Expect,
    cast: &Cast,
    records: &[Record],
    taken: &mut [bool],
) -> Result<(), String> {
    let about = records
        .iter()
        .enumerate()
        .filter(|(index, _)| !taken[*index])
        .find_map(|(index, record)| Some((index, mismatches(expect, record, cast)?)));
    let Some((index, wrong)) = about else {
        return Err(NOTHING.to_owned());
    };
    taken[index] = true;
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(wrong.join(", "))
    }
}

/// Takes every SIGABRT that an init sent itself in abort(3). Each must be dropped,
/// where it is sent or, if it was blocked there, where it is taken from the queue.
fn aborted(who: &str, cast: &Cast, records: &[Record], taken: &mut [bool]) -> Result<(), String> {
    let (mut dropped, mut wrong) = (0, Vec::new());
    for (record, taken) in records.iter().zip(taken) {
        let (target, signal, decision, by_itself) = match record {
            Record::Signal(r) => (
                &r.target,
                &r.signal,
                (r.outcome, r.reason),
                r.sender.kind == Kind::Process && cast.name(&r.sender.process) == Some(who),
            ),
            Record::Deliver(r) => (&r.target, &r.signal, (r.outcome, r.reason), true),
            _ => continue,
        };
        if *taken || signal.number != SIGABRT || cast.name(&target.process) != Some(who) {
            continue;
        }
        *taken = true;
        match decision {
            (Outcome::Dropped, _) if by_itself => dropped += 1,
            (Outcome::Queued, Reason::Blocked) if by_itself => {}
            (outcome, reason) => wrong.push(self::decision(outcome, reason)),
        }
    }
    match (dropped, wrong.as_slice()) {
        (0, []) => Err(NOTHING.to_owned()),
        (_, []) => Ok(()),
        (_, wrong) => Err(wrong.join(", ")),
    }
}

/// What is wrong with a record, which may be nothing; `None` if it is about
/// something else.
fn mismatches(expect: &Expect, record: &Record, cast: &Cast) -> Option<Vec<String>> {
    let mut wrong = Vec::new();
    match (expect, record) {
        (
            Expect::Signal {
                from,
                to,
                signal,
                outcome,
                reason,
                forced,
            },
            Record::Signal(r),
        ) if cast.name(&r.target.process) == Some(to) && r.signal.number == *signal => {
            judge(&mut wrong, (*outcome, *reason), (r.outcome, r.reason));
            if r.forced != *forced {
                wrong.push(format!("force {}", yes(r.forced)));
            }
            let name = cast.name(&r.sender.process);
            let is_from = match from {
                From::Process(who) => {
                    r.sender.kind == Kind::Process && cast.sends_as(&r.sender.process, who)
                }
                From::Zap(init) => r.sender.kind == Kind::Zap && name == Some(init),
                From::Child(who) => r.sender.kind == Kind::ChildExit && name == Some(who),
                From::Orphan { of, .. } => r.sender.kind == Kind::ChildExit && name == Some(of),
                From::Kernel => !r.sender.kind.names_a_process(),
            };
            if !is_from {
                wrong.push(format!("from {}", sender(r, cast)));
            }
        }
        (
            Expect::Deliver {
                to,
                signal,
                outcome,
                reason,
            },
            Record::Deliver(r),
        ) if cast.name(&r.target.process) == Some(to) && r.signal.number == *signal => {
            judge(&mut wrong, (*outcome, *reason), (r.outcome, r.reason));
        }
        (
            Expect::Zap {
                init,
                killed,
                unheard,
            },
            Record::Zap(r),
        ) if cast.name(&r.init) == Some(init) && r.phase == ZapPhase::Begin => {
            if casualties(r) != (*killed, *unheard) {
                wrong.push(zap_words(r));
            }
        }
        _ => return None,
    }
    Some(wrong)
}

fn judge(wrong: &mut Vec<String>, expected: (Outcome, Reason), got: (Outcome, Reason)) {
    if expected != got {
        wrong.push(decision(got.0, got.1));
    }
}

/// How many were killed, and how many of them had a SIGTERM handler for nothing.
fn casualties(zap: &Zap) -> (usize, usize) {
    let killed = zap.killed.as_deref().unwrap_or_default();
    let unheard = killed
        .iter()
        .filter(|v| v.had_sigterm_handler == Some(true) && v.saw_sigterm == Some(false))
        .count();
    (killed.len(), unheard)
}

fn zap_words(zap: &Zap) -> String {
    let (killed, unheard) = casualties(zap);
    format!("{killed} killed, {unheard} of them with a SIGTERM handler that never ran")
}

fn sender(r: &Signal, cast: &Cast) -> String {
    let name = cast.name(&r.sender.process).unwrap_or("somebody else");
    match r.sender.kind {
        Kind::Process => name.to_owned(),
        kind => format!("{name} ({})", kind.id()),
    }
}

fn decision(outcome: Outcome, reason: Reason) -> String {
    format!("{} ({})", outcome.id(), reason.id())
}

fn yes(holds: bool) -> &'static str {
    if holds { "yes" } else { "no" }
}

/// A record that nobody expected, in a few words.
fn brief(record: &Record, cast: &Cast) -> Option<String> {
    let name = |process| cast.name(process).unwrap_or("?");
    Some(match record {
        Record::Signal(r) => format!(
            "{} from {} to {}: {}",
            r.signal.name,
            sender(r, cast),
            name(&r.target.process),
            decision(r.outcome, r.reason)
        ),
        Record::Deliver(r) => {
            let Deliver { signal, target, .. } = &**r;
            format!(
                "{} taken from the queue by {}: {}",
                signal.name,
                name(&target.process),
                decision(r.outcome, r.reason)
            )
        }
        Record::Zap(r) => format!("the end of {}'s namespace: {}", name(&r.init), zap_words(r)),
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
