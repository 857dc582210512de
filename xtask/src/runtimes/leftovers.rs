//! What runtimes leave behind when they end and no mount namespace hides: empty
//! cgroups, and processes.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use super::place::Crowd;
use super::process::Process;
use crate::failure::{Context as _, Result, fail};

/// The cgroups that docker, ctr, the CRI client and the kubelet, podman, lxc and
/// systemd-nspawn make at the top of each hierarchy.
const CGROUPS: &[&str] = &[
    "docker",
    "default",
    "kubepods",
    "libpod_parent",
    "lxc.pivot",
    "payload",
    "supervisor",
];

/// What runtimes put above a container's first process, by the 15 bytes that the
/// kernel keeps of the name.
const MONITORS: &[&str] = &["containerd-shim", "conmon"];

/// How often, a tenth of a second apart, it is looked whether all has gone. The
/// last process of a container may take a moment.
const TRIES: u32 = 50;

/// A line of `/proc/self/mountinfo` (proc(5)): the mount point of a hierarchy of
/// cgroups.
fn hierarchy(line: &str) -> Option<&str> {
    let (mount, file_system) = line.split_once(" - ")?;
    let kind = file_system.split(' ').next()?;
    let point = mount.split(' ').nth(4)?;
    matches!(kind, "cgroup" | "cgroup2").then_some(point)
}

/// The runtimes' cgroups that are there.
fn cgroups() -> BTreeSet<PathBuf> {
    let text = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let points = text.lines().filter_map(hierarchy);
    let tops = points.flat_map(|point| CGROUPS.iter().map(|name| Path::new(point).join(name)));
    tops.filter(|top| top.exists()).collect()
}

/// Writes down what is there before anything is started, as a machine's own
/// Docker has the same cgroups.
pub fn note(file: &Path) -> Result<()> {
    let lines: Vec<String> = cgroups()
        .iter()
        .map(|top| format!("{}\n", top.display()))
        .collect();
    fs::write(file, lines.concat()).context(|| format!("cannot write {}", file.display()))
}

/// Removes the cgroups that were not there before; the kernel keeps those that
/// are in use. Then fails if one of them, or of the crowd, is still there.
pub fn clean(before: &Path, crowd: &Crowd) -> Result<()> {
    let Ok(before) = fs::read_to_string(before) else {
        // Nothing was ever started.
        return Ok(());
    };
    let before: BTreeSet<PathBuf> = before.lines().map(PathBuf::from).collect();
    let mut left = Vec::new();
    for _ in 0..TRIES {
        let ours: Vec<PathBuf> = cgroups().difference(&before).cloned().collect();
        ours.iter().for_each(|top| remove_tree(top));
        let ours = ours.iter().filter(|top| top.exists());
        let ours: Vec<&PathBuf> = ours.collect();
        let mut processes = crowd.left();
        processes.extend(ours.iter().flat_map(|top| inhabitants(top)));
        // One for each hierarchy.
        processes.sort_by_key(|process| process.pid);
        processes.dedup();
        if ours.is_empty() && processes.is_empty() {
            return Ok(());
        }
        left = processes.iter().map(told).collect();
        left.extend(ours.iter().map(|top| top.display().to_string()));
        thread::sleep(Duration::from_millis(100));
    }
    fail(format!(
        "the daemons are stopped, but this is still there (end processes by their pids, and try again): {}",
        left.join(", ")
    ))
}

fn told(process: &Process) -> String {
    format!("{} (pid {})", process.comm.escape_debug(), process.pid)
}

/// The processes in a cgroup and below, with those that runtimes have put above
/// each.
fn inhabitants(top: &Path) -> Vec<Process> {
    let mut dirs = vec![top.to_owned()];
    let mut found = Vec::new();
    while let Some(dir) = dirs.pop() {
        let text = fs::read_to_string(dir.join("cgroup.procs")).unwrap_or_default();
        for process in text
            .lines()
            .filter_map(|pid| Process::get(pid.parse().ok()?))
        {
            let above = Process::get(process.parent);
            let is_monitor = |above: &Process| MONITORS.contains(&above.comm.as_str());
            found.extend(above.filter(is_monitor));
            found.push(process);
        }
        dirs.extend(directories(&dir));
    }
    found
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hierarchy_is_of_either_version() {
        let lines = [
            "21 1 0:5 / /run rw - tmpfs tmpfs rw",
            "26 1 0:9 / /sys/fs/cgroup/pids rw shared:7 - cgroup c rw",
            "27 1 0:9 / /sys/fs/cgroup rw - cgroup2 c rw",
        ];
        let points: Vec<&str> = lines.iter().filter_map(|line| hierarchy(line)).collect();
        assert_eq!(points, ["/sys/fs/cgroup/pids", "/sys/fs/cgroup"]);
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
