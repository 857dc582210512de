//! What becomes of a stop signal that PID 1 is known to pass on: what it does to the
//! child and to the group of that, from what these have set. Pure.
//!
//! dumb-init can be told to pass on another signal, or none (--rewrite). Whoever gets
//! one that does nothing by default is no better off than who gets none.

use tracer_common::signals::{DEFAULT_IGNORE, KERNEL_ONLY, STOP, contains};

use super::findings::{and_others, grace};
use super::inits::Init;
use super::judge::{Case, is_deaf};
use super::{Audit, Passes};
use crate::decide::{Reason, names};
use crate::diagnosis::{Id, YOUNG_NS};
use crate::snapshot::Task;
use crate::waits::{Advice, brief, process_words};

/// What a signal does to a process, as far as that is to be seen from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It ends by it at once.
    Ends,
    /// It has a handler, or blocks it and may read it, or waits for it: what it does
    /// then is its own affair.
    Own,
    /// Nothing: it ignores it.
    Ignored,
    /// Nothing: that is what this signal does by default.
    DefaultIgnored,
    /// Nothing: it is the init of a PID namespace of its own, without a handler.
    Protected,
    /// It stops, and goes on being there.
    Stops,
}

/// What comes of a signal that is passed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate<'a> {
    /// The child ends by it at once.
    Ends(&'a Task),
    /// The child, or another of its group that gets it too, has a say in it.
    Own,
    /// It is passed on to nobody.
    Swallowed,
    /// It ends neither the child nor anybody who gets it.
    Lost(&'a Task, Effect),
}

/// What the kernel does with a signal from outside of the process.
pub fn effect(task: &Task, signal: u32) -> Effect {
    let status = &task.status;
    if !contains(KERNEL_ONLY, signal) {
        // In the kernel's order: what is blocked is not thrown away.
        if contains(status.blocked | status.caught | task.awaited, signal) {
            return Effect::Own;
        }
        if contains(status.ignored, signal) {
            return Effect::Ignored;
        }
        if contains(DEFAULT_IGNORE, signal) {
            return Effect::DefaultIgnored;
        }
        if task.is_init() {
            return Effect::Protected;
        }
    }
    match contains(STOP, signal) {
        true => Effect::Stops,
        false => Effect::Ends,
    }
}

/// `None` where PID 1 does not take it, or is not known to pass it on to its child.
pub fn fate<'a>(case: &Case<'a>) -> Option<Fate<'a>> {
    let takes = matches!(
        case.reason,
        Reason::Handler | Reason::Sigwait | Reason::Blocked
    );
    let Init::Forwarder(passes @ (Passes::ToChild | Passes::ToGroup)) = case.init else {
        return None;
    };
    if !takes || is_deaf(case) {
        return None;
    }
    let child = child(case)?;
    if case.passed == 0 {
        return Some(Fate::Swallowed);
    }
    let lost = match effect(child, case.passed) {
        Effect::Ends => return Some(Fate::Ends(child)),
        Effect::Own => return Some(Fate::Own),
        lost => lost,
    };
    // Of its end may come the end of the child.
    let is_moved = |task: &&Task| {
        let effect = effect(task, case.passed);
        hears(case, passes, task) && matches!(effect, Effect::Ends | Effect::Own)
    };
    match case.living.iter().copied().any(|task| is_moved(&task)) {
        true => Some(Fate::Own),
        false => Some(Fate::Lost(child, lost)),
    }
}

/// The child that a forwarder started itself: the first of them.
fn child<'a>(case: &Case<'a>) -> Option<&'a Task> {
    let children = case.living.iter().copied();
    children
        .filter(|task| task.status.ppid == case.main.pid)
        .min_by_key(|task| (task.start_ticks, task.pid))
}

/// Whether it is passed on to this one.
pub fn hears(case: &Case, passes: Passes, task: &Task) -> bool {
    child(case).is_some_and(|child| {
        task.pid == child.pid || (passes == Passes::ToGroup && task.pgrp == child.pgrp)
    })
}

