//! What the facts mean. Pure.
//!
//! Never louder than the facts: where the kernel's functions cannot be read (no
//! root, no CONFIG_KALLSYMS), what they would have told is said to be unknown.

use tracer_common::signals::{SIGINT, SIGPWR, SIGQUIT, SIGTERM, contains};

use super::verdict::{of_container, verdict};
use super::{Holder, Named, Scene, Status, Verdict, Wait, words};
use crate::record::Timestamp;
use crate::snapshot::Task;

/// Holders of one namespace that are named.
pub const MOST: usize = 16;

/// What the main thread of an init waits in while it ends its namespace
/// (`zap_pid_ns_processes()` and what it calls).
const ZAPPING: [&str; 4] = [
    "zap_pid_ns_processes",
    "do_wait",
    "__do_wait",
    "kernel_wait4",
];

/// SIGRTMIN+3, which makes systemd halt.
const HALT: u32 = 37;

/// Signals that ask a PID 1 to end.
pub const STOPS: [u32; 5] = [SIGTERM, SIGINT, SIGQUIT, SIGPWR, HALT];

/// Where an init is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    Runs,
    /// On its way out, and not yet where it ends its namespace.
    Exits,
    Zaps,
    Dead,
}

/// What is to be said about the PID namespace of a scene, which is that of a
/// container, perhaps. `None` where its PID 1 is not to be seen.
pub fn namespace(scene: &Scene, named: Option<&Named>, ts: Timestamp) -> Option<Verdict> {
    let init = scene.init(scene.ns)?;
    let phase = phase(scene, init);
    let mut unknown = Vec::new();
    let (status, holders) = match phase {
        Phase::Dead => (Status::Stuck, vec![unreaped(scene, init)]),
        Phase::Runs => match of_living(scene, init) {
            Some(holder) => (Status::Stuck, vec![holder]),
            None => (Status::NotStuck, Vec::new()),
        },
        Phase::Exits | Phase::Zaps => {
            let holders = ending(scene, scene.ns, phase);
            match holders.is_empty() {
                true => (Status::Ending, holders),
                false => (Status::Stuck, holders),
            }
        }
    };
    if phase == Phase::Exits || phase == Phase::Zaps {
        unknown.extend(unreadable(init));
    }
    let verdict = verdict(scene, init, status, holders, unknown, ts);
    Some(of_container(verdict, named))
}

/// The same of one process by itself, the first of the scene.
pub fn process(scene: &Scene, named: Option<&Named>, ts: Timestamp) -> Option<Verdict> {
    let task = scene.tasks.first()?;
    let holder = if task.is_dead() {
        Some(unreaped(scene, task))
    } else {
        of_living(scene, task)
    };
    let status = match holder {
        Some(_) => Status::Stuck,
        None if task.is_exiting() => Status::Ending,
        None => Status::NotStuck,
    };
    let holders = holder.into_iter().collect();
    let verdict = verdict(scene, task, status, holders, Vec::new(), ts);
    Some(of_container(verdict, named))
}

/// How far it has come.
pub fn phase(scene: &Scene, init: &Task) -> Phase {
    if init.is_dead() {
        return Phase::Dead;
    }
    if !init.is_exiting() {
        return Phase::Runs;
    }
    let functions = || {
        init.alive
            .iter()
            .flat_map(|thread| thread.stack.iter().chain(&thread.wchan))
    };
    if functions().any(|function| ZAPPING.contains(&function.as_str())) {
        return Phase::Zaps;
    }
    if functions().next().is_some() {
        return Phase::Exits;
    }
    // Not to be read: it has got so far if the others have been told.
    let ns = init.pid_ns.unwrap_or(scene.ns);
    let mut others = scene.members(ns).filter(|task| task.pid != init.pid);
    match others.all(|task| task.is_dead() || task.is_killed() || task.is_exiting()) {
        true => Phase::Zaps,
        false => Phase::Exits,
    }
}

fn unreadable(init: &Task) -> Option<String> {
    let is_silent = init
        .alive
        .iter()
        .all(|thread| thread.wchan.is_none() && thread.stack.is_empty());
    is_silent.then(|| {
        "in which kernel function PID 1 sleeps cannot be read here (it takes root)".to_owned()
    })
}

/// What keeps a namespace from its end, once its init is on the way out.
fn ending(scene: &Scene, ns: u32, phase: Phase) -> Vec<Holder> {
    let Some(init) = scene.init(ns) else {
        return Vec::new();
    };
    if phase == Phase::Exits {
        return on_its_way(scene, init).into_iter().collect();
    }
    let mut holders: Vec<Holder> = Vec::new();
    for task in scene.members(ns).filter(|task| task.pid != init.pid) {
        if is_deeper(scene, task, ns) {
            continue;
        }
        if task.is_init() && task.pid_ns != Some(ns) {
            holders.extend(nested(scene, task));
        } else {
            holders.extend(member(scene, task, ns));
        }
    }
    let is_alone = scene.members(ns).all(|task| task.pid == init.pid);
    if is_alone && holders.is_empty() && is_asleep(init) {
        holders.push(reference(scene));
    }
    holders.sort_by_key(|holder| holder.wait);
    holders
}

/// In a namespace below one that is below this one: its own init speaks for it,
/// and so does it for who is in its own.
fn is_deeper(scene: &Scene, task: &Task, ns: u32) -> bool {
    let Some(own) = task.pid_ns.filter(|own| *own != ns) else {
        return false;
    };
    let around = scene.outer.get(&own).copied();
    around != Some(ns) || !task.is_init()
}

