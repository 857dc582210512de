//! The story in words: who, what, and the one sentence that tells it all.
//!
//! Names in here are the processes' own words, as they are in records: whoever
//! prints them to a terminal escapes them.

use tracer_common::signals::SIGKILL;

use super::judge;
use super::story::{Exited, Hop, State, Story};
use crate::decide::{Outcome, Reason, sender::Kind};
use crate::record::{self, Ending, Process, Sender, ZapVictim, duration};

/// Names of victims that a sentence takes.
const NAMED: usize = 3;

/// The container's name, or its main process where it has none.
pub fn name(story: &Story) -> String {
    match &story.container {
        Some(container) => container.name.clone(),
        None => process(&story.main),
    }
}

/// `PID 1 (bash)`, `server (pid 4711)`.
pub fn process(process: &Process) -> String {
    let comm = comm(process);
    if process.ns_pid == Some(1) && process.ns_level > Some(0) {
        return format!("PID 1 ({comm})");
    }
    match process.pid {
        Some(pid) => format!("{comm} (pid {pid})"),
        None => format!("an unknown process ({comm})"),
    }
}

/// What means something in a sentence, around a name.
const MARKS: [char; 4] = ['(', ')', ';', ','];

/// A name, in quotes where it could pass for a part of the sentence.
fn comm(process: &Process) -> String {
    let Some(comm) = process.comm else {
        return "an unknown name".to_owned();
    };
    record::name(&comm.as_str(), &MARKS).into_owned()
}

/// Who sent a signal to `target`.
pub fn sender(sender: &Sender, target: &Process) -> String {
    let is_itself = sender.process.pid.is_some()
        && (sender.process.pid, sender.process.start_ns) == (target.pid, target.start_ns);
    match sender.kind {
        Kind::Process if is_itself => "it itself".to_owned(),
        Kind::Process => match (&sender.role_words, sender.role.as_deref()) {
            (Some(words), Some(role)) if role != "host" => words.clone(),
            _ if sender.process.pid.is_none() => "an unknown process".to_owned(),
            _ => process(&sender.process),
        },
        Kind::Kernel => "the kernel".to_owned(),
        Kind::Timer => "a timer".to_owned(),
        Kind::Tty => "the terminal".to_owned(),
        Kind::Oom => "the OOM killer".to_owned(),
        Kind::Zap => "the end of the PID namespace".to_owned(),
        Kind::ChildExit => "a child that ended".to_owned(),
        Kind::Fault => "a fault of its own".to_owned(),
        Kind::ParentDeath => "the end of its parent".to_owned(),
        Kind::Io => "a failed write".to_owned(),
    }
}

/// What became of a signal, as a clause about its target: `which PID 1 (bash)
/// ignores`.
pub fn fate(hop: &Hop) -> String {
    let who = process(&hop.target);
    if let Some(taken) = hop.taken {
        let after = duration(taken.mono_ns.saturating_sub(hop.when.mono_ns));
        match (taken.outcome, taken.reason) {
            (Outcome::Handled, _) => return format!("which a handler of {who} took {after} later"),
            (_, Reason::UnkillableInitAtDequeue) => {
                return format!(
                    "which waited, and which the kernel dropped when {who} took it without a handler"
                );
            }
            _ => {}
        }
    }
    match hop.reason {
        Reason::UnkillableInit => {
            format!("which the kernel dropped: {who} has no handler for it")
        }
        Reason::PermissionDenied => {
            format!("which the kernel refused: it may not signal {who}")
        }
        Reason::Ignored => format!("which {who} ignores"),
        Reason::Handler => format!("for which {who} has a handler"),
        Reason::Blocked => format!("which waits, because {who} blocks it"),
        Reason::Sigwait => format!("for which {who} waited"),
        Reason::Ptrace => format!("which went to the tracer of {who}"),
        Reason::Stopped => format!("which waits, because {who} is stopped"),
        Reason::Frozen => format!("which waits, because {who} is frozen"),
        Reason::AlreadyPending => "one of which was pending already".to_owned(),
        Reason::TargetExiting => format!("but {who} was dying already"),
        Reason::DefaultTerminate | Reason::DefaultCore => format!("which ended {who}"),
        Reason::Kill | Reason::ForcedOnInit => format!("which killed {who}"),
        // An init is one here because it was seen to end its namespace.
        Reason::NotRecorded if hop.outcome == Outcome::Dropped => format!(
            "which the kernel dropped: {who} ignored it, or had no handler and was protected as the init of a container"
        ),
        Reason::NotRecorded => format!("which was queued for {who}"),
        _ if hop.outcome == Outcome::Dropped => format!("which never reached {who}"),
        _ => format!("which {who} was to get"),
    }
}

