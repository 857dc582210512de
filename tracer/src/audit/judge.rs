//! What the facts mean for a stop: who hears it, who passes it on, who would be cut
//! off, who is dead. Pure; what is wrong with that is `findings`.

use tracer_common::signals::{SIGTERM, contains};

use super::findings::{findings, runtime_gone};
use super::inits::{self, Init};
use super::look::Facts;
use super::{Audit, Ends, Passes, Zombie};
use crate::container::process;
use crate::decide::Reason;
use crate::record::Timestamp;
use crate::snapshot::Task;
use crate::waits::{Named, brief, outsider};

/// Processes of a kind that are named.
const MOST: usize = 16;

/// How long somebody must have been dead to count as forgotten, in ns.
pub const FORGOTTEN_NS: u64 = 1_000_000_000;

/// A container on the way to its judgement.
pub struct Case<'a> {
    pub facts: &'a Facts,
    pub main: &'a Task,
    pub init: Init,
    /// The stop signal.
    pub signal: u32,
    /// What PID 1 makes of it before it passes it on; 0: it passes none on.
    pub passed: u32,
    pub reason: Reason,
    pub living: Vec<&'a Task>,
    /// Of those, who has a handler for SIGTERM.
    pub listening: Vec<&'a Task>,
    pub age_ns: Option<u64>,
}

/// What is to be said about one container.
pub fn judge(facts: &Facts, ts: Timestamp) -> Audit {
    let row = &facts.row;
    let mut audit = Audit {
        kind: "audit",
        version: env!("CARGO_PKG_VERSION"),
        ts,
        container: Named::from(row),
        sandbox: row.sandbox,
        main: facts.main.as_ref().map(brief),
        age_ns: None,
        stop: row.stop,
        taken_by: None,
        stop_timeout: row.stop_timeout,
        ends: Ends::Unknown,
        passes: Passes::Unknown,
        others: 0,
        others_with_handler: 0,
        cut_off: Vec::new(),
        cut_off_total: 0,
        perhaps_cut_off: 0,
        zombies: Vec::new(),
        zombies_total: 0,
        findings: Vec::new(),
    };
    let (Some(main), Some(stop)) = (&facts.main, row.stop) else {
        return audit;
    };
    if main.is_dead() {
        audit.findings.extend(runtime_gone(facts, main));
        return audit;
    }
    let living: Vec<&Task> = facts.others.iter().filter(|task| !task.is_dead()).collect();
    let listening = |task: &&&Task| contains(task.status.caught, SIGTERM);
    let case = Case {
        facts,
        main,
        init: inits::of(&main.comm, &facts.args, facts.settings),
        passed: inits::passed(&main.comm, &facts.args, stop.signal),
        signal: stop.signal,
        reason: stop.reason,
        listening: living.iter().filter(listening).copied().collect(),
        living,
        age_ns: age(facts, main),
    };
    audit.taken_by = facts.taker.filter(|_| stop.reason == Reason::Blocked);
    audit.age_ns = case.age_ns;
    audit.others = case.living.len();
    audit.others_with_handler = case.listening.len();
    audit.ends = ends(&case);
    audit.passes = passes(&case, audit.ends);
    let (cut, perhaps) = cut_off(&case, audit.ends, audit.passes);
    audit.cut_off_total = cut.len();
    audit.cut_off = cut.iter().take(MOST).map(|task| brief(task)).collect();
    audit.perhaps_cut_off = perhaps;
    let zombies = zombies(facts);
    audit.zombies_total = zombies.len();
    audit.zombies = zombies.into_iter().take(MOST).collect();
    audit.findings = findings(&case, &audit, &cut);
    audit
}

fn age(facts: &Facts, main: &Task) -> Option<u64> {
    let ticks = facts.now_ticks?.checked_sub(main.start_ticks)?;
    Some(process::nanoseconds(ticks))
}

fn ends(case: &Case) -> Ends {
    match case.reason {
        Reason::Handler | Reason::Sigwait => Ends::ByItself,
        Reason::Blocked if case.facts.taker.is_some() => Ends::ByItself,
        Reason::DefaultTerminate | Reason::DefaultCore | Reason::Kill => Ends::BySignal,
        Reason::UnkillableInit | Reason::Ignored | Reason::DefaultIgnore | Reason::Blocked => {
            Ends::BySigkill
        }
        Reason::Ptrace | Reason::Stopped | Reason::Frozen => Ends::AfterHold,
        _ => Ends::Unknown,
    }
}

fn passes(case: &Case, ends: Ends) -> Passes {
    if case.living.is_empty() {
        return Passes::Alone;
    }
    if ends == Ends::BySignal || ends == Ends::BySigkill {
        return Passes::ToNobody;
    }
    match case.init {
        Init::Forwarder(_) if case.passed == 0 => Passes::ToNobody,
        Init::Forwarder(passes) => passes,
        Init::Systemd => Passes::ToAll,
        Init::Shell | Init::Manager | Init::Other => Passes::Unknown,
    }
}

/// The child that a forwarder started itself: the first of them.
pub fn child<'a>(case: &Case<'a>) -> Option<&'a Task> {
    let mut children: Vec<&Task> = case
        .living
        .iter()
        .filter(|task| task.status.ppid == case.main.pid)
        .copied()
        .collect();
    children.sort_unstable_by_key(|task| (task.start_ticks, task.pid));
    children.first().copied()
}

/// Who has a handler for SIGTERM and would not hear of a stop, and of how many
/// others that is not known.
fn cut_off<'a>(case: &Case<'a>, ends: Ends, passes: Passes) -> (Vec<&'a Task>, usize) {
    if !case.main.is_init() {
        // Nobody goes with it: the runtime signals, or kills, one by one.
        return (Vec::new(), 0);
    }
    let all = case.listening.len();
    match (ends, passes) {
        (_, Passes::Alone | Passes::ToAll) => (Vec::new(), 0),
        (Ends::BySigkill, _) => (case.listening.clone(), 0),
        (_, Passes::ToChild | Passes::ToGroup) => {
            let Some(child) = child(case) else {
                return (Vec::new(), all);
            };
            let hears = |task: &&Task| {
                task.pid == child.pid || (passes == Passes::ToGroup && task.pgrp == child.pgrp)
            };
            let (_, deaf): (Vec<&Task>, Vec<&Task>) =
                case.listening.iter().copied().partition(|task| hears(task));
            match is_ended_by(child, case.passed) {
                // It ends at once, the forwarder with it, and so does everybody.
                true => (deaf, 0),
                // Whether it passes the signal on is its own affair.
                false => (Vec::new(), deaf.len()),
            }
        }
        _ => (Vec::new(), all),
    }
}

/// A process that is no init dies of the signal unless it has set something.
fn is_ended_by(task: &Task, signal: u32) -> bool {
    let status = &task.status;
    ![status.caught, status.ignored, status.blocked]
        .iter()
        .any(|set| contains(*set, signal))
}

fn zombies(facts: &Facts) -> Vec<Zombie> {
    let is_forgotten =
        |task: &&Task| task.is_dead() && task.idle_ns.is_none_or(|dead| dead >= FORGOTTEN_NS);
    let parent = |task: &Task| {
        let ppid = task.status.ppid;
        let known = facts.parents.iter().find(|parent| parent.pid == ppid);
        known.map(outsider)
    };
    facts
        .others
        .iter()
        .filter(is_forgotten)
        .map(|task| Zombie {
            process: brief(task),
            parent: parent(task),
            dead_ns: task.idle_ns,
        })
        .collect()
}