/// A nested namespace that ends, or not.
fn nested(scene: &Scene, init: &Task) -> Vec<Holder> {
    let Some(ns) = init.pid_ns else {
        return Vec::new();
    };
    let phase = phase(scene, init);
    let mut holders = match phase {
        Phase::Exits | Phase::Zaps => ending(scene, ns, phase),
        Phase::Runs | Phase::Dead => return member(scene, init, ns).into_iter().collect(),
    };
    for holder in &mut holders {
        holder.through.insert(0, words::brief(init));
        holder.sentence = words::sentence(holder, false);
    }
    holders
}

fn is_asleep(task: &Task) -> bool {
    task.alive
        .iter()
        .all(|thread| matches!(thread.state, 'S' | 'I' | 'D'))
}

/// Another process of a namespace that ends.
fn member(scene: &Scene, task: &Task, ns: u32) -> Option<Holder> {
    let ppid = task.status.ppid;
    if task.is_dead() {
        if task.status.tracer != 0 {
            return Some(holder(scene, task, Wait::Traced));
        }
        // A dying init's children reap themselves, and who has another parent in
        // here waits with that one.
        if scene.is_inside(ppid, ns) {
            return None;
        }
        let is_machines = scene
            .task(ppid)
            .is_some_and(|parent| parent.pid == 1 && parent.level() == 0);
        let wait = match is_machines {
            true => Wait::Adopted,
            false => Wait::Injected,
        };
        return Some(holder(scene, task, wait));
    }
    stays(scene, task)
}

/// A process that was to die and does not.
fn stays(scene: &Scene, task: &Task) -> Option<Holder> {
    let is_in = |state| task.alive.iter().any(|thread| thread.state == state);
    let is_frozen = task.freezer.as_ref().is_some_and(|by| by.version == 1);
    let wait = if is_frozen && !task.is_exiting() {
        Wait::FrozenV1
    } else if task.status.core_dumping {
        Wait::CoreDump
    } else if task.status.tracer != 0 && is_in('t') {
        Wait::Traced
    } else if is_in('D') {
        Wait::Uninterruptible
    } else {
        return None;
    };
    Some(holder(scene, task, wait))
}

/// PID 1 before its namespace has been told.
fn on_its_way(scene: &Scene, init: &Task) -> Option<Holder> {
    match stays(scene, init) {
        Some(found) if found.wait != Wait::Uninterruptible => Some(found),
        _ if is_asleep(init) => Some(holder(scene, init, Wait::ExitHang)),
        _ => None,
    }
}

/// A process that lives: whether a signal that should end it waits.
fn of_living(scene: &Scene, task: &Task) -> Option<Holder> {
    if task.is_exiting() {
        return on_its_way(scene, task);
    }
    if task.is_killed() || task.status.core_dumping {
        return stays(scene, task);
    }
    let waiting = STOPS.iter().find(|signal| task.has_pending(**signal))?;
    let wait = match (&task.freezer, task.status.state) {
        (Some(by), _) if by.version == 1 => Wait::FrozenV1,
        (Some(_), _) => Wait::FrozenV2,
        (None, 't') => Wait::Traced,
        (None, 'T') => Wait::Stopped,
        _ if contains(task.status.blocked, *waiting) => Wait::Blocked,
        _ => return None,
    };
    Some(holder(scene, task, wait))
}

fn unreaped(scene: &Scene, task: &Task) -> Holder {
    let wait = match task.status.tracer {
        0 => Wait::Unreaped,
        _ => Wait::Traced,
    };
    holder(scene, task, wait)
}

fn holder(scene: &Scene, task: &Task, wait: Wait) -> Holder {
    let outside = |pid: u32| match pid {
        0 => None,
        pid => scene.task(pid).map(words::outsider),
    };
    let mut holder = Holder {
        wait,
        process: Some(words::brief(task)),
        parent: outside(task.status.ppid),
        tracer: outside(task.status.tracer),
        freezer: task.freezer.clone(),
        suspects: Vec::new(),
        through: Vec::new(),
        stack: task
            .sleeper()
            .map_or_else(Vec::new, |thread| thread.stack.clone()),
        idle_ns: task.idle_ns,
        sentence: String::new(),
    };
    let is_own = scene
        .init(scene.ns)
        .is_some_and(|init| init.pid == task.pid);
    holder.sentence = words::sentence(&holder, is_own);
    holder
}

fn reference(scene: &Scene) -> Holder {
    let suspects = || {
        scene
            .others
            .iter()
            .filter(|task| scene.suspects.contains(&task.pid))
    };
    // Who began after PID 1 did may have joined a group of its; one who began
    // before may as well, but is mostly in an old pipeline.
    let since = scene.init(scene.ns).map_or(0, |init| init.start_ticks);
    let is_later = |task: &&Task| task.start_ticks >= since;
    let mut found: Vec<&Task> = suspects().filter(is_later).collect();
    if found.is_empty() {
        found = suspects().collect();
    }
    let mut holder = Holder {
        wait: Wait::Reference,
        process: None,
        parent: None,
        tracer: None,
        freezer: None,
        suspects: found.into_iter().take(MOST).map(words::outsider).collect(),
        through: Vec::new(),
        stack: Vec::new(),
        idle_ns: None,
        sentence: String::new(),
    };
    holder.sentence = words::sentence(&holder, false);
    holder
}
