//! Holds what was recorded to what was predicted. Pure.
//!
//! Every expectation takes one record; a signal to an actor that no expectation
//! takes is held against the prediction too.

use serde::Serialize;

use super::arena::Status;
use super::cast::Cast;
use super::scenario::{Actor, Expect, From, Scenario, Seen};
use crate::decide::{Outcome, Reason, names, sender::Kind};
use crate::record::{Deliver, Record, Signal, Zap, ZapPhase};

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
    let mut checks: Vec<Check> = scenario
        .expected
        .iter()
        .map(|expect| {
            let got = match *expect {
                Expect::Signal { .. } | Expect::Deliver { .. } | Expect::Zap { .. } => {
                    recorded(expect, cast, records, &mut taken)
                }
                Expect::Fate { who, fate } => witnessed(seen, |seen| match seen {
                    Seen::Fate { who: w, status } if *w == who => {
                        Some((fate.is(*status), fared(*status)))
                    }
                    _ => None,
                }),
                Expect::Handled { who, signal, times } => witnessed(seen, |seen| match seen {
                    Seen::Handled {
                        who: w,
                        signal: s,
                        times: got,
                    } if (*w, *s) == (who, signal) => Some((*got == times, format!("{got} times"))),
                    _ => None,
                }),
                Expect::Took { who, signal } => witnessed(seen, |seen| match seen {
                    Seen::Took { who: w, signal: s } if *w == who => {
                        let got = s.map_or("no signal in time", names::signal);
                        Some((*s == Some(signal), got.to_owned()))
                    }
                    _ => None,
                }),
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

fn witnessed(
    seen: &[Seen],
    mut find: impl FnMut(&Seen) -> Option<(bool, String)>,
) -> Result<(), String> {
    match seen.iter().find_map(&mut find) {
        Some((true, _)) => Ok(()),
        Some((false, got)) => Err(got),
        None => Err("nothing was heard of it".to_owned()),
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
            let (kind, who) = match from {
                From::Process(who) => (Kind::Process, who),
                From::Zap(init) => (Kind::Zap, init),
            };
            if r.sender.kind != kind || cast.name(&r.sender.process) != Some(who) {
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

fn fared(status: Status) -> String {
    let name = |signal: i32| u32::try_from(signal).map_or("?", names::signal);
    match status {
        Status::Alive => "it lives".to_owned(),
        Status::Exited(code) => format!("it exits by itself with code {code}"),
        Status::Signaled { signal, .. } => format!("it is ended by {}", name(signal)),
        Status::Stopped(signal) => format!("it is stopped by {}", name(signal)),
        Status::Gone => "it is gone, and nobody saw how".to_owned(),
    }
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

impl std::fmt::Display for Expect {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match *self {
            Self::Signal {
                from,
                to,
                signal,
                outcome,
                reason,
                forced,
            } => {
                let name = names::signal(signal);
                match from {
                    From::Process(who) => write!(f, "{name} from {who} to {to}")?,
                    From::Zap(init) => write!(f, "{name} to {to} from the end of {init}")?,
                }
                let (outcome, reason) = (outcome.id(), reason.id());
                write!(f, ": {outcome} ({reason}, force {})", yes(forced))
            }
            Self::Deliver {
                to,
                signal,
                outcome,
                reason,
            } => {
                let name = names::signal(signal);
                let decision = decision(outcome, reason);
                write!(f, "{name} taken from the queue by {to}: {decision}")
            }
            Self::Zap {
                init,
                killed: 0,
                unheard: _,
            } => write!(f, "the namespace of {init} ends, nobody is left in it"),
            Self::Zap {
                init,
                killed,
                unheard,
            } => write!(
                f,
                "the namespace of {init} ends: {killed} killed, {unheard} with a SIGTERM handler \
                 that never ran"
            ),
            Self::Fate { who, fate } => write!(f, "{who} {fate}"),
            Self::Handled { who, signal, times } => {
                write!(f, "{}", handled(who, signal, times))
            }
            Self::Took { who, signal } => {
                write!(f, "{who} gets {} from sigwait", names::signal(signal))
            }
        }
    }
}

fn handled(who: Actor, signal: u32, times: u64) -> String {
    let name = names::signal(signal);
    match times {
        0 => format!("the {name} handler of {who} has not run"),
        1 => format!("the {name} handler of {who} has run once"),
        n => format!("the {name} handler of {who} has run {n} times"),
    }
}

#[cfg(test)]
mod tests;
