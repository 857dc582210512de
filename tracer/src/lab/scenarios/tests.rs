use std::collections::HashSet;

use clap::Parser as _;
use tracer_common::signals::{self, SIGABRT};

use super::*;
use crate::cli::Cli;
use crate::lab::scenario::{Actor, Expect, Fate, From, Step};
use crate::lab::show::COLUMNS;
use crate::output::wrap::wrap;

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
            for who in step.needs() {
                assert!(there.contains(who), "{}: {step:?}", scenario.name);
            }
            if let Some(name) = step.makes() {
                assert!(there.insert(name), "{}: {name} twice", scenario.name);
                // The kernel cuts a comm there, and the tracer's lines would lie.
                assert!(name.len() <= 15, "{}: {name}", scenario.name);
            }
        }
        for expect in scenario.expected {
            for who in expect.about() {
                assert!(there.contains(who), "{}: {expect:?}", scenario.name);
            }
        }
    }
}

#[test]
fn what_is_expected_of_a_process_is_also_asked() {
    for scenario in ALL {
        for expect in scenario.expected {
            let has = |step| scenario.steps.contains(&step);
            let is_asked = match *expect {
                Expect::Handled { who, signal, .. } => has(Step::Count { who, signal }),
                Expect::Took { who, .. } => has(Step::Awaken { who }),
                Expect::Masks { who, .. } => has(Step::Look { who }),
                Expect::State { who, .. } | Expect::Parent { who, .. } => has(Step::Peek { who }),
                Expect::Foreseen { question, .. } => has(Step::Consult { question }),
                // A death takes its time, and must be waited for.
                Expect::Fate { who, fate } if !matches!(fate, Fate::Lives | Fate::Stops(_)) => {
                    has(Step::Die { who })
                        || has(Step::Fault { who })
                        || has(Step::Abort { who })
                        || scenario
                            .steps
                            .iter()
                            .any(|step| matches!(step, Step::Reap { child, .. } if *child == who))
                }
                _ => true,
            };
            assert!(is_asked, "{}: {expect:?}", scenario.name);
        }
    }
}

/// Who sends what to whom, by the expectations.
fn expected_of_processes(scenario: &Scenario) -> Vec<(Actor, Actor, u32)> {
    let sent = scenario.expected.iter().filter_map(|expect| match *expect {
        Expect::Signal {
            from: From::Process(from),
            to,
            signal,
            ..
        } => Some((from, to, signal)),
        Expect::AbortDropped { who } => Some((who, who, SIGABRT)),
        _ => None,
    });
    sent.collect()
}

#[test]
fn every_kill_is_predicted() {
    for scenario in ALL {
        let expected = expected_of_processes(scenario);
        let mut rest = expected.as_slice();
        for step in scenario.setup.iter().chain(scenario.steps) {
            // One of these, or at least one of those.
            let (one, any) = match *step {
                Step::Kill { from, to, signal }
                | Step::Queue {
                    from, to, signal, ..
                } => (Some((from, to, signal)), None),
                Step::Raise { who, signal } => (Some((who, who, signal)), None),
                Step::KillAll { from, signal }
                | Step::KillGroup { from, signal, .. }
                | Step::KillOwnGroup { from, signal } => (None, Some((from, signal))),
                Step::Abort { who } => (None, Some((who, SIGABRT))),
                _ => continue,
            };
            let is_of = |(from, to, signal): &(Actor, Actor, u32)| {
                one == Some((*from, *to, *signal)) || any == Some((*from, *signal))
            };
            // One call hits each process once.
            let mut hit = HashSet::new();
            let most = if one.is_some() { 1 } else { rest.len() };
            let count = rest
                .iter()
                .take(most)
                .take_while(|sent| is_of(sent) && (hit.insert(sent.1) || any.is_none()))
                .count();
            assert!(count > 0, "{}: {step:?} is not predicted", scenario.name);
            rest = &rest[count..];
        }
        assert!(rest.is_empty(), "{}: who sends {rest:?}?", scenario.name);
    }
}

