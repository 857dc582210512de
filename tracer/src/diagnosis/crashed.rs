//! Ends of PID 1's own making.

use tracer_common::signals::{self, SIGABRT, SIGSYS};

use super::Finding;
use crate::episode::{
    story::{Hop, Story},
    words,
};
use crate::record::{Reference, duration};

/// A core dump that takes longer is worth a word, in ns.
const SLOW_NS: u64 = 2_000_000_000;

fn evidence<'a>(story: &'a Story, hops: impl IntoIterator<Item = &'a Hop>) -> Vec<Reference> {
    let exit = story.exit.as_ref().map(|exit| exit.reference());
    hops.into_iter().map(Hop::reference).chain(exit).collect()
}

/// The SIGABRT of abort(3), to itself and dropped.
fn aborted(story: &Story) -> Option<&Hop> {
    story
        .own
        .iter()
        .find(|hop| hop.signal.number == SIGABRT && hop.is_lost())
}

pub fn seccomp(story: &Story) -> Option<Finding> {
    let fault = story.fault.as_ref();
    let by_fault = fault.is_some_and(|fault| fault.signal.number == SIGSYS);
    let text = format!(
        "{} made a system call that its seccomp profile forbids",
        words::process(&story.main)
    );
    (by_fault || story.exit_signal() == Some(SIGSYS))
        .then(|| Finding::new(text, evidence(story, fault)))
}

pub fn abort(story: &Story) -> Option<Finding> {
    let (fault, abort) = (story.fault.as_ref()?, aborted(story)?);
    let text = format!(
        "{} called abort(): its SIGABRT was dropped, and {} ended it in its place",
        words::process(&story.main),
        fault.signal.name
    );
    Some(Finding::new(text, evidence(story, [abort, fault])))
}

pub fn crash(story: &Story) -> Option<Finding> {
    if aborted(story).is_some() || seccomp(story).is_some() {
        return None;
    }
    let fault = story.fault.as_ref()?;
    let code = story.exit.as_ref().and_then(|exit| exit.shell_code());
    let code = code.map_or_else(String::new, |code| format!(" (exit code {code})"));
    let text = format!(
        "{} crashed with {}{code}",
        words::process(&story.main),
        fault.signal.name
    );
    Some(Finding::new(text, evidence(story, [fault])))
}

pub fn slow_core(story: &Story) -> Option<Finding> {
    let main = words::process(&story.main);
    if let Some(refused) = story.during_core.first() {
        let text = format!(
            "{main} did not hear {}: it was writing a core dump",
            refused.signal.name
        );
        let hops = story.fault.iter().chain([refused]);
        return Some(Finding::new(text, evidence(story, hops)));
    }
    let (fault, exit) = (story.fault.as_ref()?, story.exit.as_ref()?);
    let took = exit.when.mono_ns.saturating_sub(fault.when.mono_ns);
    let is_core = signals::contains(signals::COREDUMP, fault.signal.number) && exit.core_dumped;
    let text = format!("{main} took {} to write its core dump", duration(took));
    (is_core && took > SLOW_NS).then(|| Finding::new(text, evidence(story, [fault])))
}
