//! What is wrong with a container, from its case. Pure.
//!
//! Words here, ids and advice of the catalogue.

use tracer_common::signals::{SIGINT, SIGQUIT, SIGTERM, contains};

use super::inits::Init;
use super::judge::{Case, is_deaf, is_out_of_reach};
use super::look::Facts;
use super::{Audit, Ends, Finding, Passes, Weight, Zombie, forward};
use crate::decide::{Reason, names};
use crate::diagnosis::{Id, YOUNG_NS};
use crate::record::duration;
use crate::snapshot::Task;
use crate::waits::{Advice, Brief, brief, has_keeper, outsider, process_words};

/// Names in one sentence.
const NAMED: usize = 4;

/// SIGRTMIN+3, which makes systemd halt.
const HALT: u32 = 37;

/// The first signal that libc counts as real-time.
const SIGRTMIN: u32 = 34;

fn names_of<'a>(tasks: impl IntoIterator<Item = &'a Brief>, total: usize) -> String {
    let mut names: Vec<String> = tasks.into_iter().take(NAMED).map(process_words).collect();
    if total > names.len() {
        names.push(format!("{} more", total - names.len()));
    }
    names.join(", ")
}

pub fn findings(case: &Case, audit: &Audit, cut: &[&Task]) -> Vec<Finding> {
    let problem = |advice: Advice| Finding {
        weight: Weight::Problem,
        advice,
    };
    let note = |advice: Advice| Finding {
        weight: Weight::Note,
        advice,
    };
    let mut findings: Vec<Finding> = Vec::new();
    findings.extend(signal(case, audit).map(problem));
    if is_deaf(case) && is_out_of_reach(case) {
        findings.extend(held(case).map(problem));
    }
    findings.extend(quick(case).map(note));
    findings.extend(trap(case).map(problem));
    findings.extend(manager(case).map(note));
    findings.extend(forward::finding(case, audit, cut).map(problem));
    findings.extend(daemons(case, audit).map(problem));
    findings.extend(unreaped(case, audit).map(problem));
    findings.extend(runtime_gone(case.facts, case.main));
    findings.extend(shared(case).map(note));
    findings
}

/// Who is killed with PID 1, as the end of a sentence.
pub fn and_others(audit: &Audit) -> String {
    match audit.cut_off_total {
        0 => String::new(),
        1 => format!(
            "; {}, which has a handler for SIGTERM, is killed with it and never runs that",
            names_of(&audit.cut_off, 1)
        ),
        n => format!(
            "; {n} others that have a handler for SIGTERM ({}) are killed with it and never run that",
            names_of(&audit.cut_off, n)
        ),
    }
}

pub fn grace(case: &Case) -> String {
    match case.facts.row.stop_timeout {
        _ if is_out_of_reach(case) => {
            "SIGKILL does not end it either before its cgroup is thawed".to_owned()
        }
        Some(seconds) => format!("SIGKILL ends it {seconds} s later"),
        None => "SIGKILL ends it when the grace is over".to_owned(),
    }
}

/// What becomes of the stop signal.
fn signal(case: &Case, audit: &Audit) -> Option<Advice> {
    let name = names::signal(case.signal);
    let who = process_words(&brief(case.main));
    let and_then = || format!("{}{}", grace(case), and_others(audit));
    match case.reason {
        Reason::UnkillableInit => Some(dropped(case, name, &who, &and_then())),
        Reason::Ignored => Some(Advice::new(
            Id::SigIgnInherited,
            format!("{name} is dropped: {who} ignores it; {}", and_then()),
        )),
        Reason::Blocked if case.facts.taker.is_none() => Some(
            Advice::new(
                Id::SigBlocked,
                format!("{name} stays pending: {who} blocks it, and no thread and no signalfd takes it; {}", and_then()),
            )
            .uncertain("it may unblock it, or wait for it, at times"),
        ),
        _ => held(case).or_else(|| systemd(case, name, &who)),
    }
}