/// An entry of the timeline.
pub fn hop(hop: &Hop) -> String {
    let from = sender(&hop.sender, &hop.target);
    let what = fate(hop);
    match hop.sender.kind {
        Kind::Fault => format!("{}: {}, {what}", from, hop.signal.name),
        _ => format!("{from} sends {}, {what}", hop.signal.name),
    }
}

/// `exits with code 143`, `is ended by SIGKILL`.
pub fn exited(exited: &Exited) -> String {
    let who = process(&exited.process);
    match (&exited.signal, exited.code) {
        (Some(signal), _) if exited.core_dumped => {
            format!("{who} is ended by {} (core dumped)", signal.name)
        }
        (Some(signal), _) => format!("{who} is ended by {}", signal.name),
        (None, Some(code)) => format!("{who} exits with code {code}"),
        (None, None) => format!("{who} exits"),
    }
}

/// `server`, `a and b (2)`, `a, b, c and 3 more`.
pub fn names<'a>(victims: impl Iterator<Item = &'a ZapVictim>, total: u64) -> String {
    let mut counted: Vec<(String, u64)> = Vec::new();
    for victim in victims {
        let name = comm(&victim.process);
        match counted.iter().position(|(known, _)| *known == name) {
            Some(index) => counted[index].1 += 1,
            None if counted.len() < NAMED => counted.push((name, 1)),
            None => {}
        }
    }
    let named: u64 = counted.iter().map(|(_, count)| count).sum();
    let mut parts: Vec<String> = counted
        .into_iter()
        .map(|(name, count)| match count {
            1 => name,
            n => format!("{name} ({n})"),
        })
        .collect();
    let rest = total.saturating_sub(named);
    if rest > 0 {
        parts.push(format!("{rest} more"));
    }
    match parts.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
        None => String::new(),
    }
}

/// `1 process`, `3 processes`.
pub fn processes(count: u64) -> String {
    match count {
        1 => "1 process".to_owned(),
        n => format!("{n} processes"),
    }
}

/// The whole story in one sentence, without a full stop.
pub fn summary(story: &Story) -> String {
    let mut clauses = Vec::new();
    if let Some(stop) = story.first_stop() {
        clauses.push(stop_clause(story, stop));
    }
    if story.kill.is_none()
        && let Some(refused) = story.refused.first()
    {
        let from = sender(&refused.sender, &refused.target);
        clauses.push(format!(
            "{from} sent SIGKILL, which the kernel dropped: {} is protected from it",
            process(&refused.target)
        ));
    }
    clauses.extend(denied_kill(story));
    clauses.extend(forwards(story));
    clauses.extend(oom(story));
    clauses.extend(fatal(story));
    clauses.extend(exit(story));
    clauses.extend(zap(story));
    format!(
        "{} {}: {}",
        name(story),
        headline(story),
        clauses.join("; ")
    )
    .trim_end_matches(": ")
    .to_owned()
}

