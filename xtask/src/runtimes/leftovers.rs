//! What runtimes leave behind when they end: mounts, empty cgroups, processes.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use super::process;
use crate::failure::{Result, fail};
use crate::workspace::Workspace;

/// The cgroups that docker, ctr, the CRI client and podman make at the top of
/// each hierarchy.
const CGROUPS: &[&str] = &["docker", "default", "kubepods", "libpod_parent"];

/// Where a runtime mounts things. dockerd leaves `/run/docker/netns/default`.
const MOUNTS: &[&str] = &["/run/docker/", "/run/containerd/", "/var/lib/docker/"];

/// How often, a tenth of a second apart, the removal of cgroups is tried.
const CGROUP_TRIES: u32 = 20;

/// The process above each container of containerd's and docker's, by the 15
/// bytes that the kernel keeps of its name.
const SHIM: &str = "containerd-shim";

/// dockerd binds its data directory to itself, and leaves that when it is killed.
const OWN_BIND: &str = "/var/lib/docker";

/// A line of `/proc/self/mountinfo` (proc(5)).
struct Mount {
    /// What of the file system is mounted there.
    root: String,
    point: String,
    kind: String,
}

fn mounts() -> Vec<Mount> {
    let text = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    text.lines().filter_map(parse).collect()
}

fn parse(line: &str) -> Option<Mount> {
    let (mount, file_system) = line.split_once(" - ")?;
    let mut words = mount.split(' ').skip(3);
    Some(Mount {
        root: words.next()?.to_owned(),
        point: words.next()?.to_owned(),
        kind: file_system.split(' ').next()?.to_owned(),
    })
}

impl Mount {
    fn is_a_runtimes(&self) -> bool {
        // A disk of its own, which somebody may have there, has another root.
        let bound = self.point == OWN_BIND && self.root.ends_with(OWN_BIND);
        bound || MOUNTS.iter().any(|dir| self.point.starts_with(dir))
    }

    fn is_a_hierarchy(&self) -> bool {
        self.kind == "cgroup" || self.kind == "cgroup2"
    }
}

/// Mount points of runtimes, those made last first.
fn left_mounts(mounts: &[Mount]) -> Vec<&str> {
    let left = mounts.iter().rev().filter(|mount| mount.is_a_runtimes());
    left.map(|mount| mount.point.as_str()).collect()
}

/// Unmounts what is below the daemons' directories. Only once both are gone:
/// then nobody needs it.
pub fn unmount(ws: &Workspace) {
    for point in left_mounts(&mounts()) {
        let _ = ws.command("umount").arg(point).output();
    }
}

/// Removes the cgroups that are empty; the kernel keeps those that are in use.
/// The last process of one may take a moment to go.
pub fn remove_cgroups() {
    let hierarchies = mounts();
    let hierarchies = hierarchies.iter().filter(|mount| mount.is_a_hierarchy());
    let tops: Vec<PathBuf> = hierarchies
        .flat_map(|mount| {
            CGROUPS
                .iter()
                .map(|name| Path::new(&mount.point).join(name))
        })
        .collect();
    for _ in 0..CGROUP_TRIES {
        tops.iter().for_each(|dir| remove_tree(dir));
        if !tops.iter().any(|dir| dir.exists()) {
            return;
        }
        thread::sleep(Duration::from_millis(100));
    }
}

fn remove_tree(dir: &Path) {
    for child in directories(dir) {
        remove_tree(&child);
    }
    let _ = fs::remove_dir(dir);
}

/// The directories in one; a cgroup's files are no files to remove.
fn directories(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).into_iter().flatten();
    entries
        .filter_map(|entry| entry.ok())
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.path())
        .collect()
}

/// Fails if something of the daemons that were just stopped is still there, or
/// one of `containers`.
pub fn check(socket: &str, containers: &[String]) -> Result<()> {
    let shims = process::named(SHIM).into_iter();
    let shims = shims.filter(|shim| shim.sees_our_files() && shim.command_line().contains(socket));
    let mounts = mounts();
    let left: Vec<String> = shims
        .map(|shim| format!("{SHIM} (pid {})", shim.pid))
        .chain(left_mounts(&mounts).iter().map(|at| format!("mount {at}")))
        .chain(containers.iter().map(|id| format!("runc container {id}")))
        .collect();
    match left.len() {
        0 => Ok(()),
        _ => fail(format!(
            "the daemons are stopped, but this is still there (`cargo xtask runtimes up` and `down` may mend it): {}",
            left.join(", ")
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_mounts_below_the_runtimes_are_theirs() {
        let lines = [
            "21 1 0:5 / /run rw - tmpfs tmpfs rw",
            "22 21 0:4 net:[1] /run/docker/netns/default rw - nsfs nsfs rw",
            "23 21 0:6 / /run/dockerish/x rw shared:7 - overlay o rw",
            "24 1 8:1 / /var/lib/docker rw - ext4 /dev/sdb rw",
            "25 1 8:1 /var/lib/docker /var/lib/docker rw shared:1 - ext4 /dev/sda rw",
            "26 1 0:9 / /sys/fs/cgroup/pids rw - cgroup c rw",
        ];
        let mounts: Vec<Mount> = lines.iter().filter_map(|line| parse(line)).collect();
        assert_eq!(mounts.len(), lines.len());
        assert_eq!(
            left_mounts(&mounts),
            ["/var/lib/docker", "/run/docker/netns/default"]
        );
        assert!(mounts[5].is_a_hierarchy() && !mounts[0].is_a_hierarchy());
    }

    #[test]
    fn a_tree_of_empty_directories_goes_and_files_stay() -> std::io::Result<()> {
        let top = std::env::temp_dir().join(format!("xtask-left-{}", std::process::id()));
        fs::create_dir_all(top.join("a/b"))?;
        fs::create_dir_all(top.join("c/d"))?;
        fs::write(top.join("c/file"), "")?;
        remove_tree(&top);
        assert!(!top.join("a").exists() && !top.join("c/d").exists());
        assert!(top.join("c/file").exists(), "somebody uses it");
        fs::remove_dir_all(&top)
    }
}
