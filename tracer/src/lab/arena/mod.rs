//! The arena: throw-away processes in throw-away PID namespaces, told what to
//! do and asked what became of them.
//!
//! Labs, tests and the kernel fuzzer make real signals with it. It knows
//! nothing of tracing: it makes events, it does not watch them.
//!
//! A [`Specimen`] is this program run again as a hidden subcommand. It obeys
//! orders ([`wire::Order`]) on its main thread and may start further ones, in
//! its own PID namespace, in a new one, or in that of another process. When the
//! arena is dropped, every specimen ends.
//!
//! ```no_run
//! # fn main() -> anyhow::Result<()> {
//! use sigwhy::lab::arena::{Arena, Disposition};
//! use std::time::Duration;
//!
//! let arena = Arena::new(&std::env::current_exe()?)?;
//! let host = arena.spawn_host("host")?;
//! let init = host.spawn_init("init.sh")?;
//! let worker = init.spawn_child("worker")?;
//! worker.dispose(libc::SIGTERM, Disposition::Handler)?;
//! host.kill(init.pid(), libc::SIGTERM)?; // dropped: no handler, PID 1
//! assert!(!init.fate(Duration::from_secs(2))?.is_dead());
//! host.kill(init.pid(), libc::SIGKILL)?; // from outside: fatal
//! assert!(init.await_death(Duration::from_secs(2))?.is_dead());
//! # Ok(())
//! # }
//! ```

mod body;
mod channel;
mod launch;
pub mod procfs;
mod raw;
mod specimen;
pub mod wire;

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow, bail};
use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, UnixAddr, accept4, bind, getsockopt, listen,
    socket, sockopt,
};

pub use body::{Args as SpecimenArgs, run as run_specimen};
pub use specimen::Specimen;
pub use wire::{Answer, Disposition, Group, Order, Place, Report, Status, TracePolicy, mask_of};

use channel::{Channel, wait_readable};
use launch::Home;
use specimen::{Member, Parent};
use wire::{Birth, Said};

/// How long a new specimen may take to say hello.
const HELLO_TIMEOUT: Duration = Duration::from_secs(10);

/// How often to look whether it died instead.
const HELLO_GLANCE: Duration = Duration::from_millis(100);

/// How long the end of an arena may take before it gives up on processes that
/// will not die (frozen ones, say).
const END_TIMEOUT: Duration = Duration::from_secs(3);

/// The most that any specimen lives, in seconds.
pub const DEFAULT_LIFE: u64 = 60;

/// Makes specimens and ends them. See the module's documentation.
#[derive(Debug)]
pub struct Arena {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    exe: PathBuf,
    home: Home,
    listener: Mutex<Listener>,
    next_id: AtomicU64,
    members: Mutex<Vec<Arc<Member>>>,
}

#[derive(Debug)]
struct Listener {
    fd: OwnedFd,
    /// Those who said hello while somebody else was awaited.
    early: HashMap<u64, Arrival>,
}

#[derive(Debug)]
struct Arrival {
    channel: Channel,
    host_pid: i32,
    ns_pid: i32,
}

/// A lock whose holder panicked still guards plain data.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Arena {
    /// An arena whose specimens run `exe`, the `sigwhy` binary.
    ///
    /// # Errors
    ///
    /// If no Unix socket can be made, or `/proc` is not mounted.
    pub fn new(exe: &Path) -> anyhow::Result<Self> {
        Self::with_life(exe, DEFAULT_LIFE)
    }

    /// The same with another bound on the life of a specimen, in seconds.
    ///
    /// # Errors
    ///
    /// As [`Arena::new`].
    pub fn with_life(exe: &Path, life: u64) -> anyhow::Result<Self> {
        let random = RandomState::new();
        let name = format!(
            "sigwhy-arena-{}-{:016x}",
            std::process::id(),
            random.hash_one(0)
        );
        let fd = socket(
            AddressFamily::Unix,
            SockType::SeqPacket,
            SockFlag::SOCK_CLOEXEC,
            None,
        )
        .context("making the arena's socket")?;
        let address = UnixAddr::new_abstract(name.as_bytes()).context("naming the arena")?;
        bind(fd.as_raw_fd(), &address).context("binding the arena's socket")?;
        listen(&fd, Backlog::MAXCONN).context("listening on the arena's socket")?;
        Ok(Self {
            inner: Arc::new(Inner {
                exe: exe.to_owned(),
                home: Home {
                    socket: name,
                    life,
                    pid_ns: procfs::pid_ns("self")?,
                },
                listener: Mutex::new(Listener {
                    fd,
                    early: HashMap::new(),
                }),
                // Not guessable: whoever connects must know the number of a
                // specimen that is awaited. 53 bits, so that any JSON reader
                // can take it.
                next_id: AtomicU64::new(random.hash_one(1) >> 12),
                members: Mutex::new(Vec::new()),
            }),
        })
    }

    /// A specimen in the arena's own PID namespace, in a process group of its
    /// own.
    ///
    /// # Errors
    ///
    /// If it could not be started or never said hello.
    pub fn spawn_host(&self, comm: &str) -> anyhow::Result<Specimen> {
        self.spawn(Place::Same, comm)
    }

    /// PID 1 of a new PID namespace, a child of the arena's process itself.
    ///
    /// # Errors
    ///
    /// If it could not be started (root is needed) or never said hello.
    pub fn spawn_init(&self, comm: &str) -> anyhow::Result<Specimen> {
        self.spawn(Place::NewNamespace, comm)
    }

    /// A specimen anywhere, a child of the arena's process.
    ///
    /// # Errors
    ///
    /// If it could not be started or never said hello.
    pub fn spawn(&self, place: Place, comm: &str) -> anyhow::Result<Specimen> {
        let birth = self.inner.birth(place, Group::New, comm);
        let child = launch::launch(&self.inner.exe, &self.inner.home, &birth)
            .with_context(|| format!("starting {} as a specimen", self.inner.exe.display()))?;
        let pid = i32::try_from(child.id()).context("a pid beyond i32")?;
        self.inner.welcome(birth, Parent::Arena, pid)
    }

    /// A specimen that somebody else starts, a container runtime say: `start` must
    /// have this program run with the arguments that it gets, in the arena's network
    /// namespace. Its end is seen in `/proc` alone.
    ///
    /// # Errors
    ///
    /// Those of `start`, or if it never said hello.
    pub fn adopt(
        &self,
        comm: &str,
        start: impl FnOnce(&[String]) -> anyhow::Result<()>,
    ) -> anyhow::Result<Specimen> {
        let birth = self.inner.birth(Place::NewNamespace, Group::New, comm);
        let mut words = vec![launch::SUBCOMMAND.to_owned()];
        words.extend(launch::arguments(&self.inner.home, birth.id, comm));
        start(&words)?;
        self.inner.welcome(birth, Parent::Other, 0)
    }

    /// Ends the specimens that are dead already as far as the arena is
    /// concerned, so that a long-lived one does not collect sockets.
    pub fn sweep(&self) {
        lock(&self.inner.members).retain(|member| {
            let dead = member.is_dead();
            if dead && matches!(member.parent, Parent::Arena) {
                let _ = raw::wait_any_status(member.pid);
            }
            !dead
        });
    }
}

