//! SIGKILLs: who sent them, and those that came to nothing.

use tracer_common::signals::SIGXCPU;

use super::Finding;
use crate::decide::{Outcome, Reason, sender::Kind};
use crate::episode::{
    judge,
    story::{Hop, Story},
    words,
};
use crate::record::{Reference, Relation, Scope, duration};

/// The codes of a siginfo that names no sender.
const SI_TIMER: i32 = -2;
const SI_SIGIO: i32 = -5;

/// What a kubelet leaves of a grace that is over, in ns, and some slack for the
/// runtime that it asks.
const LEFT_BY_PRESTOP_NS: std::ops::Range<u64> = 1_800_000_000..2_700_000_000;

/// Longer than this has nobody to be watched to know that no stop signal came.
const COMMON_GRACE_NS: u64 = 30_000_000_000;

impl Story {
    /// A signal, and what there is of the kill and the exit that followed.
    pub(super) fn evidence(&self, hop: &Hop) -> impl Iterator<Item = Reference> {
        let kill = self.kill.as_ref().map(Hop::reference);
        let exit = self.exit.as_ref().map(|exit| exit.reference());
        [hop.reference()].into_iter().chain(kill).chain(exit)
    }
}

fn killed_by(story: &Story, kind: Kind) -> Option<&Hop> {
    story.kill.as_ref().filter(|kill| kill.sender.kind == kind)
}

pub fn oom_init(story: &Story) -> Option<Finding> {
    let kill = killed_by(story, Kind::Oom)?;
    let text = format!(
        "the kernel ran out of memory and killed {}",
        words::process(&story.main)
    );
    Some(Finding::new(text, story.evidence(kill)))
}

pub fn oom_child(story: &Story) -> Option<Finding> {
    let hop = story.oom.first()?;
    let text = format!(
        "the kernel ran out of memory and killed {}, not {}",
        words::process(&hop.target),
        words::process(&story.main)
    );
    let evidence: Vec<_> = story.oom.iter().map(Hop::reference).collect();
    Some(Finding::new(text, evidence))
}

pub fn cpu_limit(story: &Story) -> Option<Finding> {
    let kill = killed_by(story, Kind::Kernel)?;
    let warned = story.own.iter().find(|hop| hop.signal.number == SIGXCPU)?;
    let text = format!("{} used up its CPU time", words::process(&story.main));
    Some(Finding::new(
        text,
        story.evidence(kill).chain([warned.reference()]),
    ))
}

pub fn reboot(story: &Story) -> Option<Finding> {
    let kill = killed_by(story, Kind::Kernel)?;
    let text = format!(
        "a process inside called reboot(2), for which the kernel killed {}",
        words::process(&story.main)
    );
    (kill.scope == Scope::Thread && !kill.ptraced && story.is_init).then(|| {
        Finding::new(text, story.evidence(kill)).uncertain(
            "that it was reboot(2) is inferred: no other SIGKILL of the kernel's own to the thread of an init that is not traced is known",
        )
    })
}

pub fn parent_death(story: &Story) -> Option<Finding> {
    let by_parent = |hop: &&Hop| hop.sender.kind == Kind::ParentDeath;
    let hop = story
        .kill
        .as_ref()
        .filter(by_parent)
        .or_else(|| story.stops.iter().find(by_parent))?;
    let parent = match hop.sender.process.comm {
        Some(comm) => format!(" ({})", comm.as_str()),
        None => String::new(),
    };
    let text = format!(
        "the parent{parent} of {} ended, which sent {}",
        words::process(&story.main),
        hop.signal.name
    );
    Some(Finding::new(text, story.evidence(hop)))
}

fn is_foreign(hop: &Hop) -> bool {
    hop.is_by_process() && hop.relation == Relation::Unrelated
}

pub fn foreign(story: &Story) -> Option<Finding> {
    let hop = story
        .kill
        .iter()
        .chain(story.stops.iter())
        .find(|hop| is_foreign(hop))?;
    let text = format!(
        "{} from another PID namespace sent {} to {}",
        words::process(&hop.sender.process),
        hop.signal.name,
        words::process(&story.main)
    );
    Some(
        Finding::new(text, story.evidence(hop))
            .uncertain("that they share a process group is inferred: else neither can reach the other, but by a pidfd"),
    )
}

pub fn threads(story: &Story) -> Option<Finding> {
    let ended_it = |hop: &&Hop| {
        hop.outcome == Outcome::Fatal
            && hop.reason == Reason::DefaultTerminate
            && story.exit_signal() == Some(hop.signal.number)
    };
    let hop = story
        .stops
        .iter()
        .find(ended_it)
        .filter(|_| story.is_init)?;
    let text = format!(
        "{} has no handler for {}, and was ended by it all the same",
        words::process(&story.main),
        hop.signal.name
    );
    Some(Finding::new(text, story.evidence(hop)))
}

