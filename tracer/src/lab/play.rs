//! Plays a scenario under the tracer.
//!
//! The stage runs on a thread of its own, since it blocks; this side watches,
//! and waits for records by their content, never by the clock alone.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Instant, sleep};
use tracer_common::signals::{self, SIGCHLD, SIGURG, SIGWINCH, mask};

use super::check::check;
use super::cue::Cues;
use super::docker::Docker;
use super::report::Report;
use super::scenario::Scenario;
use super::stage::{self, Backstage, Performance, Told};
use crate::capture::{Session, boottime};
use crate::kernel::ladder::{Forced, PERMISSION};
use crate::kernel::load;
use crate::record::Record;
use crate::trouble::Trouble;

/// How long records may take to arrive after the last step.
const RECORD_TIMEOUT: Duration = Duration::from_secs(1);

/// How long to go on looking for what was not predicted, in ns.
const AFTERMATH_NS: u64 = 20_000_000;

/// How often to look while nothing wakes us.
const LOOK: Duration = Duration::from_millis(5);

/// How long the stage may take to end after an interruption.
const CURTAIN: Duration = Duration::from_secs(3);

/// The same where docker has containers to remove.
const DOCKER_CURTAIN: Duration = Duration::from_secs(15);

/// How long nothing may happen before the next cue is asked for: what the last
/// step caused has been shown by then.
const QUIET: Duration = Duration::from_millis(60);

