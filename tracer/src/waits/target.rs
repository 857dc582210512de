//! Whom somebody asks about: a container by any of its names, or a process by
//! its number.

use std::thread;
use std::time::{Duration, SystemTime};

use super::words::quoted;
use super::{Holder, Named, Scene, Status, Verdict, judge};
use crate::container::{Identity, Pattern, Root, Wanted, process};
use crate::record::{Runtime, Timestamp};
use crate::snapshot::stop::{self, Stop};
use crate::snapshot::{self, Dead, Row, Task, freezer};

/// No PID is above it (`PID_MAX_LIMIT` of include/linux/threads.h).
const PID_MAX: u32 = 4 << 20;

/// A process may be in any state for a moment. What is still so after this is
/// a wait.
pub const TWICE: Duration = Duration::from_millis(300);

/// Somebody to be told about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A PID namespace that is not the machine's, with its container if it has one.
    /// Its inode is soon taken again: its PID 1 and the start of that tell whose.
    Namespace {
        ns: u32,
        init: (u32, u64),
        named: Option<Named>,
    },
    /// One process, and the container that it is in.
    Process {
        pid: u32,
        start_ticks: u64,
        named: Option<Named>,
    },
}

impl From<&Row> for Named {
    fn from(row: &Row) -> Self {
        Self {
            name: row.name.clone(),
            runtime: row.runtime,
            id: row.id.clone(),
            image: row.image.clone(),
            pod: row.pod.clone(),
            pod_namespace: row.pod_namespace.clone(),
            pid_ns: row.pid_ns,
        }
    }
}

impl Target {
    /// Whoever is called so. A number that a process has is that process; else it
    /// is the beginning of an id, or the inode of a PID namespace. Runtimes have
    /// `patience` to say what files do not ([`snapshot::list`]).
    ///
    /// # Errors
    /// When it is in a PID namespace that may not be looked at: its state alone
    /// would look like a wait of its own.
    pub fn find(
        root: &Root,
        called: &str,
        patience: Option<Duration>,
    ) -> anyhow::Result<Vec<Self>> {
        let pid = called.parse().ok().filter(|pid| *pid <= PID_MAX);
        if let Some(task) = pid.and_then(|pid| Task::read(root, pid)) {
            anyhow::ensure!(
                task.level() == 0 || task.pid_ns.is_some(),
                "the PID namespace of {called} may not be looked at: run with sudo"
            );
            return Ok(vec![Self::of_process(root, &task, patience)]);
        }
        let wanted = Wanted {
            called: Pattern::list(&[called.to_owned()]),
            ..Wanted::default()
        };
        Ok(Self::all(root, &wanted, patience))
    }

    /// Every container that is wanted, the dead that nobody reaps with them.
    pub fn all(root: &Root, wanted: &Wanted, patience: Option<Duration>) -> Vec<Self> {
        snapshot::list(root, Dead::Inits, patience)
            .iter()
            .filter(|row| wanted.takes(*row))
            .filter_map(|row| Self::of_row(root, row))
            .collect()
    }

    fn of_row(root: &Root, row: &Row) -> Option<Self> {
        let named = Some(Named::from(row));
        match row.pid_ns {
            Some(ns) if let Some(init) = row.init => {
                let task = Task::read(root, init)?;
                Some(Self::Namespace {
                    ns,
                    init: (init, task.start_ticks),
                    named,
                })
            }
            _ => {
                let main = row.main.as_ref()?;
                let task = Task::read(root, main.pid)?;
                Some(Self::Process {
                    pid: main.pid,
                    start_ticks: task.start_ticks,
                    named,
                })
            }
        }
    }

    fn of_process(root: &Root, task: &Task, patience: Option<Duration>) -> Self {
        let rows = snapshot::list(root, Dead::Inits, patience);
        let named = rows
            .iter()
            .find(|row| row.pids.contains(&task.pid))
            .or_else(|| {
                let own = |row: &&Row| row.pid_ns == task.pid_ns && !row.shares_pid_ns;
                rows.iter().find(own)
            })
            .map(Named::from);
        // Where the whole namespace ends, that is what holds its processes.
        let ends = || {
            let ns = task.pid_ns?;
            let scene = Scene::read(root, ns, &Task::all(root))?;
            let init = scene.init(ns)?;
            let is_whole = init.pid == task.pid || init.is_dead() || init.is_exiting();
            is_whole.then_some((ns, (init.pid, init.start_ticks)))
        };
        let is_inside = task.level() > 0 || task.pid_ns != process::host_ns(root);
        match is_inside.then(ends).flatten() {
            Some((ns, init)) => Self::Namespace { ns, init, named },
            None => Self::Process {
                pid: task.pid,
                start_ticks: task.start_ticks,
                named,
            },
        }
    }

