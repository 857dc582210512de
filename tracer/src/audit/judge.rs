//! What the facts mean for a stop: who hears it, who passes it on, who would be cut
//! off, who is dead. Pure; what is wrong with that is `findings`.

use tracer_common::signals::{SIGTERM, contains};

use super::findings::{findings, runtime_gone};
use super::forward::{self, Fate};
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
    /// What comes of it there, where PID 1 is known to pass it on to its child.
    pub fate: Option<Fate<'a>>,
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
    let mut case = Case {
        facts,
        main,
        init: inits::of(&main.comm, &facts.args, facts.settings),
        passed: inits::passed(&main.comm, &facts.args, stop.signal),
        fate: None,
        signal: stop.signal,
        reason: stop.reason,
        listening: living.iter().filter(listening).copied().collect(),
        living,
        age_ns: age(facts, main),
    };
    case.fate = forward::fate(&case);
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

/// PID 1 does not get the signal, and would not if nobody held it either.
pub fn is_deaf(case: &Case) -> bool {
    match case.reason {
        Reason::UnkillableInit | Reason::Ignored | Reason::DefaultIgnore => true,
        Reason::Blocked => case.facts.taker.is_none(),
        _ => false,
    }
}

/// The freezer of v1 keeps even SIGKILL from it.
pub fn is_out_of_reach(case: &Case) -> bool {
    let freezer = case.main.freezer.as_ref();
    freezer.is_some_and(|by| by.version == 1)
}

fn ends(case: &Case) -> Ends {
    match case.reason {
        _ if is_deaf(case) => match is_out_of_reach(case) {
            true => Ends::AfterHold,
            false => Ends::BySigkill,
        },
        Reason::Handler | Reason::Sigwait | Reason::Blocked => match case.fate {
            Some(Fate::Swallowed | Fate::Lost(..)) => Ends::BySigkill,
            Some(Fate::Ends(_) | Fate::Own) | None => Ends::ByItself,
        },
        Reason::DefaultTerminate | Reason::DefaultCore | Reason::Kill | Reason::ForcedOnInit => {
            Ends::BySignal
        }
        Reason::Ptrace | Reason::Stopped | Reason::Frozen => Ends::AfterHold,
        _ => Ends::Unknown,
    }
}

fn passes(case: &Case, ends: Ends) -> Passes {
    if case.living.is_empty() {
        return Passes::Alone;
    }
    if ends == Ends::BySignal || is_deaf(case) {
        return Passes::ToNobody;
    }
    match case.init {
        Init::Forwarder(_) if case.passed == 0 => Passes::ToNobody,
        Init::Forwarder(passes) => passes,
        Init::Systemd => Passes::ToAll,
        Init::Shell | Init::Manager | Init::Other => Passes::Unknown,
    }
}

/// Who has a handler for SIGTERM and would not hear of a stop, and of how many
/// others that is not known.
fn cut_off<'a>(case: &Case<'a>, ends: Ends, passes: Passes) -> (Vec<&'a Task>, usize) {
    if !case.main.is_init() {
        // Nobody goes with it: the runtime signals, or kills, one by one.
        return (Vec::new(), 0);
    }
    let all = case.listening.len();
    if is_deaf(case) {
        return (case.listening.clone(), 0);
    }
    let deaf = || -> Vec<&Task> {
        let all = case.listening.iter().copied();
        all.filter(|task| !forward::hears(case, passes, task))
            .collect()
    };
    match (passes, case.fate) {
        // Whether it is let go in time, nobody can tell.
        _ if ends == Ends::AfterHold => (Vec::new(), all),
        (Passes::Alone | Passes::ToAll, _) => (Vec::new(), 0),
        (_, Some(Fate::Swallowed | Fate::Lost(..))) => (case.listening.clone(), 0),
        // The child ends at once, the forwarder with it, and so does everybody.
        (_, Some(Fate::Ends(_))) => (deaf(), 0),
        // Whether the child passes the signal on is its own affair.
        (_, Some(Fate::Own)) => (Vec::new(), deaf().len()),
        (_, None) => (Vec::new(), all),
    }
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