/// A thing to show, in the order in which things happened.
#[derive(Debug)]
pub enum Scene<'a> {
    Step(&'a Told),
    Record(&'a Record),
    /// The next step waits for a cue.
    Pause,
    /// No cue will come any more: the rest goes on without.
    NoMoreCues,
}

/// Ctrl-C and SIGTERM.
pub struct Interrupt {
    int: Signal,
    term: Signal,
}

impl Interrupt {
    /// From now on, neither ends the process by itself. Needs a tokio runtime.
    ///
    /// # Errors
    /// When no handler can be set.
    pub fn new() -> anyhow::Result<Self> {
        Ok(Self {
            int: signal(SignalKind::interrupt())?,
            term: signal(SignalKind::terminate())?,
        })
    }

    async fn recv(&mut self) {
        tokio::select! {
            _ = self.int.recv() => {}
            _ = self.term.recv() => {}
        }
    }
}

/// The noise of every machine: traced only for a scenario that is about it.
const NOISE: u64 = mask(SIGCHLD) | mask(SIGURG) | mask(SIGWINCH) | mask(32) | mask(33);

/// What to load for scenarios: containers only, without noise that none of
/// them asks for. No narrower: a SIGTERM that is filtered out would make "its
/// handler never ran" a guess.
pub fn load_options(forced: &[Forced], scenarios: &[&Scenario]) -> load::Options {
    let also = scenarios
        .iter()
        .fold(0, |also, scenario| also | scenario.also);
    load::Options {
        forced: forced.to_vec(),
        signal_set: !NOISE | also,
        // The lessons are about what becomes of signals; what is refused is none, and
        // most kernels could not show it.
        without: &[PERMISSION],
        ..load::Options::default()
    }
}

/// Whether a record is of a signal that this scenario wants traced: others may
/// have asked for more.
fn is_wanted(record: &Record, scenario: &Scenario) -> bool {
    let signal = match record {
        Record::Signal(r) => r.signal.number,
        Record::Deliver(r) => r.signal.number,
        _ => return true,
    };
    signals::contains(!NOISE | scenario.also, signal)
}

/// How to play.
#[derive(Debug)]
pub struct Manner {
    /// The time between SIGTERM and SIGKILL, in scenarios that have one.
    pub grace: Duration,
    /// What each step that is shown waits for, if anything.
    pub cues: Option<Cues>,
    /// Who makes the containers; by default they are bare PID namespaces.
    pub docker: Option<Arc<Docker>>,
}

/// Plays `scenario` with processes that run `exe`, the `sigwhy` binary, and
/// shows each scene as it happens. `None` if it was interrupted; no process is
/// left in any case.
///
/// # Errors
/// When the processes cannot be made or do not do as they are told, when records
/// were lost, and those of `show`.
pub async fn play(
    session: &mut Session,
    scenario: &'static Scenario,
    exe: &Path,
    manner: &mut Manner,
    interrupt: &mut Interrupt,
    mut show: impl FnMut(Scene<'_>) -> anyhow::Result<()>,
) -> anyhow::Result<Option<Report>> {
    let lost_before = session.loss()?.ring_full;
    let backstage = Arc::new(Backstage::new(manner.cues.is_some()));
    let _curtain = Curtain(Arc::clone(&backstage));
    let mut stage = tokio::task::spawn_blocking({
        let (backstage, exe) = (Arc::clone(&backstage), exe.to_owned());
        let manner = stage::Manner {
            grace: manner.grace,
            stepwise: manner.cues.is_some(),
            docker: manner.docker.clone(),
        };
        move || stage::perform(scenario, &exe, &manner, &backstage)
    });
    let mut watcher = Watcher {
        session,
        backstage: &backstage,
        fresh: Vec::new(),
        pending: Vec::new(),
        report: Report {
            scenario,
            steps: Vec::new(),
            records: Vec::new(),
            checks: Vec::new(),
        },
    };
    let mut waiting = Waiting::No;
    let performance: Performance = loop {
        waiting = waiting.next(&watcher, backstage.awaits_cue());
        if waiting == Waiting::Due {
            show(Scene::Pause)?;
            waiting = Waiting::Asked;
        }
        tokio::select! {
            biased;
            () = interrupt.recv() => {
                backstage.cancel();
                // Its processes end with it, or else with this process.
                let curtain = match manner.docker {
                    Some(_) => DOCKER_CURTAIN,
                    None => CURTAIN,
                };
                let _ = tokio::time::timeout(curtain, stage).await;
                return Ok(None);
            }
            done = &mut stage => break done.context("the stage's thread")?.map_err(one_line)?,
            more = next_cue(&mut manner.cues), if waiting == Waiting::Asked => {
                if !more {
                    show(Scene::NoMoreCues)?;
                    manner.cues = None;
                }
                backstage.cue(!more);
                waiting = Waiting::No;
            }
            ready = watcher.session.ready() => ready?,
            () = sleep(LOOK) => {}
        }
        watcher.look(false, &mut show)?;
    };

    let (now, end) = (boottime(), Instant::now() + RECORD_TIMEOUT);
    loop {
        watcher.look(false, &mut show)?;
        let over = Instant::now() >= end;
        if over || boottime() > now + AFTERMATH_NS {
            watcher.report.checks = backstage
                .with_cast(|cast| check(scenario, cast, &watcher.all(), &performance.seen));
            if over || watcher.report.held() {
                break;
            }
        }
        tokio::select! {
            biased;
            () = interrupt.recv() => return Ok(None),
            ready = watcher.session.ready() => ready?,
            () = sleep(LOOK) => {}
        }
    }
    watcher.look(true, &mut show)?;
    let lost = watcher
        .session
        .loss()?
        .ring_full
        .saturating_sub(lost_before);
    let report = watcher.report;
    if lost > 0 && !report.held() {
        bail!(
            "the tracer lost {lost} events during {}, so its verdict would be a guess: try again when the machine is less busy",
            scenario.name
        );
    }
    Ok(Some(report))
}

/// Where the stage stands with its next cue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Waiting {
    No,
    /// It waits since then; what the last step caused may still come.
    Since(Instant),
    /// Now is the time to ask for it.
    Due,
    Asked,
}

impl Waiting {
    fn next(self, watcher: &Watcher<'_>, awaits: bool) -> Self {
        match self {
            Self::No if awaits => Self::Since(Instant::now()),
            Self::Since(begin) if begin.elapsed() >= QUIET && watcher.pending.is_empty() => {
                Self::Due
            }
            other => other,
        }
    }
}

/// Whether a cue came, or none will any more.
async fn next_cue(cues: &mut Option<Cues>) -> bool {
    match cues {
        Some(cues) => cues.next().await,
        None => false,
    }
}

/// Ends the performance, however its watcher leaves.
struct Curtain(Arc<Backstage>);

impl Drop for Curtain {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

/// A failure on the stage and its causes in the one line that is printed.
fn one_line(error: anyhow::Error) -> anyhow::Error {
    Trouble::LabFailed.error(format!(
        "the lesson could not be played, which says nothing about its prediction: {error:#}"
    ))
}

/// The watching side of one scenario.
struct Watcher<'a> {
    session: &'a mut Session,
    backstage: &'a Backstage,
    fresh: Vec<Record>,
    /// What may still be preceded by something.
    pending: Vec<Pending>,
    report: Report,
}

enum Pending {
    Step(Told),
    Record(Record),
}

impl Pending {
    fn mono_ns(&self) -> u64 {
        match self {
            Self::Step(told) => told.mono_ns,
            Self::Record(record) => record.mono_ns(),
        }
    }
}

impl Watcher<'_> {
    /// Drains, and shows what nothing can precede any more: with `last`, all.
    fn look(
        &mut self,
        last: bool,
        show: &mut impl FnMut(Scene<'_>) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        // Steps first: their records come later than they do.
        let told = self.backstage.take_told();
        self.pending.extend(told.into_iter().map(Pending::Step));
        self.session.drain(&mut self.fresh);
        let ours = self.backstage.with_cast(|cast| {
            self.fresh
                .drain(..)
                .filter(|record| cast.concerns(record) && is_wanted(record, self.report.scenario))
                .collect::<Vec<_>>()
        });
        for record in &ours {
            if let Record::Signal(r) = record
                && let Some(to) = self
                    .backstage
                    .with_cast(|cast| cast.name(&r.target.process))
            {
                self.backstage.note_sent(to, r.signal.number);
            }
        }
        self.pending.extend(ours.into_iter().map(Pending::Record));
        self.pending.sort_by_key(Pending::mono_ns);
        let settled = boottime().saturating_sub(AFTERMATH_NS);
        let due = if last {
            self.pending.len()
        } else {
            self.pending.partition_point(|p| p.mono_ns() <= settled)
        };
        for scene in self.pending.drain(..due) {
            match scene {
                Pending::Step(told) => {
                    show(Scene::Step(&told))?;
                    self.report.steps.push(told);
                }
                Pending::Record(record) => {
                    show(Scene::Record(&record))?;
                    self.report.records.push(record);
                }
            }
        }
        Ok(())
    }

    /// The records so far, shown or not.
    fn all(&self) -> Vec<Record> {
        let pending = self.pending.iter().filter_map(|p| match p {
            Pending::Record(record) => Some(record),
            Pending::Step(_) => None,
        });
        self.report.records.iter().chain(pending).cloned().collect()
    }
}