fn dropped(case: &Case, name: &str, who: &str, and_then: &str) -> Advice {
    let caught = case.main.status.caught;
    let begin = format!("{name} is dropped");
    if case.signal != SIGTERM && contains(caught, SIGTERM) {
        return Advice::new(
            Id::WrongStopsignal,
            format!("{begin}: {who} has no handler for it, but one for SIGTERM; {and_then}"),
        )
        .fix(format!(
            "Stop it with SIGTERM: STOPSIGNAL is {name} in the image or in the command that ran it."
        ));
    }
    if let Some(age) = case.age_ns.filter(|age| *age < YOUNG_NS) {
        return Advice::new(
            Id::StartupRace,
            format!(
                "{begin} if it comes now: {who} is {} old and has no handler yet; {and_then}",
                duration(age)
            ),
        )
        .uncertain("whether it will have one: look again when it has started (--settle)");
    }
    if case.signal >= SIGRTMIN {
        return Advice::new(
            Id::WrongStopsignal,
            format!(
                "{begin}: {who} has no handler for this signal, which is systemd's; {and_then}"
            ),
        );
    }
    if case.init == Init::Shell && !case.living.is_empty() {
        let children: Vec<Brief> = case.living.iter().map(|task| brief(task)).collect();
        return Advice::new(
            Id::Pid1ShellWrapper,
            format!(
                "{begin}: {who} is a shell without a trap for it, and does not pass it on to what it \
                 runs ({}); {and_then}",
                names_of(&children, children.len())
            ),
        );
    }
    Advice::new(
        Id::Pid1NoHandler,
        format!(
            "{begin}: {who} has no handler for it, and the kernel protects a namespace's init from \
             signals without one; {and_then}"
        ),
    )
}

/// Somebody keeps the process from looking at any signal.
fn held(case: &Case) -> Option<Advice> {
    let name = names::signal(case.signal);
    let who = process_words(&brief(case.main));
    if let Some(by) = &case.main.freezer {
        let (id, what) = match by.version {
            1 => (
                Id::FrozenV1,
                "neither it nor SIGKILL is taken before it is thawed",
            ),
            _ => (Id::FrozenV2, "it waits until that is thawed"),
        };
        return Some(Advice::new(
            id,
            format!(
                "{who} is frozen by cgroup {}, and {name} waits: {what}",
                by.cgroup
            ),
        ));
    }
    if case.main.status.state == 'T' {
        return Some(Advice::new(
            Id::Stopped,
            format!("{who} is stopped, and {name} waits until it is continued"),
        ));
    }
    (case.reason == Reason::Ptrace).then(|| {
        Advice::new(
            Id::TracedInit,
            format!(
                "{name} goes to the tracer of {who} (PID {})",
                case.main.status.tracer
            ),
        )
        .uncertain("whether the tracer passes it on")
    })
}

fn systemd(case: &Case, name: &str, who: &str) -> Option<Advice> {
    let is_wrong = case.init == Init::Systemd && case.signal == SIGTERM && case.main.is_init();
    is_wrong.then(|| {
        Advice::new(
            Id::WrongStopsignal,
            format!(
                "{name} makes {who} start itself anew, not stop; {}",
                grace(case)
            ),
        )
        .fix(format!(
            "Set STOPSIGNAL {}, which makes systemd stop.",
            names::signal(HALT)
        ))
    })
}

/// Servers that take SIGTERM for "at once".
fn quick(case: &Case) -> Option<Advice> {
    let is_one = matches!(case.main.comm.as_str(), "nginx" | "php-fpm");
    let is_quick = is_one && case.signal == SIGTERM && case.reason == Reason::Handler;
    is_quick.then(|| {
        Advice::new(
            Id::WrongStopsignal,
            format!(
                "SIGTERM is the quick shutdown of {}: what it is just answering is cut off",
                process_words(&brief(case.main))
            ),
        )
        .fix("Set STOPSIGNAL SIGQUIT, its graceful shutdown.".to_owned())
        .uncertain("the program goes by its name")
    })
}

/// A shell with a trap, which runs it when its foreground child has ended.
fn trap(case: &Case) -> Option<Advice> {
    if case.init != Init::Shell || case.reason != Reason::Handler {
        return None;
    }
    // Of what a script starts with & POSIX says that it ignores SIGINT and SIGQUIT.
    let is_behind = |task: &&&Task| {
        let quiet = task.status.ignored | task.status.caught;
        contains(quiet, SIGINT) && contains(quiet, SIGQUIT)
    };
    let mut children = case
        .living
        .iter()
        .filter(|task| task.status.ppid == case.main.pid);
    let waits = case.main.sleeper().is_some_and(|thread| {
        thread
            .wchan
            .as_deref()
            .is_none_or(|wchan| wchan.contains("do_wait"))
    });
    let first = children.clone().next()?;
    if !waits || children.any(|task| is_behind(&task)) {
        return None;
    }
    Some(
        Advice::new(
            Id::ShellTrapDeferred,
            format!(
                "{} is a shell that waits for {}: its trap runs when that has ended",
                process_words(&brief(case.main)),
                process_words(&brief(first))
            ),
        )
        .uncertain(
            "that it waits in the foreground is taken from the child, which does not ignore SIGINT as one \
             started with & does",
        ),
    )
}

