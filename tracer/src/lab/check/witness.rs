//! Holds what the processes themselves had to say to what was predicted.

use crate::decide::names;
use crate::lab::arena::Status;
use crate::lab::cast::Cast;
use crate::lab::scenario::{Expect, Seen, fared, state_words};
use crate::record::{Exit, Record};

/// What was seen, with the ends that nobody saw: those whose parents died with
/// them are told by the tracer alone.
pub fn completed(seen: &[Seen], cast: &Cast, records: &[Record]) -> Vec<Seen> {
    let end = |who: &str| {
        records.iter().rev().find_map(|record| match record {
            Record::Exit(r) if cast.name(&r.process) == Some(who) => Some(status(r)),
            _ => None,
        })
    };
    let complete = |seen: &Seen| match seen {
        Seen::Fate { who, status } => Seen::Fate {
            who,
            status: match status {
                Status::Gone => end(who).unwrap_or(Status::Gone),
                status => *status,
            },
        },
        seen => seen.clone(),
    };
    seen.iter().map(complete).collect()
}

fn status(exit: &Exit) -> Status {
    let number = |number: u32| i32::try_from(number).unwrap_or(i32::MAX);
    match &exit.signal {
        Some(signal) => Status::Signaled {
            signal: number(signal.number),
            core: exit.core_dumped,
        },
        None => Status::Exited(number(exit.exit_code.unwrap_or(0))),
    }
}

/// Whether an expectation, by its place among all of them, was seen to be so;
/// else what was seen instead.
///
/// Several expectations of the same kind about the same process go with what was
/// seen in its order: the first with the first, or, for what `Look` and `Peek`
/// note, the last with the last.
pub fn witnessed(expected: &[Expect], index: usize, seen: &[Seen]) -> Result<(), String> {
    let expect = expected[index];
    let about: Vec<(bool, String)> = seen
        .iter()
        .filter_map(|seen| judged(expect, seen))
        .collect();
    let alike = |others: &[Expect]| {
        others
            .iter()
            .filter(|other| is_alike(expect, **other))
            .count()
    };
    let from_behind = matches!(
        expect,
        Expect::Masks { .. } | Expect::State { .. } | Expect::Parent { .. }
    );
    let at = if from_behind {
        let later = alike(&expected[index + 1..]);
        about.len().checked_sub(later + 1)
    } else {
        match expect {
            // One fate is all that a process has.
            Expect::Fate { .. } => Some(0),
            _ => Some(alike(&expected[..index])),
        }
    };
    match at.and_then(|at| about.get(at)) {
        Some((true, _)) => Ok(()),
        Some((false, got)) => Err(got.clone()),
        None => Err("nothing was heard of it".to_owned()),
    }
}

/// Whether two expectations go with the same kind of notes.
fn is_alike(one: Expect, other: Expect) -> bool {
    use Expect::{Foreseen, Handled, Masks, Parent, State, Took};
    match (one, other) {
        (
            Handled { who, signal, .. },
            Handled {
                who: w, signal: s, ..
            },
        ) => (who, signal) == (w, s),
        (Took { who, .. }, Took { who: w, .. })
        | (State { who, .. }, State { who: w, .. })
        | (Parent { who, .. }, Parent { who: w, .. }) => who == w,
        (Masks { who, set, .. }, Masks { who: w, set: s, .. }) => (who, set) == (w, s),
        (Foreseen { question, .. }, Foreseen { question: q, .. }) => question == q,
        _ => false,
    }
}

