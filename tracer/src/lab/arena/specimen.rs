//! The arena's handle on one specimen.

use std::os::fd::AsFd as _;
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow};
use nix::errno::Errno;

mod fate;
mod signals;

use super::channel::Channel;
use super::wire::{Answer, Group, Order, Place, Report, Status};
use super::{Inner, lock, procfs, raw};

/// How long an answer may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// How often the state of a process is looked at while waiting for it.
const LOOK: Duration = Duration::from_micros(300);

/// Whose child a specimen is.
#[derive(Debug)]
pub(super) enum Parent {
    /// The arena's own process.
    Arena,
    Specimen(Arc<Member>),
    /// Somebody whom the arena cannot ask.
    Other,
}

/// What the arena keeps of a specimen.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) arena: Weak<Inner>,
    pub(super) comm: String,
    pub(super) pid: i32,
    pub(super) ns_pid: i32,
    pub(super) pid_for_parent: i32,
    pub(super) start_ticks: u64,
    pub(super) parent: Parent,
    pub(super) channel: Mutex<Channel>,
}

/// A process that the arena made and commands. Cheap to clone; the process
/// lives until it is killed or the [`Arena`](super::Arena) is dropped.
#[derive(Debug, Clone)]
pub struct Specimen {
    member: Arc<Member>,
}

impl Specimen {
    pub(super) fn new(member: Arc<Member>) -> Self {
        Self { member }
    }

    /// Its pid as the arena's process sees it.
    pub fn pid(&self) -> i32 {
        self.member.pid
    }

    /// Its pid in its own PID namespace.
    pub fn ns_pid(&self) -> i32 {
        self.member.ns_pid
    }

    /// Its pid as its parent sees it; 0 where that is nobody the arena knows.
    pub fn pid_for_parent(&self) -> i32 {
        self.member.pid_for_parent
    }

    /// When it started, in clock ticks (10 ms) after boot: with the pid, its
    /// identity.
    pub fn start_ticks(&self) -> u64 {
        self.member.start_ticks
    }

    pub fn comm(&self) -> &str {
        &self.member.comm
    }

    /// The inode of its PID namespace.
    ///
    /// # Errors
    ///
    /// If it is gone.
    pub fn pid_ns(&self) -> anyhow::Result<u64> {
        procfs::pid_ns(&self.pid().to_string())
    }

    /// PID 1 of a new PID namespace below this one, its child.
    ///
    /// # Errors
    ///
    /// If the kernel refused or it never said hello.
    pub fn spawn_init(&self, comm: &str) -> anyhow::Result<Self> {
        self.spawn(Place::NewNamespace, Group::New, comm)
    }

    /// A child in the same PID namespace.
    ///
    /// # Errors
    ///
    /// As [`Specimen::spawn_init`].
    pub fn spawn_child(&self, comm: &str) -> anyhow::Result<Self> {
        self.spawn(Place::Same, Group::New, comm)
    }

    /// A child of this one in the PID namespace of `inside`, which is what
    /// `docker exec` and `nsenter` make.
    ///
    /// # Errors
    ///
    /// As [`Specimen::spawn_init`].
    pub fn inject(&self, inside: &Self, comm: &str) -> anyhow::Result<Self> {
        let host_pid = inside.pid();
        self.spawn(Place::NamespaceOf { host_pid }, Group::New, comm)
    }

    /// A child, with everything chosen.
    ///
    /// # Errors
    ///
    /// As [`Specimen::spawn_init`].
    pub fn spawn(&self, place: Place, group: Group, comm: &str) -> anyhow::Result<Self> {
        let arena =
            self.member.arena.upgrade().ok_or_else(|| {
                anyhow!("the arena of specimen {:?} was dropped", self.member.comm)
            })?;
        let birth = arena.birth(place, group, comm);
        match self.ask(Order::Spawn(birth.clone()))? {
            Answer::Number(pid) => {
                let pid = i32::try_from(pid).context("a pid beyond i32")?;
                arena.welcome(birth, Parent::Specimen(Arc::clone(&self.member)), pid)
            }
            answer => Err(self.unexpected("spawn", &answer)),
        }
    }

    /// Gives an order and returns its answer, whatever it is.
    ///
    /// # Errors
    ///
    /// If the specimen died over it or did not answer within 10 s.
    pub fn ask(&self, order: Order) -> anyhow::Result<Answer> {
        let what = format!("{order:?}");
        let mut channel = lock(&self.member.channel);
        channel
            .tell(order)
            .and_then(|seq| channel.answer_to(seq, Instant::now() + ANSWER_TIMEOUT))
            .with_context(|| format!("{self}: {what}"))
    }

