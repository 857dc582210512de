//! PID namespaces that do not end. Which process holds one up, records tell only
//! in part: they show who has taken its SIGKILL and who has not.

use super::Finding;
use crate::decide::Outcome;
use crate::episode::{
    story::{Hop, State, Story, Zapped},
    words,
};
use crate::record::Reference;

/// The zap that lasts.
fn zap(story: &Story) -> Option<&Zapped> {
    let zap = story.zap.as_ref()?;
    (story.state == State::Stuck && zap.ended.is_none()).then_some(zap)
}

fn evidence(zap: &Zapped, hop: Option<&Hop>) -> Vec<Reference> {
    let hop = hop.map(Hop::reference);
    [zap.reference()].into_iter().chain(hop).collect()
}

/// Whom the zap killed and who has not exited.
fn left(story: &Story) -> impl Iterator<Item = &Hop> {
    story
        .zap_kills
        .iter()
        .filter(|hop| hop.outcome != Outcome::Dropped && !story.has_exited(&hop.target))
}

/// Who was a zombie when the zap came.
fn zombie(story: &Story) -> Option<&Hop> {
    story
        .zap_kills
        .iter()
        .find(|hop| hop.outcome == Outcome::Dropped)
}

pub fn traced(story: &Story) -> Option<Finding> {
    let zap = zap(story)?;
    let hop = story.zap_kills.iter().find(|hop| hop.ptraced)?;
    let text = format!(
        "the PID namespace waits for {}, which is traced from outside",
        words::process(&hop.target)
    );
    Some(Finding::new(text, evidence(zap, Some(hop))))
}

pub fn frozen(story: &Story) -> Option<Finding> {
    let zap = zap(story)?;
    let hop = left(story).find(|hop| hop.frozen == Some(true))?;
    let text = format!(
        "the PID namespace waits for {}, which is frozen",
        words::process(&hop.target)
    );
    Some(Finding::new(text, evidence(zap, Some(hop))))
}

pub fn uninterruptible(story: &Story) -> Option<Finding> {
    let zap = zap(story)?;
    if traced(story).is_some() || frozen(story).is_some() {
        return None;
    }
    let hop = left(story).next()?;
    let text = format!(
        "the PID namespace waits for {}, which has not acted upon its SIGKILL",
        words::process(&hop.target)
    );
    let is_nested = hop.target.ns_pid == Some(1);
    let why = if is_nested {
        "it is the init of a namespace within, which may itself be waiting"
    } else {
        "what it sleeps in no record tells; /proc/PID/stack does"
    };
    Some(Finding::new(text, evidence(zap, Some(hop))).uncertain(why))
}

pub fn injected(story: &Story) -> Option<Finding> {
    let zap = zap(story)?;
    let is_held = traced(story).is_some() || left(story).next().is_some();
    if is_held || story.zap_kills.is_empty() {
        return None;
    }
    let dead = zombie(story);
    let text = match dead {
        Some(hop) => format!(
            "the PID namespace waits for {}, which was dead already and is not reaped",
            words::process(&hop.target)
        ),
        None => format!(
            "the PID namespace waits although {} in it took their SIGKILL and ended: one of them is not reaped",
            words::processes(story.zap_kills.total)
        ),
    };
    Some(Finding::new(text, evidence(zap, dead)).uncertain(
        "which of the dead is not reaped, or whether a process outside holds a bare number of the namespace, no record tells",
    ))
}

pub fn reference(story: &Story) -> Option<Finding> {
    let zap = zap(story)?;
    let is_empty = zap.killed.total == 0 && story.zap_kills.total == 0;
    let text = "the PID namespace waits although there was nobody left to kill in it".to_owned();
    is_empty.then(|| Finding::new(text, evidence(zap, None)))
}

pub fn before_zap(story: &Story) -> Option<Finding> {
    let exit = story.exit.as_ref()?;
    let hangs = story.state == State::Stuck && story.zap.is_none() && story.is_init;
    let text = format!(
        "{} has begun to exit, and its PID namespace has not begun to end",
        words::process(&story.main)
    );
    hangs.then(|| Finding::new(text, [exit.reference()]))
}
