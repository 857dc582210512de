//! Where the runtimes run: a mount namespace in which their usual paths are
//! directories of ours.
//!
//! sigwhy looks for containers where everybody does, so the tests must have the
//! usual paths; a machine's own Docker has them already, and nothing may be left
//! below `/run`, `/etc` or `/var/lib`. The namespace lives as long as a daemon in
//! it does. PIDs and cgroups are the machine's.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::process::{self, Process};
use crate::failure::Result;
use crate::vm::initramfs::utf8;
use crate::workspace::Workspace;

const SCRIPT: &str = include_str!("place.sh");

/// What would make clients ask somebody else's daemons.
const ELSEWHERE: &[&str] = &[
    "DOCKER_HOST",
    "DOCKER_CONTEXT",
    "DOCKER_API_VERSION",
    "CONTAINERD_ADDRESS",
    "CONTAINERD_NAMESPACE",
    "CONTAINER_HOST",
];

/// The namespace, of which nobody needs to be in yet.
#[derive(Clone)]
pub struct Place {
    /// `target/runtimes`.
    dir: PathBuf,
}

impl Place {
    pub fn new(dir: &Path) -> Self {
        Self {
            dir: dir.to_owned(),
        }
    }

    /// Where the record of a daemon is.
    pub fn record(&self, daemon: &str) -> PathBuf {
        self.dir.join(format!("{daemon}.pid"))
    }

    /// A daemon of ours that runs, and so is in there.
    pub fn member(&self, daemon: &str) -> Option<Process> {
        // A child that never became the daemon may not have all mounts yet.
        Process::recorded(&self.record(daemon)).filter(|process| process.comm == daemon)
    }

    fn anyone(&self) -> Option<u32> {
        let daemons = super::DAEMONS.iter();
        let found = daemons.filter_map(|daemon| self.member(daemon)).next();
        found.map(|process| process.pid)
    }

    /// What goes before the first daemon's command line, and so makes it.
    pub fn make(&self, ws: &Workspace) -> Result<Vec<String>> {
        let own = self.dir.join("data");
        let (own, target) = (utf8(&own)?, utf8(&ws.target)?);
        // A slave: what the machine unmounts must not stay mounted in here.
        let words = ["unshare", "--mount", "--propagation", "slave", "sh", "-c"];
        let words = words
            .iter()
            .copied()
            .chain([SCRIPT, "place.sh", own, target]);
        Ok(words.map(str::to_owned).collect())
    }

    /// What goes before any command line, to run it in there from `cwd`. Where
    /// there is no such place, that command fails.
    pub fn enter(&self, cwd: &Path) -> Vec<String> {
        // Nobody has pid 0.
        let pid = self.anyone().unwrap_or_default().to_string();
        let file = |key: &str, name: &str| format!("{key}={}", self.dir.join(name).display());
        let mut words: Vec<String> = ["nsenter", "--target", &pid, "--mount", "--", "env", "-C"]
            .map(str::to_owned)
            .into();
        words.push(cwd.display().to_string());
        for key in ELSEWHERE {
            words.extend(["-u".to_owned(), (*key).to_owned()]);
        }
        words.extend([
            file("CONTAINERS_CONF", "containers.conf"),
            file("CONTAINERS_STORAGE_CONF", "storage.conf"),
        ]);
        words
    }

    /// Any program, in there.
    pub fn command(&self, ws: &Workspace, program: &str) -> Command {
        let words = self.enter(&ws.root);
        let mut command = ws.command(&words[0]);
        command.args(&words[1..]).arg(program);
        command
    }

    /// All that are in there now; none when there is no such place.
    pub fn crowd(&self) -> Crowd {
        let mounts = self.anyone().and_then(mounts_of);
        Crowd { mounts }
    }
}

/// The processes of a namespace, remembered while one is known to be in it.
pub struct Crowd {
    mounts: Option<PathBuf>,
}

impl Crowd {
    /// Those still there.
    pub fn left(&self) -> Vec<Process> {
        let Some(mounts) = &self.mounts else {
            return Vec::new();
        };
        let mut all = process::all();
        all.retain(|process| mounts_of(process.pid).as_ref() == Some(mounts));
        all
    }
}

/// A process's mount namespace, by its name.
fn mounts_of(pid: u32) -> Option<PathBuf> {
    fs::read_link(format!("/proc/{pid}/ns/mnt")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_without_a_daemon_is_nobodys() {
        let dir = std::env::temp_dir().join(format!("xtask-place-{}", std::process::id()));
        let place = Place::new(&dir);
        let words = place.enter(Path::new("/somewhere"));
        assert_eq!(words[..4], ["nsenter", "--target", "0", "--mount"]);
        assert!(words.contains(&"/somewhere".to_owned()));
        assert!(place.crowd().left().is_empty());
    }

    #[test]
    fn a_crowd_is_who_sees_the_same_mounts() {
        let me = std::process::id();
        let mounts = mounts_of(me);
        assert!(mounts.is_some());
        let left = Crowd { mounts }.left();
        assert!(left.iter().any(|process| process.pid == me));
    }
}