    /// Gives an order and does not wait: for those that end the specimen, or
    /// that it can only obey once it is running again.
    ///
    /// # Errors
    ///
    /// If the specimen is gone.
    pub fn post(&self, order: Order) -> anyhow::Result<()> {
        lock(&self.member.channel)
            .tell(order)
            .map(drop)
            .with_context(|| self.to_string())
    }

    /// Gives an order that must succeed and has no result.
    ///
    /// # Errors
    ///
    /// If it was refused, by the kernel or by the specimen.
    pub fn order(&self, order: Order) -> anyhow::Result<()> {
        match self.ask(order.clone())? {
            Answer::Done => Ok(()),
            answer => Err(self.unexpected(&format!("{order:?}"), &answer)),
        }
    }

    /// Gives an order that may fail: 0, or the errno of its system call.
    ///
    /// # Errors
    ///
    /// If it came to no system call.
    pub fn errno_of(&self, order: Order) -> anyhow::Result<i32> {
        match self.ask(order.clone())? {
            Answer::Done => Ok(0),
            Answer::Refused { errno, .. } => Ok(errno),
            answer => Err(self.unexpected(&format!("{order:?}"), &answer)),
        }
    }

    fn unexpected(&self, what: &str, answer: &Answer) -> anyhow::Error {
        match answer {
            Answer::Refused { errno, call } => {
                anyhow!("{self}: {what}: {call}").context(Errno::from_raw(*errno))
            }
            answer => anyhow!("{self}: {what}: answered {answer:?}"),
        }
    }

    /// kill(2) with the numbers that *this specimen* sees.
    ///
    /// # Errors
    ///
    /// If the system call failed. To a signal for itself that is fatal, use
    /// [`Specimen::post`].
    pub fn kill(&self, pid: i32, signal: i32) -> anyhow::Result<()> {
        self.order(Order::Kill { pid, signal })
    }

    /// Its ids and the signals its handlers got.
    ///
    /// # Errors
    ///
    /// If it is gone.
    pub fn report(&self) -> anyhow::Result<Report> {
        match self.ask(Order::Query)? {
            Answer::Report(report) => Ok(report),
            answer => Err(self.unexpected("query", &answer)),
        }
    }

    /// Its `/proc/PID/stat`, if that pid is still this process.
    pub fn stat(&self) -> Option<procfs::Stat> {
        self.member.stat()
    }

    /// Kills it from the arena's own process and lets the arena forget it.
    pub fn discard(self) {
        self.member.destroy();
        if let Some(arena) = self.member.arena.upgrade() {
            lock(&arena.members).retain(|member| !Arc::ptr_eq(member, &self.member));
        }
    }

    /// Waits for the hello after an [`Order::Exec`].
    ///
    /// # Errors
    ///
    /// If the new program never said it.
    pub fn exec(&self, comm: &str) -> anyhow::Result<()> {
        let comm = comm.to_owned();
        self.order(Order::Exec { comm })?;
        lock(&self.member.channel)
            .hello(Instant::now() + ANSWER_TIMEOUT)
            .with_context(|| format!("{self}: after its execve"))
    }
}

impl std::fmt::Display for Specimen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Member {
            comm, pid, ns_pid, ..
        } = &*self.member;
        write!(
            f,
            "specimen {comm:?} (pid {pid}, {ns_pid} in its namespace)"
        )
    }
}

impl Member {
    fn stat(&self) -> Option<procfs::Stat> {
        procfs::stat(self.pid).filter(|stat| stat.start_ticks == self.start_ticks)
    }

    pub(super) fn is_dead(&self) -> bool {
        self.stat().is_none_or(|stat| stat.is_dead())
    }

    /// Whether an order to it would be answered.
    fn is_responsive(&self) -> bool {
        self.stat()
            .is_some_and(|stat| !stat.is_dead() && !stat.is_stopped())
    }

    /// SIGKILL, to this very process and to no later one with its number.
    pub(super) fn destroy(&self) {
        let Ok(pidfd) = raw::pidfd_open(self.pid) else {
            return;
        };
        if self.stat().is_some_and(|stat| !stat.is_dead()) {
            let _ = raw::pidfd_send_signal(pidfd.as_fd(), libc::SIGKILL);
        }
    }
}

/// The status of a child of the arena's own process.
pub(super) fn peek(pid: i32) -> Option<Status> {
    let seen = raw::peek_child(pid).ok()?;
    Some(seen.map_or(Status::Alive, |(code, status)| {
        Status::from_siginfo(code, status)
    }))
}

/// The status of a child as its parent has it, if that one can answer.
pub(super) fn ask_status(parent: &Arc<Member>, pid: i32) -> Option<Status> {
    if !parent.is_responsive() {
        return None;
    }
    match Specimen::new(Arc::clone(parent)).ask(Order::Status { pid }) {
        Ok(Answer::Status(status)) => Some(status),
        _ => None,
    }
}
