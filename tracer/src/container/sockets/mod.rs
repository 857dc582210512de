//! What runtimes say of their containers, asked over their sockets, where files
//! did not tell.
//!
//! This is the part that waits for a daemon: it belongs on a thread of its own,
//! and nobody waits for that one. [`place`] says where the sockets are, `line`
//! holds what comes through one within bounds, `docker` and `cri` ask. Who is
//! asked about what, and how often, is here.
//!
//! Only what is unknown is taken from an answer: a runtime's own files are as
//! good, and were read first. An answer is somebody else's text, like a file's.
//!
//! A runtime within a container has no socket that can be reached; it has files,
//! which may hang as a daemon may. They are read here, with the same patience.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

use super::registry::clock::Clock;
use super::{Identity, Root, process, shapes};
use crate::record::Runtime;
use inside::Inside;
pub use place::Socket;

mod cri;
mod docker;
mod inside;
mod line;
mod once;
pub mod place;

#[cfg(test)]
mod fake;
#[cfg(test)]
mod tests;

pub use once::{ask_all, runtime};

/// How long one socket may take to answer.
pub const PATIENCE: Duration = Duration::from_millis(1500);

/// How long a socket that did not answer is left alone: twice as long each time,
/// up to [`LONGEST_REST`].
const FIRST_REST: Duration = Duration::from_secs(5);
const LONGEST_REST: Duration = Duration::from_secs(300);

/// Those that are remembered for not having answered.
const RESTING: usize = 256;

/// For how long an answer is given again to who asks again, as a container is
/// asked about by each of its cgroups.
const FRESH: Duration = Duration::from_secs(60);

/// Answers remembered.
const ANSWERS: usize = 4096;

/// Longer than this is no name, in bytes.
const LONGEST_TEXT: usize = 4096;

/// Looks into other containers that hang at one time: each has a thread of its own,
/// which nobody can end.
const LOOKS: usize = 8;

/// The daemons of a machine, as this process can reach them.
#[derive(Debug)]
pub struct Sockets {
    root: Root,
    /// Sockets that somebody named, which come first.
    named: Vec<Socket>,
    answers: Clock<Box<str>, (Instant, Identity)>,
    resting: HashMap<Key, Rest>,
    inside: Inside,
    /// Looks that were not waited for any longer, and have not come back.
    looks: HashMap<Key, JoinHandle<Option<Identity>>>,
}

/// Whom a failure is held against: the socket, or for a user's the user, who can
/// make as many as he likes; the container around one that has another within.
type Key = (u32, PathBuf);

/// A socket that did not answer.
#[derive(Debug)]
struct Rest {
    until: Instant,
    next: Duration,
}

impl Sockets {
    /// `named`: sockets besides those that are found, see [`place::from_env`].
    pub fn new(root: Root, named: Vec<Socket>) -> Self {
        Self {
            root,
            named,
            answers: Clock::new(ANSWERS),
            resting: HashMap::new(),
            inside: Inside::default(),
            looks: HashMap::new(),
        }
    }

    /// Fills in what a runtime says of a container. Whether one knew it. Takes at
    /// most as many times [`PATIENCE`] as there are sockets, and that only once
    /// per rest.
    pub async fn complete(&mut self, identity: &mut Identity) -> bool {
        let Some(id) = identity.id.clone().filter(|id| shapes::is_full_id(id)) else {
            return false;
        };
        let key = Box::from(id.as_str());
        if let Some((at, told)) = self.answers.get_mut(&key)
            && at.elapsed() < FRESH
        {
            let told = told.clone();
            self.fill(identity, &told);
            return true;
        }
        if let Some(outer) = identity.outer.clone() {
            return self.look_inside(identity, key, outer).await;
        }
        for socket in self.sockets(identity) {
            let asked = timeout(PATIENCE, ask(&socket, identity.owner, &id)).await;
            match asked {
                Ok(Ok(told)) => {
                    self.resting.remove(&key_of(&socket));
                    let Some(told) = told else { continue };
                    self.fill(identity, &told);
                    // One without a process is only being made.
                    if told.init_pid.is_some() || is_cri(socket.runtime) {
                        self.answers.insert(key, (Instant::now(), told));
                    }
                    return true;
                }
                Ok(Err(_)) | Err(_) => self.rest(key_of(&socket)),
            }
        }
        false
    }