/// What is wrong with passing it on so.
pub fn finding(case: &Case, audit: &Audit, cut: &[&Task]) -> Option<Advice> {
    let who = process_words(&brief(case.main));
    let name = names::signal(case.signal);
    let passed = names::signal(case.passed);
    let whom = match audit.passes {
        Passes::ToGroup => "the process group of its child",
        _ => "its child only",
    };
    let changed = match case.passed == case.signal {
        true => String::new(),
        false => format!(" as {passed}"),
    };
    let (child, lost) = match case.fate? {
        Fate::Ends(_) if cut.is_empty() => return None,
        Fate::Own => return None,
        Fate::Ends(child) => {
            return Some(Advice::new(
                Id::ForwardDirectChildOnly,
                format!(
                    "{who} passes {name} on{changed} to {whom}, {}, which ends by it at once, and PID 1 with \
                     that{}",
                    process_words(&brief(child)),
                    and_others(audit)
                ),
            ));
        }
        Fate::Swallowed => {
            let text = format!(
                "{who} is told to pass {name} on to nobody (--rewrite {}:0); {}{}",
                case.signal,
                grace(case),
                and_others(audit)
            );
            let fix = "Leave out that --rewrite, or name in it the signal that the application stops for.";
            return Some(Advice::new(Id::PmSwallows, text).fix(fix.to_owned()));
        }
        Fate::Lost(child, lost) => (child, lost),
    };
    let (id, why) = match lost {
        Effect::Ignored => (Id::SigIgnInherited, "which ignores it (SIG_IGN)"),
        Effect::Protected => (
            Id::Pid1NoHandler,
            "which is the init of a PID namespace of its own and has no handler for it",
        ),
        Effect::Stops => (
            Id::WrongStopsignal,
            "which has no handler for it, and stops by it instead of ending",
        ),
        Effect::DefaultIgnored | Effect::Ends | Effect::Own => (
            Id::WrongStopsignal,
            "which has no handler for it, and nothing happens by default",
        ),
    };
    let text = format!(
        "{who} passes {name} on{changed} to {whom}, {}, {why}; {}{}",
        process_words(&brief(child)),
        grace(case),
        and_others(audit)
    );
    let mut advice = Advice::new(id, text);
    if id == Id::WrongStopsignal && case.passed != case.signal {
        advice = advice.fix(format!(
            "Have {who} pass on what the application stops for: --rewrite {}:{} makes {passed} of {name}.",
            case.signal, case.passed
        ));
    }
    let is_young = case.age_ns.is_some_and(|age| age < YOUNG_NS);
    Some(match is_young && lost != Effect::Ignored {
        true => advice.uncertain("it has just started, and may set a handler yet"),
        false => advice,
    })
}

#[cfg(test)]
mod tests {
    use tracer_common::signals::{
        SIGCONT, SIGKILL, SIGQUIT, SIGSTOP, SIGTERM, SIGTSTP, SIGWINCH, mask,
    };

    use super::*;
    use crate::snapshot::status::Status;

    fn with(blocked: u64, ignored: u64, caught: u64) -> Task {
        Task {
            status: Status {
                ns_pids: vec![101, 2],
                blocked,
                ignored,
                caught,
                ..Status::default()
            },
            ..Task::default()
        }
    }

    #[test]
    fn what_a_signal_does_to_an_ordinary_process() {
        for (signal, by_default) in [
            (SIGTERM, Effect::Ends),
            (SIGQUIT, Effect::Ends),
            (40, Effect::Ends),
            (SIGWINCH, Effect::DefaultIgnored),
            (SIGCONT, Effect::DefaultIgnored),
            (SIGTSTP, Effect::Stops),
        ] {
            let of = |task: Task| effect(&task, signal);
            let set = mask(signal);
            assert_eq!(of(with(0, 0, 0)), by_default, "{signal}");
            assert_eq!(of(with(0, 0, set)), Effect::Own, "{signal}");
            assert_eq!(of(with(0, set, 0)), Effect::Ignored, "{signal}");
            assert_eq!(of(with(set, set, 0)), Effect::Own, "{signal}");
            let mut waits = with(0, 0, 0);
            waits.awaited = set;
            assert_eq!(of(waits), Effect::Own, "{signal}");
        }
        // Of these nobody has a say.
        for (signal, effect_of) in [(SIGKILL, Effect::Ends), (SIGSTOP, Effect::Stops)] {
            for task in [with(0, 0, 0), with(u64::MAX, 0, 0), with(0, u64::MAX, 0)] {
                assert_eq!(effect(&task, signal), effect_of);
            }
        }
    }

    #[test]
    fn what_a_signal_does_to_the_init_of_a_namespace_within() {
        let mut inner = with(0, 0, 0);
        inner.status.ns_pids = vec![101, 2, 1];
        assert_eq!(effect(&inner, SIGTERM), Effect::Protected);
        assert_eq!(effect(&inner, SIGKILL), Effect::Ends);
        assert_eq!(effect(&inner, SIGSTOP), Effect::Stops);
        inner.status.caught = mask(SIGTERM);
        assert_eq!(effect(&inner, SIGTERM), Effect::Own);
    }
}
