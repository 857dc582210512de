//! Stop signals that never reached anybody.

use tracer_common::signals::{self, SIGQUIT, SIGTERM};

use super::Finding;
use crate::container::role::is_shell;
use crate::decide::{Outcome, Reason, sender::Kind};
use crate::episode::{
    story::{Hop, Story},
    words,
};
use crate::record::{Comm, Disposition, duration};

/// How young an init may be that has not set its handlers yet, in ns.
pub const YOUNG_NS: u64 = 5_000_000_000;

/// SIGPIPEs that are more than a reader that has gone.
const OVER_AND_OVER: u64 = 3;

/// The first signal that libc counts as real-time.
const SIGRTMIN: u32 = 34;

/// It did not end by a stop signal.
pub fn failed(story: &Story) -> bool {
    story.kill.is_some() || (story.exit.is_none() && story.fault.is_none())
}

/// The name under which scripts start containers, cut at 15 bytes: one that is run
/// by its `#!` line has its own name, not the shell's.
const ENTRYPOINTS: [&str; 2] = ["docker-entrypoi", "entrypoint"];

/// Whether it is the name of a shell, or of a script.
pub fn is_shell_or_script(comm: &str) -> bool {
    is_shell(comm) || comm.ends_with(".sh") || ENTRYPOINTS.contains(&comm)
}

/// Who was asked to end has the name of a shell, or of a script.
pub fn is_a_shell(story: &Story) -> bool {
    let is = |comm: Comm| is_shell_or_script(&comm.as_str());
    story.main.comm.is_some_and(is)
}

/// A stop signal that the kernel threw away because PID 1 had no handler.
fn is_protected(hop: &Hop) -> bool {
    hop.reason == Reason::UnkillableInit
        || hop
            .taken
            .is_some_and(|taken| taken.reason == Reason::UnkillableInitAtDequeue)
}

/// That of a process; keys of a terminal are a matter of their own.
fn unheard(story: &Story) -> Option<&Hop> {
    let by_process = |hop: &&Hop| hop.sender.kind == Kind::Process && is_protected(hop);
    story.stops.iter().find(by_process)
}

/// The same, where nothing more special is known.
fn unheard_stop(story: &Story) -> Option<&Hop> {
    let hop = unheard(story)?;
    let special = wrong_signal(story).or_else(|| startup_race(story));
    (failed(story) && special.is_none() && core_signal(story).is_none()).then_some(hop)
}

/// Whoever was to stop it may not signal it. Not where somebody else could.
pub fn denied(story: &Story) -> Option<Finding> {
    let hop = story.denied.first()?;
    if !failed(story) || !(story.stops.is_empty() || hop.is_by_runtime()) {
        return None;
    }
    let (who, fix) = if hop.is_barred {
        (
            "a security module (AppArmor, SELinux) does not let it signal",
            "Let the security module's profile allow it: the audit log has a line with apparmor=\"DENIED\" operation=\"signal\", or avc: denied.",
        )
    } else {
        (
            "it may not signal",
            "Send it as root or as the user of the process. Where that is so already, the sender lacks CAP_KILL in the user namespace of the target, or a security module says no: see the audit log.",
        )
    };
    let text = format!(
        "{} from {} was refused: {who} {}",
        hop.signal.name,
        words::sender(&hop.sender, &hop.target),
        words::process(&hop.target)
    );
    Some(Finding::new(text, story.denied.iter().map(Hop::reference)).fix(fix.to_owned()))
}

/// Others were there beside PID 1, or may have been: who they are its end tells,
/// and what was said before that is to hold.
fn has_others(story: &Story) -> bool {
    (story.exit.is_none() && story.zap.is_none()) || are_others_seen(story)
}

/// Others were there beside PID 1.
fn are_others_seen(story: &Story) -> bool {
    !story.victims().is_empty()
        || !story.exits.is_empty()
        || !story.members.is_empty()
        || !story.forwards.is_empty()
}

fn and_then(story: &Story) -> String {
    match (&story.kill, story.grace_ns()) {
        (Some(_), Some(grace)) => format!("; {} went by in vain", duration(grace)),
        _ => String::new(),
    }
}

fn dropped(hop: &Hop) -> String {
    format!(
        "{} from {} was dropped by the kernel",
        hop.signal.name,
        words::sender(&hop.sender, &hop.target)
    )
}