#[test]
fn masks_hold_what_a_process_can_set() {
    let fixed = signals::KERNEL_ONLY;
    for scenario in ALL {
        for step in scenario.setup.iter().chain(scenario.steps) {
            let mask = match *step {
                // libc keeps 32 and 33 to itself.
                Step::HandleAll { mask, .. } => mask & (fixed | 3 << 31),
                Step::SigwaitSet { mask, .. } | Step::Signalfd { signals: mask, .. } => {
                    mask & fixed
                }
                _ => 0,
            };
            assert_eq!(mask, 0, "{}: {step:?}", scenario.name);
        }
    }
}

#[test]
fn what_is_asked_of_the_model_makes_sense() {
    for scenario in ALL {
        for step in scenario.setup.iter().chain(scenario.steps) {
            if let Step::Consult { question } = step {
                assert_eq!(question.check(), Ok(()), "{}", scenario.name);
            }
        }
    }
}

#[test]
fn nothing_is_made_after_the_setup() {
    for scenario in ALL {
        assert!(scenario.steps.iter().all(|step| step.makes().is_none()));
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
        let lines = |text| wrap(text, COLUMNS, "  ", "  ").lines().count();
        assert!((2..=5).contains(&lines(scenario.lesson)), "{name}: lesson");
        assert!(lines(scenario.prediction) <= 6, "{name}: prediction");
        assert!(scenario.title.len() + name.len() + 2 <= COLUMNS, "{name}");
        // One line of the list.
        assert!(scenario.summary.len() + 23 <= COLUMNS, "{name}: summary");
        assert!(!scenario.functions.is_empty(), "{name}");
        for line in scenario.see.iter().chain(scenario.exercises) {
            assert!(line.is_ascii() && !line.is_empty(), "{name}: {line}");
        }
        if let Some(article) = scenario.article {
            let is_formed = article.starts_with("Often written: ")
                && article.contains(" In truth: ")
                && article.is_ascii();
            assert!(is_formed, "{name}: {article}");
        }
    }
}

#[test]
fn every_lesson_has_all_its_parts() {
    for scenario in ALL {
        let name = scenario.name;
        assert!((2..=4).contains(&scenario.see.len()), "{name}: see");
        for line in scenario.see {
            assert!(line.len() <= 76 && line.ends_with('.'), "{name}: {line}");
        }
        let exercises = scenario.exercises;
        assert!((2..=4).contains(&exercises.len()), "{name}: exercises");
        let article = scenario.article.expect(name);
        let lines = wrap(article, COLUMNS, "  ", "  ").lines().count();
        assert!(article.ends_with('.') && lines <= 5, "{name}: {article}");
    }
}

/// What stands between backticks.
fn commands(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// Those of sigwhy's that no root is needed for, as they are printed.
const WITHOUT_ROOT: [&str; 1] = ["explain"];

#[test]
fn the_commands_of_exercises_are_understood() {
    let mut ours = 0;
    for scenario in ALL {
        for exercise in scenario.exercises {
            let name = scenario.name;
            let named: Vec<&str> = commands(exercise).collect();
            // One, at the end: a line of its own.
            assert!(
                named.len() == 1 && exercise.ends_with('`'),
                "{name}: {exercise}"
            );
            let command = named[0];
            let words = shlex::split(command).expect(command);
            let is_root = words[0] == "sudo";
            let words = &words[usize::from(is_root)..];
            let needs_root = match words[0].as_str() {
                "sigwhy" => !WITHOUT_ROOT.contains(&words[1].as_str()),
                "unshare" => true,
                _ => false,
            };
            assert_eq!(is_root, needs_root, "{name}: {command}");
            if words[0] != "sigwhy" {
                continue;
            }
            ours += 1;
            if let Err(error) = Cli::try_parse_from(words) {
                panic!("{name}: {command}: {error}");
            }
        }
    }
    assert!(ours > ALL.len(), "most can be tried with sigwhy itself");
}