/// Whether a note bears an expectation out, and what it says; `None` if it is
/// about something else.
fn judged(expect: Expect, seen: &Seen) -> Option<(bool, String)> {
    match (expect, seen) {
        (Expect::Fate { who, fate }, Seen::Fate { who: w, status }) if *w == who => {
            Some((fate.is(*status), fared(*status)))
        }
        (
            Expect::Handled { who, signal, times },
            Seen::Handled {
                who: w,
                signal: s,
                times: got,
            },
        ) if (*w, *s) == (who, signal) => Some((*got == times, format!("{got} times"))),
        (Expect::Took { who, signal }, Seen::Took { who: w, signal: s }) if *w == who => {
            let got = s.map_or("no signal in time", names::signal);
            Some((*s == Some(signal), got.to_owned()))
        }
        (Expect::Masks { who, set, mask }, Seen::Masks { who: w, sets }) if *w == who => {
            let got = set.of(sets);
            Some((got == mask, format!("{got:016x}: {}", names::signals(got))))
        }
        (
            Expect::State { who, state },
            Seen::Peeked {
                who: w, state: got, ..
            },
        ) if *w == who => Some((*got == state, state_words(*got))),
        (
            Expect::Parent { who, parent },
            Seen::Peeked {
                who: w, parent: p, ..
            },
        ) if *w == who => {
            let got = p.unwrap_or("no process of this lesson");
            Some((*p == Some(parent), got.to_owned()))
        }
        (
            Expect::Foreseen {
                question,
                outcome,
                reason,
                forced,
            },
            Seen::Foreseen {
                question: q,
                outcome: o,
                reason: r,
                forced: f,
            },
        ) if *q == question => {
            let force = if *f { "yes" } else { "no" };
            let got = format!("{} ({}, force {force})", o.id(), r.id());
            Some(((*o, *r, *f) == (outcome, reason, forced), got))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::arena::procfs::SignalSets;
    use crate::lab::scenario::MaskSet;

    fn took(signal: u32) -> Expect {
        Expect::Took {
            who: "tini",
            signal,
        }
    }

    fn woke(signal: u32) -> Seen {
        Seen::Took {
            who: "tini",
            signal: Some(signal),
        }
    }

    #[test]
    fn several_wakings_go_with_their_order() {
        let expected = [took(15), took(17)];
        let seen = [woke(15), woke(17)];
        assert_eq!(witnessed(&expected, 0, &seen), Ok(()));
        assert_eq!(witnessed(&expected, 1, &seen), Ok(()));
        let other = witnessed(&[took(17), took(15)], 0, &seen);
        assert_eq!(other, Err("SIGTERM".into()));
        let unheard = witnessed(&[took(15), took(17)], 1, &seen[..1]);
        assert_eq!(unheard, Err("nothing was heard of it".into()));
    }

    #[test]
    fn the_last_look_counts() {
        let look = |caught| Seen::Masks {
            who: "sh",
            sets: SignalSets {
                caught,
                ..SignalSets::default()
            },
        };
        let masks = |mask| Expect::Masks {
            who: "sh",
            set: MaskSet::Caught,
            mask,
        };
        let seen = [look(0), look(0x10002)];
        assert_eq!(witnessed(&[masks(0x10002)], 0, &seen), Ok(()));
        assert_eq!(
            witnessed(&[masks(0)], 0, &seen),
            Err("0000000000010002: SIGINT, SIGCHLD".into())
        );
        // Two go with the last two.
        let both = [masks(0), masks(0x10002)];
        assert_eq!(witnessed(&both, 0, &seen), Ok(()));
        assert_eq!(witnessed(&both, 1, &seen), Ok(()));
    }

    #[test]
    fn an_end_that_nobody_saw_is_told_by_the_tracer() {
        let process = crate::lab::fixtures::process("worker", 2);
        let cast = crate::lab::fixtures::cast(&[("worker", 2)]);
        let exit = |process| {
            Record::Exit(Box::new(Exit {
                when: crate::lab::fixtures::when(0),
                process,
                exit_code: None,
                signal: Some(crate::record::SignalName {
                    number: 9,
                    name: "SIGKILL".into(),
                }),
                core_dumped: false,
                is_init: false,
                container: None,
            }))
        };
        let gone = [Seen::Fate {
            who: "worker",
            status: Status::Gone,
        }];
        let killed = [Expect::Fate {
            who: "worker",
            fate: crate::lab::scenario::Fate::KilledBy(9),
        }];
        let seen = completed(&gone, &cast, &[exit(process)]);
        assert_eq!(witnessed(&killed, 0, &seen), Ok(()));
        let other = exit(crate::lab::fixtures::process("other", 3));
        let seen = completed(&gone, &cast, &[other]);
        assert_eq!(
            witnessed(&killed, 0, &seen),
            Err("it is gone, and nobody saw how".into())
        );
    }

    #[test]
    fn a_state_and_a_parent_are_of_the_same_peek() {
        let seen = [Seen::Peeked {
            who: "child",
            state: 'Z',
            parent: None,
        }];
        let state = Expect::State {
            who: "child",
            state: 'Z',
        };
        let parent = Expect::Parent {
            who: "child",
            parent: "init",
        };
        assert_eq!(witnessed(&[state, parent], 0, &seen), Ok(()));
        assert_eq!(
            witnessed(&[state, parent], 1, &seen),
            Err("no process of this lesson".into())
        );
    }
}
