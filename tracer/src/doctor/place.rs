//! Checks of where this process runs: PID namespace, cgroups, mounts.

use super::{Check, Status, Text, namespace_inode};
use crate::container::cgroupfs::unescaped;
use crate::container::sockets::Socket;

const GROUP: &str = "Surroundings";

/// The inode of the initial PID namespace, `PROC_PID_INIT_INO` in the kernel's
/// `include/linux/proc_ns.h`.
const INITIAL_PID_NS: u64 = 0xeffffffc;

/// `link`: of `/proc/self/ns/pid`, e.g. `pid:[4026531836]`.
pub fn pid_namespace(link: &Text) -> Check {
    let check = |status, detail: String| {
        Check::new(GROUP, "pid_namespace", "PID namespace", status, detail)
    };
    match link
        .as_deref()
        .ok()
        .and_then(|link| namespace_inode(link, "pid"))
    {
        None => check(Status::Info, "unknown: no /proc/self/ns/pid".to_owned()),
        Some(INITIAL_PID_NS) => check(Status::Ok, "the machine's own".to_owned()),
        Some(inode) => check(
            Status::Warn,
            format!(
                "{inode}, a container's: host pids in the output are the machine's, and most of \
                 them cannot be looked up in this /proc"
            ),
        )
        .remedy("run it on the host, or with docker run --pid=host (Kubernetes: hostPID: true)"),
    }
}

/// One line of `/proc/self/mounts`.
struct Mount<'a> {
    kind: &'a str,
    /// The mount point, with the kernel's octal escapes taken back.
    at: String,
    options: &'a str,
}

fn mounts(text: &str) -> impl Iterator<Item = Mount<'_>> {
    text.lines().filter_map(|line| {
        let mut fields = line.split(' ');
        let (_device, at) = (fields.next()?, fields.next()?);
        Some(Mount {
            at: unescaped(at),
            kind: fields.next()?,
            options: fields.next()?,
        })
    })
}

/// How cgroups are mounted.
#[derive(Debug, PartialEq, Eq)]
pub enum Layout {
    /// No cgroup file system in this mount namespace.
    Unmounted,
    /// Version 2 only, at this place.
    Unified(String),
    /// Version 1 controllers, and version 2 at this place beside them.
    Hybrid(String),
    /// Version 1 only.
    Legacy,
}

/// `mounts`: `/proc/self/mounts`.
pub fn layout(text: &str) -> Layout {
    let has_v1 = mounts(text).any(|mount| mount.kind == "cgroup");
    match mounts(text).find(|mount| mount.kind == "cgroup2") {
        Some(v2) if has_v1 => Layout::Hybrid(v2.at),
        Some(v2) => Layout::Unified(v2.at),
        None if has_v1 => Layout::Legacy,
        None => Layout::Unmounted,
    }
}

/// The controllers bound to a version 1 hierarchy, and the named hierarchies
/// without a controller. `table`: `/proc/cgroups`, whose hierarchy is 0 for a
/// controller of version 2 or none.
fn v1_hierarchies(text: &str, table: &str) -> Vec<String> {
    let controllers = table
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| {
            let mut fields = line.split_ascii_whitespace();
            let (name, hierarchy) = (fields.next()?, fields.next()?);
            (hierarchy != "0").then(|| name.to_owned())
        });
    let named = mounts(text)
        .filter(|mount| mount.kind == "cgroup")
        .flat_map(|mount| mount.options.split(','))
        .filter(|option| option.starts_with("name="))
        .map(str::to_owned);
    let mut all: Vec<_> = controllers.chain(named).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// The runtimes' sockets that were found. Whether one answers is not tried: that
/// may start a daemon.
pub fn sockets(found: &[Socket]) -> Check {
    let shown = |socket: &Socket| match socket.uid {
        0 => format!("{} at {}", socket.runtime.id(), socket.path.display()),
        uid => format!(
            "{} of user {uid} at {}",
            socket.runtime.id(),
            socket.path.display()
        ),
    };
    let detail = match found {
        [] => "none: names of containers come from runtimes' files alone".to_owned(),
        found => found.iter().map(shown).collect::<Vec<_>>().join(", "),
    };
    Check::new(
        GROUP,
        "runtime_sockets",
        "runtime sockets",
        Status::Info,
        detail,
    )
}

/// `text`: `/proc/self/mounts`; `table`: `/proc/cgroups`, both empty if unread.
pub fn cgroups(text: &str, table: &str) -> Check {
    let v1 = v1_hierarchies(text, table).join(", ");
    let (status, detail) = match layout(text) {
        Layout::Unified(at) => (Status::Ok, format!("v2 at {at}")),
        Layout::Hybrid(at) => (Status::Ok, format!("hybrid: v2 at {at}, v1 for {v1}")),
        Layout::Legacy => (
            Status::Info,
            format!("v1 only, for {v1}: containers are told apart by their v1 paths"),
        ),
        Layout::Unmounted => (Status::Info, "none mounted here".to_owned()),
    };
    Check::new(GROUP, "cgroups", "cgroups", status, detail)
}