    /// Its name, or its number.
    pub fn name(&self) -> String {
        match self {
            Self::Namespace {
                named: Some(named), ..
            } => named.name.clone(),
            Self::Namespace { ns, .. } => format!("pidns-{ns}"),
            Self::Process {
                named: Some(named),
                pid,
                ..
            } => format!("{} ({pid})", named.name),
            Self::Process { pid, .. } => pid.to_string(),
        }
    }

    /// What may be given to find it again.
    pub fn handle(&self) -> String {
        match self {
            Self::Namespace { ns, named, .. } => {
                let named = named.as_ref().filter(|named| named.id.is_some());
                named.map_or_else(|| format!("pidns-{ns}"), |named| named.name.clone())
            }
            Self::Process { pid, .. } => pid.to_string(),
        }
    }

    /// One look. `None` where it is gone.
    pub fn glance(&self, root: &Root) -> Option<Verdict> {
        self.among(root, || Task::all(root))
    }

    /// The same, where all that runs may have been read already.
    pub fn among<All: AsRef<[Task]>>(
        &self,
        root: &Root,
        all: impl FnOnce() -> All,
    ) -> Option<Verdict> {
        let ts = now();
        let mut verdict = match self {
            Self::Namespace { ns, init, named } => {
                let scene = Scene::read(root, *ns, all().as_ref())?;
                let found = scene.init(*ns)?;
                if (found.pid, found.start_ticks) != *init {
                    return None;
                }
                judge::namespace(&scene, named.as_ref(), ts)?
            }
            Self::Process {
                pid,
                start_ticks,
                named,
            } => {
                let scene = Scene::of_process(root, *pid)?;
                let is_it = scene.tasks.first()?.start_ticks == *start_ticks;
                let verdict = is_it.then(|| judge::process(&scene, named.as_ref(), ts));
                verdict.flatten()?
            }
        };
        if verdict.status == Status::NotStuck && verdict.subject.ns_pid == Some(1) {
            verdict.sigterm = sigterm(root, verdict.subject.pid);
        }
        if verdict.is_stuck() {
            verdict
                .commands
                .push(format!("sigwhy why --watch {}", quoted(&self.handle())));
        }
        Some(verdict)
    }

    /// A look that takes nothing for a wait that is over in a moment.
    pub fn look(&self, root: &Root) -> Option<Verdict> {
        let first = self.glance(root)?;
        if matches!(first.status, Status::NotStuck | Status::Gone) {
            return Some(first);
        }
        thread::sleep(TWICE);
        let second = self.glance(root)?;
        Some(match first.holds_as(&second) {
            true => second,
            false => second.moving(),
        })
    }
}

impl Verdict {
    /// Whether both are about the same wait.
    pub fn holds_as(&self, later: &Self) -> bool {
        let keys = |verdict: &Self| verdict.holders.iter().map(Holder::key).collect::<Vec<_>>();
        let (before, now) = (keys(self), keys(later));
        // Of many some may have gone meanwhile.
        self.status == later.status && now.iter().any(|holder| before.contains(holder))
    }

    /// The same, taken for what it is: not at a standstill.
    fn moving(mut self) -> Self {
        if self.status == Status::Stuck {
            self.status = Status::Ending;
            self.summary = format!("{}: it ends just now", self.summary);
            self.diagnosis = None;
            self.frees = None;
            self.commands.clear();
        }
        self
    }
}

/// What a SIGTERM would meet.
fn sigterm(root: &Root, pid: u32) -> Option<Stop> {
    let freezer = freezer::of(root, pid);
    let plain = Identity::new(Runtime::Unknown);
    stop::predict(root, pid, &plain, process::host_ns(root), freezer.as_ref())
}

/// The time of day.
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    Timestamp(since.map_or(0, |since| {
        u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
    }))
}
