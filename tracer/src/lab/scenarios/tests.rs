use std::collections::HashSet;

use super::*;
use crate::lab::scenario::{Actor, Expect, Fate, From, Step};
use crate::output::wrap::wrap;

/// The processes that a step makes, and those it needs.
fn of_step(step: &Step) -> (Option<Actor>, Vec<Actor>) {
    match *step {
        Step::Host { name } => (Some(name), vec![]),
        Step::Init { name, parent } | Step::Child { name, parent } => (Some(name), vec![parent]),
        Step::Kill { from, to, .. } => (None, vec![from, to]),
        Step::Handle { who, .. }
        | Step::Block { who, .. }
        | Step::Unblock { who, .. }
        | Step::Sigwait { who, .. }
        | Step::Settle { who }
        | Step::Count { who, .. }
        | Step::Awaken { who }
        | Step::Exit { who, .. }
        | Step::Die { who } => (None, vec![who]),
        Step::Grace => (None, vec![]),
    }
}

fn of_expect(expect: &Expect) -> Vec<Actor> {
    match *expect {
        Expect::Signal { from, to, .. } => match from {
            From::Process(who) | From::Zap(who) => vec![who, to],
        },
        Expect::Deliver { to, .. } => vec![to],
        Expect::Zap { init, .. } => vec![init],
        Expect::Fate { who, .. } | Expect::Handled { who, .. } | Expect::Took { who, .. } => {
            vec![who]
        }
    }
}

#[test]
fn names_are_unique_and_found() {
    let names: HashSet<_> = ALL.iter().map(|s| s.name).collect();
    assert_eq!(names.len(), ALL.len());
    assert!(!names.contains("all"), "`lab run all` means every one");
    for scenario in ALL {
        let found = find(scenario.name).expect("found");
        assert_eq!(found.title, scenario.title);
    }
    assert!(find("").is_none());
}

#[test]
fn everybody_who_is_mentioned_is_there() {
    for scenario in ALL {
        let mut there = HashSet::new();
        for step in scenario.setup.iter().chain(scenario.steps) {
            let (made, needed) = of_step(step);
            for who in needed {
                assert!(there.contains(who), "{}: {step:?}", scenario.name);
            }
            if let Some(name) = made {
                assert!(there.insert(name), "{}: {name} twice", scenario.name);
                // The kernel cuts a comm there, and the tracer's lines would lie.
                assert!(name.len() <= 15, "{}: {name}", scenario.name);
            }
        }
        for expect in scenario.expected {
            for who in of_expect(expect) {
                assert!(there.contains(who), "{}: {expect:?}", scenario.name);
            }
        }
    }
}

#[test]
fn what_is_expected_of_a_process_is_also_asked() {
    for scenario in ALL {
        for expect in scenario.expected {
            let is_asked = match *expect {
                Expect::Handled { who, signal, .. } => {
                    scenario.steps.contains(&Step::Count { who, signal })
                }
                Expect::Took { who, .. } => scenario.steps.contains(&Step::Awaken { who }),
                // A death takes its time, and must be waited for.
                Expect::Fate { who, fate } if fate != Fate::Lives => {
                    scenario.steps.contains(&Step::Die { who })
                }
                _ => true,
            };
            assert!(is_asked, "{}: {expect:?}", scenario.name);
        }
    }
}

#[test]
fn every_kill_is_predicted() {
    for scenario in ALL {
        let sent = scenario.steps.iter().filter_map(|step| match *step {
            Step::Kill { from, to, signal } => Some((from, to, signal)),
            _ => None,
        });
        let expected = scenario.expected.iter().filter_map(|expect| match *expect {
            Expect::Signal {
                from: From::Process(from),
                to,
                signal,
                ..
            } => Some((from, to, signal)),
            _ => None,
        });
        assert!(sent.eq(expected), "{}", scenario.name);
    }
}

#[test]
fn nothing_is_made_after_the_setup() {
    for scenario in ALL {
        assert!(scenario.steps.iter().all(|step| of_step(step).0.is_none()));
    }
}

#[test]
fn texts_are_short_whole_sentences() {
    for scenario in ALL {
        let name = scenario.name;
        for text in [scenario.prediction, scenario.lesson] {
            assert!(
                text.ends_with('.') && !text.contains("  "),
                "{name}: {text}"
            );
            assert!(text.is_ascii(), "{name}: {text}");
        }
        let lines = |text| wrap(text, 100, "  ", "  ").lines().count();
        assert!((2..=4).contains(&lines(scenario.lesson)), "{name}: lesson");
        assert!(lines(scenario.prediction) <= 5, "{name}: prediction");
        assert!(scenario.title.len() + name.len() + 2 <= 100, "{name}");
        assert!(scenario.summary.len() + 22 <= 100, "{name}");
        assert!(!scenario.functions.is_empty(), "{name}");
    }
}
