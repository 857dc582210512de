//! From what holds something up to the whole verdict: its words, its diagnosis,
//! and for how long. Pure.

use super::judge::{MOST, Phase, STOPS, phase};
use super::{Advice, Brief, Holder, Lasting, Named, Scene, Status, Verdict, Wait, words};
use crate::decide::names;
use crate::diagnosis::Id;
use crate::record::{Runtime, Timestamp};
use crate::snapshot::Task;

/// The same, as that of a container.
pub fn of_container(mut verdict: Verdict, named: Option<&Named>) -> Verdict {
    // Where nobody but the machine's PID 1 is to reap, nobody can have gone.
    let is_kept = named.is_some_and(|named| has_keeper(named.runtime));
    if verdict.wait == Some(Wait::Unreaped) && !is_kept {
        verdict.diagnosis = None;
    }
    verdict.container = named.cloned();
    verdict
}

/// Runtimes that have a process beside each container, which is its parent: a shim
/// or a monitor. runc by itself leaves a container to the machine's PID 1.
pub fn has_keeper(runtime: Runtime) -> bool {
    matches!(
        runtime,
        Runtime::Docker | Runtime::Containerd | Runtime::CriO | Runtime::Podman
    )
}

/// What is to be said.
pub fn verdict(
    scene: &Scene,
    subject: &Task,
    status: Status,
    mut holders: Vec<Holder>,
    mut unknown: Vec<String>,
    ts: Timestamp,
) -> Verdict {
    let brief = words::brief(subject);
    let doing = words::doing(brief.state, brief.wchan.as_deref());
    let holders_total = holders.len();
    holders.truncate(MOST);
    let first = holders.first();
    let (frees, commands) = first.map(words::relief).unzip();
    let diagnosis = first.and_then(|first| advice(subject, first));
    if let Some(first) = first
        && first.wait == Wait::Reference
        && first.suspects.len() != 1
    {
        unknown.push("which process outside has the number: no file of /proc tells".to_owned());
    }
    let lasting = match status {
        Status::Stuck => lasting(scene, subject, first),
        _ => Lasting::default(),
    };
    let summary = summary(scene, subject, status, &brief, &doing);
    Verdict {
        kind: "why",
        version: env!("CARGO_PKG_VERSION"),
        ts,
        container: None,
        wait: first.map(|first| first.wait),
        wait_number: first.and_then(|first| match first.through.is_empty() {
            true => first.wait.number(),
            false => Some("Z7"),
        }),
        subject: brief,
        status,
        summary,
        doing,
        holders,
        holders_total,
        lasting,
        diagnosis,
        frees,
        commands: commands.unwrap_or_default(),
        unknown,
        sigterm: None,
        freed_by: None,
    }
}

fn lasting(scene: &Scene, subject: &Task, first: Option<&Holder>) -> Lasting {
    let is_own = first.is_some_and(|first| {
        first
            .process
            .as_ref()
            .is_some_and(|process| process.pid == subject.pid)
    });
    let at_most = match is_own {
        // Younger ones may have begun meanwhile.
        true => scene.age_ns(subject),
        false => scene.youngest_ns(),
    };
    // Who was asleep before the signal came sleeps on: since when it waits, that
    // does not tell.
    let is_ending = subject.is_dead() || subject.is_exiting();
    Lasting {
        at_least_ns: subject.idle_ns.filter(|_| is_ending),
        at_most_ns: at_most,
    }
}

fn summary(scene: &Scene, subject: &Task, status: Status, brief: &Brief, doing: &str) -> String {
    let who = match subject.is_init() {
        true => format!("PID 1 ({})", words::process(brief)),
        false => words::process(brief),
    };
    match status {
        Status::NotStuck => match &subject.freezer {
            Some(by) => format!(
                "{who} is frozen by cgroup {}; no stop signal waits for it",
                by.cgroup
            ),
            None => format!("{who} is {doing}; no stop signal waits for it"),
        },
        Status::Ending => format!("{who} ends just now"),
        Status::Gone => format!("{who} is gone"),
        Status::Stuck if subject.is_dead() => format!("{who} is dead and not reaped"),
        Status::Stuck if !subject.is_exiting() => {
            let waiting = STOPS.iter().find(|signal| subject.has_pending(**signal));
            let signal = match (subject.is_killed(), waiting) {
                (false, Some(signal)) => names::signal(*signal).to_owned(),
                _ => "SIGKILL".to_owned(),
            };
            format!("{signal} was sent to {who} and has not taken effect")
        }
        Status::Stuck if subject.is_init() && phase(scene, subject) == Phase::Zaps => {
            format!("{who} is dying: its PID namespace cannot end")
        }
        Status::Stuck => format!("{who} is dying and does not get on"),
    }
}

/// The diagnosis of the catalogue, where there is one.
fn advice(subject: &Task, holder: &Holder) -> Option<Advice> {
    let is_own = holder
        .process
        .as_ref()
        .is_some_and(|process| process.pid == subject.pid);
    let is_namespace = subject.is_init();
    let id = match holder.wait {
        Wait::Traced if is_own => Id::TracedInit,
        Wait::FrozenV1 if is_own => Id::FrozenV1,
        Wait::Traced => Id::ZapWaitTraced,
        Wait::FrozenV1 => Id::ZapWaitFrozen,
        Wait::Uninterruptible => Id::ZapWaitDstate,
        Wait::CoreDump => Id::CoreDumpSlow,
        Wait::Injected | Wait::Adopted => Id::ZapWaitInjected,
        Wait::Reference => Id::ZapWaitPidref,
        Wait::ExitHang => Id::ExitBeforeZapHang,
        Wait::FrozenV2 => Id::FrozenV2,
        Wait::Stopped => Id::Stopped,
        Wait::Blocked => Id::SigBlocked,
        Wait::Unreaped => Id::RuntimeGone,
    };
    let advice = Advice::new(id, holder.sentence.clone());
    let is_sure = holder.wait != Wait::Reference || holder.suspects.len() == 1;
    let advice = match is_sure {
        true => advice,
        false => advice.uncertain("which process outside has the number no file of /proc tells"),
    };
    // The catalogue is about PID 1 and its namespace.
    is_namespace.then_some(advice)
}