impl Inner {
    fn birth(&self, place: Place, group: Group, comm: &str) -> Birth {
        Birth {
            id: self.next_id.fetch_add(1, Relaxed),
            place,
            group,
            comm: comm.to_owned(),
        }
    }

    /// Waits for the hello of a specimen that was just started.
    fn welcome(
        self: &Arc<Self>,
        birth: Birth,
        parent: Parent,
        pid_for_parent: i32,
    ) -> anyhow::Result<Specimen> {
        let stillborn = || match &parent {
            Parent::Arena => specimen::peek(pid_for_parent),
            Parent::Specimen(parent) => specimen::ask_status(parent, pid_for_parent),
            Parent::Other => None,
        };
        let arrival = self.await_hello(birth.id, stillborn).with_context(|| {
            format!(
                "specimen {:?} (pid {pid_for_parent} to its parent)",
                birth.comm
            )
        })?;
        let stat = procfs::stat(arrival.host_pid)
            .ok_or_else(|| anyhow!("specimen {:?} is gone already", birth.comm))?;
        let member = Arc::new(Member {
            arena: Arc::downgrade(self),
            comm: birth.comm,
            pid: arrival.host_pid,
            ns_pid: arrival.ns_pid,
            pid_for_parent,
            start_ticks: stat.start_ticks,
            parent,
            channel: Mutex::new(arrival.channel),
        });
        lock(&self.members).push(Arc::clone(&member));
        Ok(Specimen::new(member))
    }

    /// `stillborn` tells the status of the specimen if it can be known.
    fn await_hello(
        &self,
        id: u64,
        stillborn: impl Fn() -> Option<Status>,
    ) -> anyhow::Result<Arrival> {
        let end = Instant::now() + HELLO_TIMEOUT;
        let mut listener = lock(&self.listener);
        loop {
            if let Some(arrival) = listener.early.remove(&id) {
                return Ok(arrival);
            }
            let glance = end.min(Instant::now() + HELLO_GLANCE);
            if !wait_readable(listener.fd.as_fd(), glance)? {
                if let Some(status) = stillborn().filter(|status| status.is_dead()) {
                    bail!("died before its hello: {status:?}");
                }
                if Instant::now() >= end {
                    bail!("said no hello within {HELLO_TIMEOUT:?}");
                }
                continue;
            }
            let fd = accept4(listener.fd.as_raw_fd(), SockFlag::SOCK_CLOEXEC)
                .context("accepting a specimen")?;
            let fd = raw::owned(fd);
            let host_pid = getsockopt(&fd, sockopt::PeerCredentials)
                .context("asking who connected")?
                .pid();
            let mut channel = Channel::new(fd);
            // A stranger that connects and says nothing of use is shown the door.
            if let Ok(Some(Said::Hello { id, pid })) = channel.receive(end) {
                let arrival = Arrival {
                    channel,
                    host_pid,
                    ns_pid: pid,
                };
                listener.early.insert(id, arrival);
            }
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let members = std::mem::take(
            self.members
                .get_mut()
                .unwrap_or_else(PoisonError::into_inner),
        );
        // Youngest first: parents can still see their children die.
        for member in members.iter().rev() {
            member.destroy();
        }
        let end = Instant::now() + END_TIMEOUT;
        for member in members
            .iter()
            .filter(|member| matches!(member.parent, Parent::Arena))
        {
            while matches!(raw::wait_any_status(member.pid), Ok(None)) && Instant::now() < end {
                std::thread::sleep(Duration::from_micros(200));
            }
        }
    }
}
