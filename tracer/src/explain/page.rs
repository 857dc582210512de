//! The reference page of one reason, one diagnosis or one trouble.
//!
//! What it says comes from the lists that the tracer itself uses; an example is
//! looked for by asking the model, so that it cannot be wrong.

use serde::Serialize;

use super::{Answer, From, Question, Set, State, Target, answer};
use crate::decide::{Frozen, Reason, names};
use crate::diagnosis::{Id, catalogue};
use crate::trouble::{self, Trouble};

/// What there is to look up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Topic {
    Reason(Reason),
    Diagnosis(Id),
    Trouble(Trouble),
}

impl Topic {
    /// By id, in the spelling of records or of the command line. A word may be several
    /// things (`stopped` a reason and a diagnosis): all of them then.
    pub fn find(name: &str) -> Vec<Self> {
        let wanted = catalogue::cli(name);
        let reason = Reason::ALL
            .iter()
            .find(|reason| catalogue::cli(reason.id()) == wanted);
        let reason = reason.map(|reason| Self::Reason(*reason));
        let diagnosis = Id::find(name).map(Self::Diagnosis);
        let trouble = Trouble::find(&wanted).map(Self::Trouble);
        reason.into_iter().chain(diagnosis).chain(trouble).collect()
    }
}

/// Every topic, in the order of the lists.
pub fn all() -> impl Iterator<Item = Topic> {
    let reasons = Reason::ALL.iter().map(|reason| Topic::Reason(*reason));
    let diagnoses = catalogue::ALL.iter();
    let troubles = trouble::ALL.iter();
    reasons
        .chain(diagnoses.map(|entry| Topic::Diagnosis(entry.id)))
        .chain(troubles.map(|entry| Topic::Trouble(entry.trouble)))
}

/// The page, for programs.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "topic", rename_all = "snake_case")]
pub enum Page {
    Reason {
        id: &'static str,
        about: &'static str,
        /// A command that asks for it, and what it answers; null where no
        /// question of `sigwhy explain` has this answer.
        example: Option<Example>,
    },
    Diagnosis {
        id: &'static str,
        about: &'static str,
        evidence: &'static str,
        fix: &'static str,
    },
    Trouble {
        id: &'static str,
        title: &'static str,
        /// What sigwhy prints of it, `...` for what differs.
        said: &'static [&'static str],
        why: &'static str,
        /// In the order in which to try them.
        steps: &'static [&'static str],
    },
}

/// A question whose answer the reason is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Example {
    pub command: String,
    pub answer: Box<Answer>,
}

/// Looks it up.
pub fn page(topic: Topic) -> Page {
    match topic {
        Topic::Reason(reason) => Page::Reason {
            id: reason.id(),
            about: reason.about(),
            example: example(reason),
        },
        Topic::Diagnosis(id) => {
            let entry = catalogue::entry(id);
            Page::Diagnosis {
                id: id.id(),
                about: entry.about,
                evidence: entry.evidence,
                fix: entry.fix,
            }
        }
        Topic::Trouble(trouble) => {
            let entry = trouble.entry();
            Page::Trouble {
                id: entry.id,
                title: entry.title,
                said: entry.said,
                why: entry.why,
                steps: entry.steps,
            }
        }
    }
}

/// The simplest question with that answer, now or on delivery.
pub fn example(reason: Reason) -> Option<Example> {
    questions()
        .map(|question| (answer(&question), question))
        .find(|(answer, _)| {
            answer.reason == reason || answer.delivery.as_ref().is_some_and(|d| d.reason == reason)
        })
        .map(|(answer, question)| Example {
            command: command(&question),
            answer: Box::new(answer),
        })
}

/// Questions worth asking, the simplest first.
fn questions() -> impl Iterator<Item = Question> {
    let plain = State::PLAIN;
    let states = [
        plain,
        State {
            blocked: true,
            ..plain
        },
        State {
            sigwait: true,
            ..plain
        },
        State {
            ptraced: true,
            ..plain
        },
        State {
            stopped: true,
            ..plain
        },
        State {
            frozen: Frozen::V1,
            ..plain
        },
        State {
            dying: true,
            ..plain
        },
        State {
            dumping_core: true,
            ..plain
        },
        State {
            blocked: true,
            pending: true,
            ..plain
        },
    ];
    let sets = [Set::Default, Set::Handler, Set::Ignore];
    let targets = [Target::Init, Target::Process, Target::GlobalInit];
    let signals = [15, 9, 11, 19, 17];
    states
        .into_iter()
        .flat_map(move |state| {
            sets.into_iter().flat_map(move |set| {
                targets.into_iter().flat_map(move |target| {
                    signals.into_iter().flat_map(move |signal| {
                        [From::Inside, From::Host]
                            .into_iter()
                            .map(move |from| Question {
                                state,
                                ..Question::new(signal, from, target, set)
                            })
                    })
                })
            })
        })
        .filter(|question| question.check().is_ok())
}

/// The command line that asks it.
pub fn command(question: &Question) -> String {
    let mut words = vec!["sigwhy explain --signal".to_owned()];
    let name = names::signal(question.signal);
    words.push(name.strip_prefix("SIG").unwrap_or(name).to_owned());
    match question.target {
        Target::Process => {}
        Target::Init => words.push("--init".into()),
        Target::GlobalInit => words.push("--global-init".into()),
    }
    if question.from != From::default() {
        words.push(format!("--from {}", name_of(question.from)));
    }
    if question.set != Set::default() {
        words.push(format!("--handler {}", name_of(question.set)));
    }
    let state = &question.state;
    let flags = [
        (state.blocked, "--blocked"),
        (state.sigwait, "--sigwait"),
        (state.ptraced, "--ptraced"),
        (state.stopped, "--stopped"),
        (state.frozen == Frozen::V1, "--frozen v1"),
        (state.frozen == Frozen::V2, "--frozen v2"),
        (state.pending, "--pending"),
        (state.dying, "--dying"),
        (state.dumping_core, "--core-dump"),
        (question.thread, "--thread"),
    ];
    words.extend(
        flags
            .iter()
            .filter(|(on, _)| *on)
            .map(|(_, flag)| (*flag).to_owned()),
    );
    if let Some(code) = question.code {
        words.push(format!("--code={code}"));
    }
    words.join(" ")
}

/// What the command line calls a value.
fn name_of(value: impl clap::ValueEnum) -> String {
    value
        .to_possible_value()
        .map_or_else(String::new, |value| value.get_name().to_owned())
}