pub fn shell_wrapper(story: &Story) -> Option<Finding> {
    let hop = unheard_stop(story)?;
    if !is_a_shell(story) || !has_others(story) {
        return None;
    }
    let total = story.zap.as_ref().map_or(0, |zap| zap.killed.total);
    let child = match (words::names(story.victims().iter(), total), total) {
        (_, 0) => "what it runs is its child".to_owned(),
        (app, 1) => format!("what it runs ({app}) is its child"),
        (app, _) => format!("what it runs ({app}) are its children"),
    };
    let main = words::process(&story.main);
    let is_seen = are_others_seen(story);
    let child = match is_seen {
        true => child,
        false => "what it may run would be its child".to_owned(),
    };
    let text = format!(
        "{}: {main} is a shell without a trap for it, and {child}{}",
        dropped(hop),
        and_then(story)
    );
    let found = Finding::new(text, story.evidence(hop));
    Some(match is_seen {
        true => found,
        false => found.uncertain(
            "whether the shell runs anything no record tells: no other process of its namespace was seen",
        ),
    })
}

pub fn no_handler(story: &Story) -> Option<Finding> {
    let hop = unheard_stop(story)?;
    if is_a_shell(story) && has_others(story) {
        return None;
    }
    let text = format!(
        "{}: {} has no handler for it, and the kernel protects a namespace's init from signals without one{}",
        dropped(hop),
        words::process(&story.main),
        and_then(story)
    );
    Some(Finding::new(text, story.evidence(hop)))
}

/// Of what was imported only the kernel's result is known.
pub fn unexplained(story: &Story) -> Option<Finding> {
    let hop = story.stops.iter().find(|hop| {
        hop.sender.kind == Kind::Process
            && (hop.outcome, hop.reason) == (Outcome::Dropped, Reason::NotRecorded)
    })?;
    if !failed(story) {
        return None;
    }
    let text = format!(
        "{} from {} never reached {}: the kernel dropped it{}",
        hop.signal.name,
        words::sender(&hop.sender, &hop.target),
        words::process(&story.main),
        and_then(story)
    );
    let why = if story.is_init {
        "whether it ignores the signal, or has no handler and was protected as PID 1, was not recorded"
    } else {
        "why it was dropped was not recorded: it ignores the signal, or is the PID 1 of a container and has no handler"
    };
    Some(Finding::new(text, story.evidence(hop)).uncertain(why))
}

pub fn startup_race(story: &Story) -> Option<Finding> {
    let hop = unheard(story)?;
    let started = story.main.start_ns.filter(|start| *start > 0)?;
    let age = hop.when.mono_ns.checked_sub(started)?;
    if age > YOUNG_NS {
        return None;
    }
    let is_later = |later: &&Hop| {
        later.when.mono_ns > hop.when.mono_ns
            && later.signal.number == hop.signal.number
            && later.disposition == Some(Disposition::Handler)
    };
    let handled = story.stops.iter().find(is_later);
    let at_kill = story
        .kill
        .as_ref()
        .filter(|kill| hop.signal.number == SIGTERM && kill.sigterm == Some(Disposition::Handler));
    let proof = handled.or(at_kill)?;
    let text = format!(
        "{}: {} was {} old and had no handler yet; later it had one",
        dropped(hop),
        words::process(&story.main),
        duration(age)
    );
    Some(Finding::new(text, [hop.reference(), proof.reference()]))
}

pub fn wrong_signal(story: &Story) -> Option<Finding> {
    if !failed(story) {
        return None;
    }
    let main = words::process(&story.main);
    let systemd = story.main.comm.is_some_and(|c| c.as_str() == "systemd");
    if systemd && let Some(hop) = story.stops.iter().find(|hop| hop.signal.number == SIGTERM) {
        let text = format!("SIGTERM makes {main} start itself anew, not stop");
        return Some(
            Finding::new(text, story.evidence(hop))
                .fix("Set STOPSIGNAL SIGRTMIN+3, which makes systemd stop.".to_owned()),
        );
    }
    let hop = unheard(story).filter(|hop| hop.signal.number != SIGTERM)?;
    let handles = story
        .kill
        .as_ref()
        .is_some_and(|kill| kill.sigterm == Some(Disposition::Handler));
    if handles {
        let text = format!(
            "{}: {main} has no handler for it, but one for SIGTERM",
            dropped(hop)
        );
        return Some(Finding::new(text, story.evidence(hop)).fix(format!(
            "Stop it with SIGTERM: STOPSIGNAL is {} in the image or in the command that ran it.",
            hop.signal.name
        )));
    }
    (hop.signal.number >= SIGRTMIN).then(|| {
        let text = format!(
            "{}: {main} has no handler for this signal, which is systemd's",
            dropped(hop)
        );
        Finding::new(text, story.evidence(hop))
    })
}

