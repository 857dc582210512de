//! Stop signals that arrived, and did not end the container in time.

use tracer_common::signals::SIGKILL;

use super::Finding;
use super::lost::{self, failed, is_a_shell};
use crate::decide::Reason;
use crate::episode::{
    story::{Hop, State, Story, key},
    words,
};
use crate::record::{Comm, Process};

/// Programs that start others and are known not to pass signals on, or late; a
/// name may go on after the first word (`npm run start`).
const MANAGERS: [&str; 9] = [
    "npm",
    "yarn",
    "pnpm",
    "npx",
    "supervisord",
    "foreman",
    "honcho",
    "pm2",
    "PM2",
];

/// Whether it is the name of such a program.
pub fn is_manager_name(comm: &str) -> bool {
    let first = comm.split([' ', ':']).next().unwrap_or_default();
    MANAGERS.contains(&first)
}

fn is_manager(process: &Process) -> bool {
    let is = |comm: Comm| is_manager_name(&comm.as_str());
    process.comm.is_some_and(is)
}

/// The stop signal that the main process took: by a handler, or in sigwait.
fn taken(story: &Story) -> Option<&Hop> {
    story
        .stops
        .iter()
        .find(|hop| hop.is_handled() || hop.reason == Reason::Sigwait)
}

/// The main process took it, passed nothing on, and had to be killed.
fn kept(story: &Story) -> Option<&Hop> {
    let is_kept = story.kill.is_some() && story.passed_on().next().is_none();
    let is_special = package_manager(story).is_some() || lost::reraise(story).is_some();
    taken(story).filter(|_| is_kept && !is_special)
}

pub fn package_manager(story: &Story) -> Option<Finding> {
    let own_kill = story
        .members
        .iter()
        .chain(story.forwards.iter())
        .find(|hop| {
            hop.signal.number == SIGKILL && hop.is_by_process() && is_manager(&hop.sender.process)
        });
    if let Some(kill) = own_kill {
        let text = format!(
            "{} sent SIGKILL to {}",
            words::process(&kill.sender.process),
            words::process(&kill.target)
        );
        return Some(Finding::new(text, [kill.reference()]));
    }
    let cut_off = story.zap.as_ref().is_some_and(|zap| zap.unheard > 0);
    let others_died = cut_off || (story.kill.is_some() && !story.victims().is_empty());
    let last = story.passed_on().find(|hop| is_manager(&hop.target));
    let hop = match last {
        Some(hop) => hop,
        None => taken(story)
            .filter(|_| is_manager(&story.main) && story.passed_on().next().is_none())?,
    };
    let passes_on = story
        .members
        .iter()
        .any(|m| m.is_by_process() && key(&m.sender.process) == key(&hop.target));
    let text = format!(
        "{} got {} and passed it on to nobody",
        words::process(&hop.target),
        hop.signal.name
    );
    (others_died && !passes_on).then(|| Finding::new(text, story.evidence(hop)))
}

pub fn trap(story: &Story) -> Option<Finding> {
    let hop = kept(story)?;
    if !is_a_shell(story) || story.victims().is_empty() {
        return None;
    }
    let text = format!(
        "{} has a trap for {}, but ran it not while its child ({}) ran in the foreground",
        words::process(&story.main),
        hop.signal.name,
        words::names(
            story.victims().iter(),
            story.zap.as_ref().map_or(0, |zap| zap.killed.total)
        )
    );
    Some(Finding::new(text, story.evidence(hop)))
}

pub fn consumed(story: &Story) -> Option<Finding> {
    let hop = kept(story).filter(|hop| hop.reason == Reason::Sigwait)?;
    let text = format!(
        "{} took {} in sigwait and passed it on to nobody",
        words::process(&story.main),
        hop.signal.name
    );
    (!story.victims().is_empty()).then(|| Finding::new(text, story.evidence(hop)))
}

pub fn no_exit(story: &Story) -> Option<Finding> {
    let kill = story.kill.as_ref()?;
    // Whom PID 1 passed it on to, where it did: PID 1 waits for that one.
    let is_gone = |hop: &Hop| {
        story
            .exits
            .iter()
            .any(|e| key(&e.process) == key(&hop.target) && e.when.mono_ns < kill.when.mono_ns)
    };
    let child = story
        .passed_on()
        .find(|hop| hop.is_handled() && !is_gone(hop));
    let own = || kept(story).filter(|_| trap(story).is_none() && consumed(story).is_none());
    let waits = || {
        // All whom it was passed on to are gone, and yet PID 1 stays.
        let all_gone = story.passed_on().next().is_some() && story.passed_on().all(is_gone);
        taken(story).filter(|_| all_gone)
    };
    let hop = child.or_else(own).or_else(waits)?;
    let how = if hop.reason == Reason::Sigwait {
        "took"
    } else {
        "handled"
    };
    let text = format!(
        "{} {how} {} and had not ended {} later, when SIGKILL came",
        words::process(&hop.target),
        hop.signal.name,
        crate::record::duration(kill.when.mono_ns.saturating_sub(hop.when.mono_ns))
    );
    let found = Finding::new(text, story.evidence(hop));
    Some(if hop.reason == Reason::Handler && hop.taken.is_none() {
        found.uncertain("no record shows that the handler ran")
    } else {
        found
    })
}

fn waiting(story: &Story, reason: Reason) -> Option<&Hop> {
    let waits = |hop: &&Hop| hop.reason == reason && hop.taken.is_none();
    story.stops.iter().find(waits).filter(|_| failed(story))
}

pub fn frozen_v1(story: &Story) -> Option<Finding> {
    let kill = story
        .kill
        .as_ref()
        .filter(|kill| kill.frozen == Some(true))?;
    let text = format!(
        "{} is frozen and has not taken its SIGKILL",
        words::process(&story.main)
    );
    (story.state == State::Stuck && story.exit.is_none())
        .then(|| Finding::new(text, [kill.reference()]))
}

pub fn frozen_v2(story: &Story) -> Option<Finding> {
    let hop = waiting(story, Reason::Frozen)?;
    if frozen_v1(story).is_some() {
        return None;
    }
    let text = format!(
        "{} was frozen when {} came, and could not take it",
        words::process(&story.main),
        hop.signal.name
    );
    let found = Finding::new(text, story.evidence(hop));
    Some(if story.exit.is_some() {
        found
    } else {
        found.uncertain("whether it is the v1 or the v2 freezer shows only when SIGKILL comes")
    })
}

pub fn stopped(story: &Story) -> Option<Finding> {
    let hop = waiting(story, Reason::Stopped)?;
    let text = format!(
        "{} was stopped when {} came, and could not take it",
        words::process(&story.main),
        hop.signal.name
    );
    Some(Finding::new(text, story.evidence(hop)))
}

pub fn traced(story: &Story) -> Option<Finding> {
    let hop = waiting(story, Reason::Ptrace)?;
    let text = format!(
        "{} is traced, and its tracer has not passed {} on",
        words::process(&story.main),
        hop.signal.name
    );
    Some(Finding::new(text, story.evidence(hop)))
}
