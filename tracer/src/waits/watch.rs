//! Follows one target until it is over: what changes on the way, and what ended
//! the wait.

use std::time::{Duration, Instant};

use super::target::{self, Target};
use super::{Brief, Holder, Lasting, Status, Verdict, Wait, words};
use crate::container::Root;
use crate::snapshot::Task;

/// From one look to the next.
const PAUSE: Duration = Duration::from_millis(500);

/// The same where a look takes long: whoever waits wants to know when it is over.
const LONGEST: Duration = Duration::from_secs(5);

/// A look takes at most this part of the time between two, as far as that goes.
const SHARE: u32 = 20;

/// Follows.
#[derive(Debug)]
pub struct Watch {
    root: Root,
    target: Target,
    /// What was told last.
    told: Verdict,
    /// What is to be seen a second time before it is told.
    maybe: Option<Verdict>,
    /// The last wait that was told, and when.
    held: Option<(Verdict, Instant)>,
    /// When the last look began at which it was not over.
    seen: Instant,
    pause: Duration,
}

/// What a look brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    Same,
    Changed(Box<Verdict>),
    Over(Box<Verdict>),
}

impl Watch {
    /// From what was told first on.
    pub fn new(root: &Root, target: Target, first: Verdict) -> Self {
        Self {
            root: root.clone(),
            target,
            held: first.is_stuck().then(|| (first.clone(), Instant::now())),
            told: first,
            maybe: None,
            seen: Instant::now(),
            pause: PAUSE,
        }
    }

    /// How long to wait before the next look.
    pub fn pause(&self) -> Duration {
        self.pause
    }

    /// Whether what was told last is a wait.
    pub fn is_stuck(&self) -> bool {
        self.told.is_stuck()
    }

    /// Looks again.
    pub fn step(&mut self) -> Step {
        let begin = Instant::now();
        let now = self.target.glance(&self.root);
        self.pause = (begin.elapsed() * SHARE).clamp(PAUSE, LONGEST);
        let Some(now) = now else {
            return Step::Over(Box::new(self.over()));
        };
        self.seen = begin;
        if is_the_same(&self.told, &now) {
            self.maybe = None;
            return Step::Same;
        }
        let is_seen_again = self
            .maybe
            .as_ref()
            .is_some_and(|before| is_the_same(before, &now));
        if !is_seen_again {
            self.maybe = Some(now);
            return Step::Same;
        }
        self.maybe = None;
        let mut now = now;
        if let Some((held, _)) = self.held.take() {
            now.freed_by = freed(&self.root, &held);
        }
        if now.is_stuck() {
            self.held = Some((now.clone(), Instant::now()));
        }
        self.told = now.clone();
        Step::Changed(Box::new(now))
    }

    fn over(&self) -> Verdict {
        let held = self.held.as_ref();
        let who = match self.told.subject.ns_pid {
            Some(1) => format!("PID 1 ({})", words::process(&self.told.subject)),
            _ => words::process(&self.told.subject),
        };
        Verdict {
            ts: target::now(),
            status: Status::Gone,
            wait: None,
            wait_number: None,
            summary: format!("{who} is gone"),
            doing: "gone".to_owned(),
            holders: Vec::new(),
            holders_total: 0,
            diagnosis: None,
            frees: None,
            commands: Vec::new(),
            unknown: Vec::new(),
            freed_by: held
                .and_then(|(held, _)| freed(&self.root, held))
                .or_else(|| self.told.freed_by.clone()),
            lasting: held.map_or_else(Lasting::default, |(held, since)| {
                lasted(
                    held,
                    self.seen.saturating_duration_since(*since),
                    since.elapsed(),
                )
            }),
            ..self.told.clone()
        }
    }
}

/// Whether there is nothing to tell: what held it up most still does.
fn is_the_same(before: &Verdict, now: &Verdict) -> bool {
    before.status == now.status
        && match before.holders.first() {
            Some(first) => now.holders.iter().any(|holder| holder.key() == first.key()),
            None => now.holders.is_empty(),
        }
}

/// How long a wait was: when it was seen last and when it was over, both since it
/// was told.
fn lasted(held: &Verdict, seen: Duration, over: Duration) -> Lasting {
    let ns = |span: Duration| u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
    let least = held.lasting.at_least_ns.unwrap_or(0);
    Lasting {
        at_least_ns: Some(least.saturating_add(ns(seen))),
        at_most_ns: held
            .lasting
            .at_most_ns
            .map(|most| most.saturating_add(ns(over))),
    }
}

/// What ended a wait, by what has become of whoever held it up.
fn freed(root: &Root, held: &Verdict) -> Option<String> {
    held.holders.first().map(|holder| by(root, holder))
}

fn by(root: &Root, holder: &Holder) -> String {
    let who = holder
        .process
        .as_ref()
        .map_or_else(|| "it".to_owned(), words::process);
    match holder.wait {
        Wait::Injected | Wait::Adopted | Wait::Unreaped => match &holder.parent {
            Some(parent) if is_there(root, parent) => {
                format!("{} reaped {who}", words::process(parent))
            }
            Some(parent) => format!(
                "{} ended, and who inherited {who} from it reaped it",
                words::process(parent)
            ),
            None => format!("{who} was reaped"),
        },
        Wait::Traced => match &holder.tracer {
            Some(tracer) if is_there(root, tracer) => {
                format!("{} let {who} go", words::process(tracer))
            }
            Some(tracer) => format!("{} ended, which had traced {who}", words::process(tracer)),
            None => format!("{who} is traced no longer"),
        },
        Wait::FrozenV1 | Wait::FrozenV2 => format!("{who} was thawed"),
        Wait::Uninterruptible => format!("{who} woke from its uninterruptible sleep"),
        Wait::CoreDump => format!("the core dump of {who} was over"),
        Wait::ExitHang => format!("{who} got on with its exit"),
        Wait::Stopped => format!("{who} was continued, or killed"),
        Wait::Blocked => format!("{who} took the signal, or was killed"),
        Wait::Reference => reference(root, &holder.suspects),
    }
}

fn reference(root: &Root, suspects: &[Brief]) -> String {
    let is_in_dead_group = |task: &Task| Task::read(root, task.pgrp).is_none();
    let freed: Vec<String> = suspects
        .iter()
        .filter_map(|suspect| match Task::read(root, suspect.pid) {
            None => Some(format!("{} ended", words::process(suspect))),
            Some(task) if !is_in_dead_group(&task) => Some(format!(
                "{} changed its process group",
                words::process(suspect)
            )),
            Some(_) => None,
        })
        .collect();
    match freed.is_empty() {
        true => "the number of a process that is gone is in use no longer".to_owned(),
        false => freed.join(", "),
    }
}

/// A number is taken again sooner than it takes to look twice, but hardly by one
/// of the same name.
fn is_there(root: &Root, brief: &Brief) -> bool {
    Task::read(root, brief.pid).is_some_and(|task| task.comm == brief.comm && !task.is_dead())
}