fn manager(case: &Case) -> Option<Advice> {
    let is_one = case.init == Init::Manager && !case.living.is_empty();
    let handles = matches!(case.reason, Reason::Handler | Reason::Sigwait);
    (is_one && handles).then(|| {
        Advice::new(
            Id::PmSwallows,
            format!(
                "{} takes the stop signal, and is known to pass it on late or not at all",
                process_words(&brief(case.main))
            ),
        )
        .uncertain("what this version of it does")
    })
}

/// Daemons that were left to PID 1: their session's leader is gone.
fn daemons(case: &Case, audit: &Audit) -> Option<Advice> {
    let all_are_stopped = audit.passes == Passes::ToAll;
    if !case.main.is_init() || all_are_stopped || audit.ends == Ends::BySigkill {
        return None;
    }
    let is_left = |task: &&&Task| {
        task.status.ppid == case.main.pid
            && task.session != case.main.session
            && task.session != task.pid
            && task.session != 0
            && !case.facts.taken.contains(&task.session)
    };
    let left: Vec<Brief> = case
        .listening
        .iter()
        .filter(is_left)
        .map(|task| brief(task))
        .collect();
    (!left.is_empty()).then(|| {
        let forwards = matches!(audit.passes, Passes::ToChild | Passes::ToGroup);
        let advice = Advice::new(
            Id::OrphanDaemons,
            format!(
                "{} forked twice and {} left to PID 1 ({}), which did not start it: the stop signal is not \
                 for it, and the end of PID 1 kills it",
                names_of(&left, left.len()),
                if left.len() == 1 { "was" } else { "were" },
                process_words(&brief(case.main)),
            ),
        );
        match forwards {
            true => advice,
            false => advice.uncertain("whether PID 1 stops it all the same, in its handler"),
        }
    })
}

fn unreaped(case: &Case, audit: &Audit) -> Option<Advice> {
    let is_mine = |zombie: &&Zombie| {
        let parent = zombie.parent.as_ref();
        parent.is_some_and(|parent| parent.pid == case.main.pid)
    };
    let own: Vec<&Zombie> = audit.zombies.iter().filter(is_mine).collect();
    let total = own.len();
    if total == 0 {
        return None;
    }
    let since = own.iter().filter_map(|zombie| zombie.dead_ns).max();
    let since = since.map_or_else(String::new, |ns| {
        format!(", one for at least {}", duration(ns))
    });
    let many = match total {
        1 => "a dead child".to_owned(),
        n => format!("{n} dead children"),
    };
    let advice = Advice::new(
        Id::ZombieAccumulation,
        format!(
            "{} has {many} that it has not reaped ({}{since})",
            process_words(&brief(case.main)),
            names_of(own.iter().map(|zombie| &zombie.process), total),
        ),
    );
    Some(match total {
        1 => advice.uncertain("one may be waited for later"),
        _ => advice,
    })
}

pub fn runtime_gone(facts: &Facts, main: &Task) -> Option<Finding> {
    let parent = facts.parent.as_ref()?;
    if !has_keeper(facts.row.runtime) {
        return None;
    }
    let is_left = parent.pid == 1 && parent.level() == 0;
    let who = process_words(&brief(main));
    let text = match (main.is_dead(), is_left) {
        (true, _) => format!(
            "{who} is dead, and {}, its parent, has not reaped it",
            process_words(&outsider(parent))
        ),
        (false, true) => format!(
            "{who} has become a child of {}: the process that started it for {} and looks after it is gone",
            process_words(&outsider(parent)),
            facts.row.runtime.id()
        ),
        (false, false) => return None,
    };
    Some(Finding {
        weight: Weight::Problem,
        advice: Advice::new(Id::RuntimeGone, text),
    })
}

fn shared(case: &Case) -> Option<Advice> {
    if case.main.is_init() {
        return None;
    }
    let who = process_words(&brief(case.main));
    let (id, whose) = match case.facts.on_host {
        true => (Id::HostPidns, "the machine's"),
        false => (Id::SharedPidns, "a shared"),
    };
    Some(Advice::new(
        id,
        format!(
            "{who} runs in {whose} PID namespace: it is no PID 1, so a signal without a handler ends it, and \
             its end takes nobody along"
        ),
    ))
}