/// What cgroup.kill sends: for one thread, without a siginfo.
fn is_cgroup_kill(hop: &Hop) -> bool {
    hop.is_from_inside() && hop.scope == Scope::Thread && hop.code == 0
}

pub fn cgroup_kill(story: &Story) -> Option<Finding> {
    let hop = story.refused.iter().find(|hop| is_cgroup_kill(hop))?;
    let text = format!(
        "{} wrote to cgroup.kill, which does not kill {} from inside",
        words::sender(&hop.sender, &hop.target),
        words::process(&story.main)
    );
    Some(Finding::new(text, [hop.reference()]))
}

pub fn without_ids(story: &Story) -> Option<Finding> {
    let nameless = |hop: &&Hop| matches!(hop.code, SI_TIMER | SI_SIGIO);
    let hop = story.refused.iter().find(nameless)?;
    let text = format!(
        "SIGKILL with the code {} was dropped: it names no sender, and so does not count as one from outside {}",
        hop.code,
        words::process(&story.main)
    );
    Some(
        Finding::new(text, [hop.reference()])
            .uncertain("a POSIX timer of the container's own that sends SIGKILL looks the same"),
    )
}

pub fn from_inside(story: &Story) -> Option<Finding> {
    let inside = |hop: &&Hop| hop.is_from_inside() && !is_cgroup_kill(hop);
    let hop = story.refused.iter().find(inside)?;
    let text = format!(
        "{} sent SIGKILL to {} from inside its PID namespace, and the kernel dropped it",
        words::sender(&hop.sender, &hop.target),
        words::process(&story.main)
    );
    Some(Finding::new(text, [hop.reference()]))
}

/// The SIGKILL of a process outside.
fn outside(story: &Story) -> Option<&Hop> {
    killed_by(story, Kind::Process).filter(|kill| !is_foreign(kill))
}

pub fn grace(story: &Story) -> Option<Finding> {
    let (kill, stop) = (outside(story)?, story.first_stop()?);
    let text = format!(
        "{} sent SIGKILL {} after {}",
        words::sender(&kill.sender, &kill.target),
        duration(story.grace_ns()?),
        stop.signal.name
    );
    Some(Finding::new(text, story.evidence(stop)))
}

fn is_of_a_pod(story: &Story) -> bool {
    story.container.as_ref().is_some_and(|c| c.pod.is_some())
}

pub fn pre_stop(story: &Story) -> Option<Finding> {
    let (kill, stop) = (outside(story)?, story.first_stop()?);
    let grace = story.grace_ns()?;
    let fits = is_of_a_pod(story)
        && LEFT_BY_PRESTOP_NS.contains(&grace)
        && kill.is_by_runtime()
        && stop.is_by_runtime();
    let text = format!(
        "only {} lay between {} and SIGKILL, as after a preStop hook that used the grace up",
        duration(grace),
        stop.signal.name
    );
    fits.then(|| {
        Finding::new(text, story.evidence(stop)).uncertain(
            "a terminationGracePeriodSeconds of 2 looks the same; only the kubelet knows of a preStop hook",
        )
    })
}

pub fn at_once(story: &Story) -> Option<Finding> {
    let kill = outside(story)?;
    if story.first_stop().is_some() || judge::is_sandbox(story) {
        return None;
    }
    let text = format!(
        "{} sent SIGKILL to {}, and nobody had asked it to stop",
        words::sender(&kill.sender, &kill.target),
        words::process(&story.main)
    );
    let found = Finding::new(text, story.evidence(kill));
    // It may have been asked before anybody watched.
    let watched = story
        .watched_from
        .map(|from| kill.when.mono_ns.saturating_sub(from));
    let is_older = watched.is_some_and(|watched| {
        let from = kill.when.mono_ns - watched;
        story.main.start_ns.is_none_or(|start| start < from)
    });
    Some(match watched {
        Some(watched) if watched < COMMON_GRACE_NS && is_older => found.uncertain(format!(
            "a stop signal may have come before the tracing, which had begun {} earlier",
            duration(watched)
        )),
        _ => found,
    })
}

pub fn kubelet(story: &Story) -> Option<Finding> {
    let kill = outside(story).filter(|kill| kill.is_by_runtime() && is_of_a_pod(story))?;
    if judge::is_sandbox(story) {
        return None;
    }
    let pod = story.container.as_ref()?.pod.as_deref()?;
    let text = format!(
        "why the container of pod {pod} had to end (its deletion, a probe, an eviction) the kernel cannot tell"
    );
    Some(Finding::new(text, [kill.reference()]).uncertain(
        "only the kubelet's events tell a liveness failure from an eviction or a deletion",
    ))
}