    /// The same of a container within another one.
    async fn look_inside(&mut self, identity: &mut Identity, key: Box<str>, outer: String) -> bool {
        let outer = (identity.owner, PathBuf::from(outer));
        if self.is_resting(&outer) {
            return false;
        }
        self.looks.retain(|_, look| !look.is_finished());
        if self.looks.contains_key(&outer) {
            // It hangs as it did: another thread would not help.
            self.rest(outer);
            return false;
        }
        if self.looks.len() >= LOOKS {
            return false;
        }
        let mut look = self.inside.look(self.root.clone(), identity.clone());
        let Ok(told) = timeout(PATIENCE, &mut look).await else {
            // Its thread is left behind; at the latest it ends with the process.
            self.looks.insert(outer.clone(), look);
            self.rest(outer);
            return false;
        };
        let Some(told) = told.ok().flatten() else {
            return false;
        };
        self.resting.remove(&outer);
        identity.fill(&told);
        self.answers.insert(key, (Instant::now(), told));
        true
    }

    /// Those that may know a container, and are not to be left alone.
    fn sockets(&self, identity: &Identity) -> Vec<Socket> {
        let may_know = whom(identity);
        if may_know.is_empty() {
            return Vec::new();
        }
        let mut all = place::find(&self.root, &self.named, Some(identity.owner));
        all.retain(|socket| {
            may_know.contains(&socket.runtime) && !self.is_resting(&key_of(socket))
        });
        // A user's own daemon knows the user's containers, root's perhaps.
        let rank = |socket: &Socket| {
            let kind = may_know.iter().position(|kind| *kind == socket.runtime);
            (socket.uid != identity.owner, kind)
        };
        all.sort_by_key(rank);
        all
    }

    fn is_resting(&self, key: &Key) -> bool {
        let rest = self.resting.get(key);
        rest.is_some_and(|rest| rest.until > Instant::now())
    }

    fn rest(&mut self, key: Key) {
        let now = Instant::now();
        if self.resting.len() >= RESTING && !self.resting.contains_key(&key) {
            self.resting.retain(|_, rest| rest.until > now);
        }
        if self.resting.len() >= RESTING && !self.resting.contains_key(&key) {
            // Whoever has rested for the longest is asked again a bit early.
            let next = self.resting.iter().min_by_key(|(_, rest)| rest.until);
            if let Some(next) = next.map(|(key, _)| key.clone()) {
                self.resting.remove(&next);
            }
        }
        let pause = self.resting.get(&key).map_or(FIRST_REST, |rest| rest.next);
        let rest = Rest {
            until: now + pause,
            next: (2 * pause).min(LONGEST_REST),
        };
        self.resting.insert(key, rest);
    }

    fn fill(&self, identity: &mut Identity, told: &Identity) {
        let known = identity.init_pid;
        identity.fill(told);
        // A number is believed once the kernel says that it is that container's.
        if known.is_none()
            && let Some(pid) = identity.init_pid
        {
            let cgroups = self.root.text(format!("/proc/{pid}/cgroup"));
            let id = told.id.as_deref();
            let is_its = cgroups.is_some_and(|text| id.is_some_and(|id| text.contains(id)));
            identity.init_pid = is_its.then_some(pid);
        }
        if identity.pid_ns.is_none() && known.is_none() {
            let init = identity.init_pid;
            identity.pid_ns = init.and_then(|pid| process::pid_ns(&self.root, pid));
        }
    }
}

fn key_of(socket: &Socket) -> Key {
    let path = match socket.uid {
        0 => socket.path.clone(),
        _ => PathBuf::new(),
    };
    (socket.uid, path)
}

/// Whose sockets may know a container, the likeliest first.
fn whom(identity: &Identity) -> &'static [Runtime] {
    use Runtime::{Containerd, CriO, Docker, Podman};
    match identity.runtime {
        Docker => &[Docker],
        Podman => &[Podman],
        Containerd => &[Containerd],
        CriO => &[CriO],
        Runtime::Unknown if identity.pod_uid.is_some() => &[Containerd, CriO, Docker],
        Runtime::Unknown => &[Docker, Podman, Containerd, CriO],
        Runtime::Runc | Runtime::Crun | Runtime::Lxc | Runtime::Nspawn => &[],
    }
}

/// What the daemon behind a socket says of a container. `None` if it knows none
/// of that id.
async fn ask(socket: &Socket, owner: u32, id: &str) -> anyhow::Result<Option<Identity>> {
    let told = match is_cri(socket.runtime) {
        true => cri::ask(socket, owner, id).await?,
        false => docker::ask(socket, owner, id).await?,
    };
    Ok(told.filter(|told| told.id.as_deref() == Some(id)))
}

fn is_cri(runtime: Runtime) -> bool {
    matches!(runtime, Runtime::Containerd | Runtime::CriO)
}

/// A text that is there, is not empty and can be a name.
fn text(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty() && text.len() <= LONGEST_TEXT)
}
