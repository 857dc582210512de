//! Inits that end before the others: the kernel kills these, unheard.

use super::Finding;
use super::late::package_manager;
use super::lost::is_a_shell;
use crate::episode::{story::Story, words};

/// PID 1 ended by itself, and these had a SIGTERM handler that never ran.
fn cut_off(story: &Story) -> Option<String> {
    let ended_by_itself = story
        .exit
        .as_ref()
        .is_some_and(|exit| exit.signal.is_none())
        && story.kill.is_none()
        && story.fault.is_none();
    let zap = story.zap.as_ref().filter(|zap| zap.unheard > 0)?;
    (ended_by_itself && package_manager(story).is_none()).then(|| {
        format!(
            "{} ({}) with a SIGTERM handler that never ran",
            words::processes(zap.unheard),
            words::names(zap.unheard(), zap.unheard)
        )
    })
}

fn references(story: &Story) -> impl Iterator<Item = crate::record::Reference> {
    let stop = story.first_stop().map(|hop| hop.reference());
    let exit = story.exit.as_ref().map(|exit| exit.reference());
    let zap = story.zap.as_ref().map(|zap| zap.reference());
    stop.into_iter().chain(exit).chain(zap)
}

fn passed_on(story: &Story) -> bool {
    story.first_stop().is_some() && story.passed_on().next().is_some()
}

fn is_trap(story: &Story) -> bool {
    is_a_shell(story) && story.first_stop().is_some_and(|stop| stop.is_handled())
}

pub fn direct_child(story: &Story) -> Option<Finding> {
    let who = cut_off(story).filter(|_| passed_on(story))?;
    let hop = story.passed_on().next()?;
    let text = format!(
        "{} passed {} on to {} only and ended; with it died {who}",
        words::process(&story.main),
        hop.signal.name,
        words::process(&hop.target)
    );
    let evidence = references(story).chain([hop.reference()]);
    Some(Finding::new(text, evidence))
}

pub fn shell(story: &Story) -> Option<Finding> {
    let who = cut_off(story).filter(|_| !passed_on(story) && is_trap(story))?;
    let text = format!(
        "the trap of {} ran, and the shell ended before its children; with it died {who}",
        words::process(&story.main)
    );
    Some(Finding::new(text, references(story)))
}

pub fn init(story: &Story) -> Option<Finding> {
    let who = cut_off(story).filter(|_| !passed_on(story) && !is_trap(story))?;
    let text = format!(
        "{} ended while others still ran; with it died {who}",
        words::process(&story.main)
    );
    Some(Finding::new(text, references(story)))
}
