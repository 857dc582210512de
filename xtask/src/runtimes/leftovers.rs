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

/// Of a line of `/proc/self/mounts`: where, and of what type.
fn mounts() -> Vec<(String, String)> {
    let text = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    text.lines()
        .filter_map(|line| {
            let mut words = line.split(' ').skip(1);
            Some((words.next()?.to_owned(), words.next()?.to_owned()))
        })
        .collect()
}

/// Mount points of runtimes, those made last first.
fn left_mounts(mounts: &[(String, String)]) -> Vec<&str> {
    let points = mounts.iter().rev().map(|(point, _)| point.as_str());
    points
        .filter(|point| MOUNTS.iter().any(|dir| point.starts_with(dir)))
        .collect()
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
    let tops: Vec<PathBuf> = mounts()
        .iter()
        .filter(|(_, kind)| kind == "cgroup" || kind == "cgroup2")
        .flat_map(|(hierarchy, _)| CGROUPS.iter().map(|name| Path::new(hierarchy).join(name)))
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
            "stopped, but this is still there: {}",
            left.join(", ")
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_mounts_below_the_runtimes_are_theirs() {
        let mount = |point: &str| (point.to_owned(), "overlay".to_owned());
        let mounts = [
            mount("/run"),
            mount("/run/docker/netns/default"),
            mount("/run/dockerish/x"),
            mount("/var/lib/docker"),
            mount("/run/docker/netns/default/more"),
        ];
        assert_eq!(
            left_mounts(&mounts),
            [
                "/run/docker/netns/default/more",
                "/run/docker/netns/default"
            ]
        );
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