pub fn tracefs(text: &str) -> Check {
    // Below a debugfs it is mounted by itself on first use.
    let at = mounts(text)
        .find(|mount| mount.kind == "tracefs")
        .map(|mount| mount.at);
    let detail = match at {
        Some(at) => format!("at {at} (only importing from other tracers has a use for it)"),
        None => "not mounted (only importing from other tracers has a use for it)".to_owned(),
    };
    Check::new(GROUP, "tracefs", "tracefs", Status::Info, detail)
}

pub fn pid_max(text: &Text) -> Check {
    let detail = match text.as_deref().map(|text| text.parse::<u64>()) {
        Ok(Ok(max)) => format!("{max}: processes are told apart by their start time as well"),
        Ok(Err(_)) => "not understood".to_owned(),
        Err(_) => "unknown: no kernel.pid_max".to_owned(),
    };
    Check::new(GROUP, "pid_max", "pid_max", Status::Info, detail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Runtime;

    const UNIFIED: &str = "\
proc /proc proc rw,nosuid,nodev,noexec,relatime 0 0
cgroup2 /sys/fs/cgroup cgroup2 rw,nosuid,nodev,noexec,relatime,nsdelegate,memory_recursiveprot 0 0
tracefs /sys/kernel/tracing tracefs rw,nosuid,nodev,noexec,relatime 0 0
/dev/sda1 /mnt/a\\040b ext4 rw 0 0
";
    const HYBRID: &str = "\
tmpfs /sys/fs/cgroup tmpfs rw,relatime,mode=755 0 0
cgroup /sys/fs/cgroup/cpu,cpuacct cgroup rw,relatime,cpu,cpuacct 0 0
cgroup /sys/fs/cgroup/systemd cgroup rw,relatime,xattr,name=systemd 0 0
cgroup2 /sys/fs/cgroup/unified cgroup2 rw,relatime 0 0
";
    const LEGACY: &str = "\
cgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0
cgroup /sys/fs/cgroup/systemd cgroup rw,name=systemd 0 0
";
    const TABLE: &str = "\
#subsys_name\thierarchy\tnum_cgroups\tenabled
cpu\t1\t1\t1
cpuacct\t1\t1\t1
net_cls\t0\t1\t1
";

    #[test]
    fn sockets_are_listed_with_their_owners() {
        let socket = |runtime, path: &str, uid| Socket {
            runtime,
            path: path.into(),
            uid,
        };
        let check = sockets(&[
            socket(Runtime::Docker, "/run/docker.sock", 0),
            socket(Runtime::Podman, "/run/user/1000/podman/podman.sock", 1000),
        ]);
        assert_eq!(
            (check.status, check.detail.as_str()),
            (
                Status::Info,
                "docker at /run/docker.sock, podman of user 1000 at \
                 /run/user/1000/podman/podman.sock"
            )
        );
        assert!(sockets(&[]).detail.starts_with("none"));
    }

    #[test]
    fn tells_the_layouts_apart() {
        assert_eq!(
            layout(UNIFIED),
            Layout::Unified("/sys/fs/cgroup".to_owned())
        );
        assert_eq!(
            layout(HYBRID),
            Layout::Hybrid("/sys/fs/cgroup/unified".to_owned())
        );
        assert_eq!(layout(LEGACY), Layout::Legacy);
        assert_eq!(layout(""), Layout::Unmounted);
        assert_eq!(layout("cgroup\ncgroup2 x\n"), Layout::Unmounted);
    }

    #[test]
    fn lists_what_version_1_holds() {
        let check = cgroups(HYBRID, TABLE);
        assert_eq!(check.status, Status::Ok);
        assert!(
            check.detail.ends_with("v1 for cpu, cpuacct, name=systemd"),
            "{}",
            check.detail
        );
        assert!(cgroups(UNIFIED, "cpu\t0\t1\t1").detail.starts_with("v2 at"));
        assert_eq!(cgroups(LEGACY, "memory 4 1 1").status, Status::Info);
    }

    #[test]
    fn takes_back_octal_escapes() {
        assert_eq!(unescaped("/mnt/a\\040b\\134c"), "/mnt/a b\\c");
        assert_eq!(unescaped("\\\\04"), "\\\\04");
        assert_eq!(unescaped("é\\"), "é\\");
        assert_eq!(unescaped("\\é40"), "\\é40");
        assert_eq!(unescaped("\\777"), "\\777");
    }

    #[test]
    fn the_initial_pid_namespace_is_known_by_its_inode() {
        let check = |link: &str| pid_namespace(&Ok(link.to_owned()));
        assert_eq!(check("pid:[4026531836]").status, Status::Ok);
        let other = check("pid:[4026532281]");
        assert_eq!(other.status, Status::Warn);
        assert!(
            other
                .remedy
                .is_some_and(|remedy| remedy.contains("--pid=host"))
        );
        assert_eq!(check("pid:[x]").status, Status::Info);
        assert_eq!(check("net:[4026531836]").status, Status::Info);
    }

    #[test]
    fn finds_tracefs() {
        assert!(
            tracefs(UNIFIED)
                .detail
                .starts_with("at /sys/kernel/tracing")
        );
        assert!(tracefs(HYBRID).detail.starts_with("not mounted"));
    }
}