pub fn ctrl_c(story: &Story) -> Option<Finding> {
    let by_key = |hop: &&Hop| hop.sender.kind == Kind::Tty && is_protected(hop);
    let hop = story.stops.iter().find(by_key)?;
    let text = format!(
        "{}: {} has no handler for it",
        dropped(hop),
        words::process(&story.main)
    );
    failed(story).then(|| Finding::new(text, [hop.reference()]))
}

pub fn core_signal(story: &Story) -> Option<Finding> {
    let hop = unheard(story)?;
    let sig = hop.signal.number;
    // SIGQUIT is a stop signal of its own, where a SIGKILL follows it.
    let is_meant = signals::contains(signals::COREDUMP, sig)
        && (sig != SIGQUIT || (story.kill.is_none() && !hop.is_by_runtime()));
    let text = format!(
        "{}: only a real fault ends {} with a core",
        dropped(hop),
        words::process(&story.main)
    );
    is_meant.then(|| Finding::new(text, [hop.reference()]))
}

pub fn reraise(story: &Story) -> Option<Finding> {
    if !failed(story) {
        return None;
    }
    let stop = story.stops.iter().find(|hop| hop.is_handled())?;
    let again = story.own.iter().find(|hop| {
        hop.signal.number == stop.signal.number
            && hop.when.mono_ns >= stop.when.mono_ns
            && is_protected(hop)
    })?;
    let text = format!(
        "{} handled {}, then sent it to itself again without a handler, and the kernel dropped that{}",
        words::process(&story.main),
        stop.signal.name,
        and_then(story)
    );
    Some(Finding::new(text, [stop.reference(), again.reference()]))
}

/// Who was to end at last: PID 1, or whom it passed the signal on to.
fn addressees(story: &Story) -> impl Iterator<Item = &Hop> {
    story.stops.iter().chain(story.passed_on())
}

pub fn ignored(story: &Story) -> Option<Finding> {
    if !failed(story) {
        return None;
    }
    let hop = addressees(story).find(|hop| hop.reason == Reason::Ignored)?;
    let text = format!(
        "{} was dropped: {} ignores it (SIG_IGN)",
        hop.signal.name,
        words::process(&hop.target)
    );
    Some(Finding::new(text, story.evidence(hop)))
}

pub fn blocked(story: &Story) -> Option<Finding> {
    if !failed(story) {
        return None;
    }
    let waits = |hop: &&Hop| hop.reason == Reason::Blocked && hop.taken.is_none();
    let hop = addressees(story).find(waits)?;
    // What passes it on has taken it, by signalfd or between two sigwaits.
    let is_main = story
        .stops
        .iter()
        .any(|stop| stop.when.mono_ns == hop.when.mono_ns);
    if is_main && story.passed_on().next().is_some() {
        return None;
    }
    let second = addressees(story).find(|later| {
        later.when.mono_ns > hop.when.mono_ns
            && later.signal.number == hop.signal.number
            && later.outcome == Outcome::Coalesced
    });
    let text = format!(
        "{} waits in the queue of {}, which blocks it{}",
        hop.signal.name,
        words::process(&hop.target),
        and_then(story)
    );
    let references = story.evidence(hop).chain(second.map(Hop::reference));
    let found = Finding::new(text, references);
    Some(match second {
        Some(_) => found,
        None => found.uncertain(
            "whether the blocked signal was read from a signalfd no record tells: there was no second one to show that it still waited",
        ),
    })
}

pub fn sigpipe(story: &Story) -> Option<Finding> {
    (story.sigpipes >= OVER_AND_OVER).then(|| {
        let text = format!(
            "{} wrote to a closed pipe {} times, and the kernel dropped each SIGPIPE",
            words::process(&story.main),
            story.sigpipes
        );
        Finding::new(text, [])
    })
}