fn headline(story: &Story) -> String {
    let how = if judge::is_ungraceful(story) {
        " ungracefully"
    } else {
        ""
    };
    let end = story.ended().or(story.exit.as_ref().map(|e| e.when));
    let took = end.map_or_else(String::new, |end| {
        let span = end.mono_ns.saturating_sub(story.began.mono_ns);
        format!(" after {}", duration(span))
    });
    match (story.state, judge::ending(story)) {
        (State::Stuck, _) => "is stuck".to_owned(),
        (State::LivesOn, _) => "runs on".to_owned(),
        (State::Open, Ending::Unknown) => "has not ended yet".to_owned(),
        (_, Ending::Crashed) => "crashed".to_owned(),
        (_, _) if story.first_stop().is_none() && story.kill.is_some() => {
            "was killed without a stop signal".to_owned()
        }
        (_, Ending::Exited) if story.first_stop().is_none() => format!("ended by itself{how}"),
        _ => format!("stopped{how}{took}"),
    }
}

fn stop_clause(story: &Story, stop: &Hop) -> String {
    let from = sender(&stop.sender, &stop.target);
    let mut clause = format!("{from} sent {}, {}", stop.signal.name, fate(stop));
    if story.stops.total > 1 {
        let more = story.stops.total - 1;
        let signals = if more == 1 { "signal" } else { "signals" };
        clause.push_str(&format!(" ({more} more such {signals} followed)"));
    }
    clause
}

/// A SIGKILL that could not be sent, where nothing else ended it.
fn denied_kill(story: &Story) -> Option<String> {
    let is_kill = |hop: &&Hop| hop.signal.number == SIGKILL;
    let hop = story.denied.iter().find(is_kill)?;
    let from = sender(&hop.sender, &hop.target);
    (story.kill.is_none() && story.exit.is_none())
        .then(|| format!("{from} sent SIGKILL, {}", fate(hop)))
}

fn forwards(story: &Story) -> Option<String> {
    let mut passed = story.passed_on();
    let first = passed.next()?;
    let more = passed.count();
    let others = match more {
        0 => String::new(),
        n => format!(" and {n} more"),
    };
    Some(format!(
        "{} passed {} on to {}{others}",
        process(&story.main),
        first.signal.name,
        process(&first.target)
    ))
}

fn oom(story: &Story) -> Option<String> {
    let victim = story.oom.first()?;
    let more = match story.oom.total - 1 {
        0 => String::new(),
        n => format!(" and {n} more"),
    };
    Some(format!(
        "the OOM killer killed {}{more}",
        process(&victim.target)
    ))
}

fn fatal(story: &Story) -> Option<String> {
    if let Some(fault) = &story.fault {
        return Some(format!(
            "{} got {} for a fault of its own",
            process(&fault.target),
            fault.signal.name
        ));
    }
    let kill = story.kill.as_ref()?;
    let from = sender(&kill.sender, &kill.target);
    Some(match story.grace_ns() {
        Some(grace) => format!("{from} sent SIGKILL {} later", duration(grace)),
        None => format!("{from} sent SIGKILL"),
    })
}

fn exit(story: &Story) -> Option<String> {
    let exit = story.exit.as_ref()?;
    let code = exit.shell_code()?;
    Some(match (&exit.signal, story.is_init) {
        (Some(_), _) => format!("exit code {code}"),
        (None, true) => format!("PID 1 exited with code {code}"),
        (None, false) => format!("{} exited with code {code}", process(&exit.process)),
    })
}

fn zap(story: &Story) -> Option<String> {
    let zap = story.zap.as_ref()?;
    let mut text = String::new();
    if zap.killed.total > 0 {
        let were = if zap.killed.total == 1 { "was" } else { "were" };
        text = format!("{} {were} killed with it", processes(zap.killed.total));
        if zap.unheard > 0 {
            text.push_str(&format!(
                ", {} of which ({}) had a SIGTERM handler that never ran",
                zap.unheard,
                names(zap.unheard(), zap.unheard)
            ));
        }
    }
    if zap.ended.is_none() && story.state == State::Stuck {
        let sep = if text.is_empty() { "" } else { "; " };
        let lasts = story.last.mono_ns.saturating_sub(zap.began.mono_ns);
        text.push_str(&format!(
            "{sep}its PID namespace has not ended for {}",
            duration(lasts)
        ));
    }
    (!text.is_empty()).then_some(text)
}
