//! What `/proc` tells about a process that leads to its container.
//!
//! Every number is read from the `/proc` of a [`Root`], so from the PID
//! namespace that this one shows. A process may end between two reads: `None`
//! then, and [`is_still`] tells a process from its successor.

use super::Root;

/// Clock ticks per second of everything in `/proc` (`USER_HZ`, which is 100 on
/// every architecture that sigwhy runs on).
const USER_HZ: u64 = 100;

/// A process by its number and its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ProcessId {
    pub pid: u32,
    /// CLOCK_BOOTTIME in nanoseconds; 0 where it is not known, which then
    /// matches any.
    pub start_ns: u64,
}

/// Fields of `/proc/PID/stat`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stat {
    pub comm: String,
    pub ppid: u32,
    /// Nothing of it runs any more. (A leader whose threads live on is a zombie
    /// as well.)
    pub is_dead: bool,
    /// In clock ticks after boot.
    pub start_ticks: u64,
}

/// A start in nanoseconds, in the ticks that `/proc` has.
pub fn ticks(start_ns: u64) -> u64 {
    start_ns / (1_000_000_000 / USER_HZ)
}

/// The beginning of a tick.
pub fn nanoseconds(ticks: u64) -> u64 {
    ticks.saturating_mul(1_000_000_000 / USER_HZ)
}

pub fn stat(root: &Root, pid: u32) -> Option<Stat> {
    parse_stat(&root.text(format!("/proc/{pid}/stat"))?)
}

fn parse_stat(text: &str) -> Option<Stat> {
    // comm may hold anything, parentheses and spaces included; the last `)` ends it.
    let (head, tail) = text.rsplit_once(')')?;
    let comm = head.split_once('(')?.1.to_owned();
    // Field 3 of proc_pid_stat(5) is the first of `fields`.
    let fields: Vec<&str> = tail.split_ascii_whitespace().collect();
    let field = |number: usize| fields.get(number - 3).copied();
    let threads: u32 = field(20)?.parse().ok()?;
    Some(Stat {
        comm,
        ppid: field(4)?.parse().ok()?,
        is_dead: matches!(field(3)?, "Z" | "X") && threads <= 1,
        start_ticks: field(22)?.parse().ok()?,
    })
}

/// Whether the process of that number is still the same one.
pub fn is_still(root: &Root, id: ProcessId) -> bool {
    stat(root, id.pid)
        .is_some_and(|stat| id.start_ns == 0 || ticks(id.start_ns) == stat.start_ticks)
}

/// Its command line; empty for a kernel thread and for a zombie.
pub fn args(root: &Root, pid: u32) -> Vec<String> {
    let Some(text) = root.text(format!("/proc/{pid}/cmdline")) else {
        return Vec::new();
    };
    let text = text.strip_suffix('\0').unwrap_or(&text);
    if text.is_empty() {
        return Vec::new();
    }
    text.split('\0').map(str::to_owned).collect()
}

/// The user that it runs as (the effective one), in the reader's user namespace.
pub fn uid(root: &Root, pid: u32) -> Option<u32> {
    let status = root.text(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    line.split_ascii_whitespace().nth(1)?.parse().ok()
}

/// The inode of its PID namespace.
pub fn pid_ns(root: &Root, pid: u32) -> Option<u32> {
    let link = root.link(format!("/proc/{pid}/ns/pid"))?;
    link.strip_prefix("pid:[")?.strip_suffix(']')?.parse().ok()
}

/// Its numbers in each PID namespace from the reader's own to its innermost.
pub fn ns_pids(root: &Root, pid: u32) -> Option<Vec<u32>> {
    let status = root.text(format!("/proc/{pid}/status"))?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("NSpid:"))?;
    line.split_ascii_whitespace()
        .map(|number| number.parse().ok())
        .collect()
}

/// The inode of the PID namespace that this `/proc` shows: the host's, for all
/// that is asked here. Not that of PID 1, which may not be looked at everywhere.
pub fn host_ns(root: &Root) -> Option<u32> {
    let is_own = |pid: &u32| ns_pids(root, *pid).is_some_and(|numbers| numbers.len() == 1);
    all(root)
        .into_iter()
        .filter(is_own)
        .find_map(|pid| pid_ns(root, pid))
}

/// Every process, in no order.
pub fn all(root: &Root) -> Vec<u32> {
    // More than any pid_max.
    root.names("/proc", 5 << 20)
        .iter()
        .filter_map(|name| name.parse().ok())
        .collect()
}

/// The two paths of `/proc/PID/cgroup` that can name a container.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cgroups {
    pub v2: Option<String>,
    /// In the hierarchy of the controller that the kernel side reads.
    pub v1: Option<String>,
    /// In systemd's own hierarchy, where nothing else is (nspawn).
    pub systemd: Option<String>,
}

/// `controller`: see [`crate::kernel::cgroup::v1_controller`].
pub fn cgroups(root: &Root, pid: u32, controller: Option<&str>) -> Option<Cgroups> {
    Some(parse_cgroups(
        &root.text(format!("/proc/{pid}/cgroup"))?,
        controller,
    ))
}

fn parse_cgroups(text: &str, controller: Option<&str>) -> Cgroups {
    let mut cgroups = Cgroups::default();
    for line in text.lines() {
        // A path may hold colons, the two fields before it do not.
        let mut fields = line.splitn(3, ':');
        let (Some(hierarchy), Some(controllers), Some(path)) =
            (fields.next(), fields.next(), fields.next())
        else {
            continue;
        };
        let path = path.strip_suffix(" (deleted)").unwrap_or(path).to_owned();
        if hierarchy == "0" && controllers.is_empty() {
            cgroups.v2 = Some(path);
        } else if controllers == "name=systemd" {
            cgroups.systemd = Some(path);
        } else if controllers.split(',').any(|c| Some(c) == controller) {
            cgroups.v1 = Some(path);
        }
    }
    cgroups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_comm_and_the_fields_behind_it() {
        let text = "42 (a) Z 1 (b) S 7 8 9 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 3 0 123456 10 20\n";
        assert_eq!(
            parse_stat(text),
            Some(Stat {
                comm: "a) Z 1 (b".to_owned(),
                ppid: 7,
                is_dead: false,
                start_ticks: 123_456
            })
        );
        let is_dead = |text: &str| parse_stat(text).is_some_and(|stat| stat.is_dead);
        let of = |state, threads| {
            format!("1 (x) {state} 1 7 8 9 0 -1 1 2 3 4 5 6 7 8 20 0 {threads} 0 5 0\n")
        };
        assert!(is_dead(&of("Z", 1)) && !is_dead(&of("Z", 2)) && !is_dead(&of("S", 1)));
        assert_eq!(parse_stat("42 (x"), None);
        assert_eq!(parse_stat("42 (x) S 1 2"), None);
    }

    #[test]
    fn a_process_is_told_from_its_successor() {
        let root = Root::default();
        let pid = std::process::id();
        let start = stat(&root, pid).expect("this process").start_ticks;
        let id = |start_ns| ProcessId { pid, start_ns };
        assert!(is_still(&root, id(start * 10_000_000 + 9_999_999)));
        assert!(is_still(&root, id(0)));
        assert!(!is_still(&root, id(start * 10_000_000 + 10_000_000)));
        assert_eq!(uid(&root, pid), Some(nix::unistd::geteuid().as_raw()));
        assert!(pid_ns(&root, pid).is_some() && !args(&root, pid).is_empty());
        assert!(ns_pids(&root, pid).is_some_and(|pids| pids[0] == pid));
        assert!(all(&root).contains(&pid));
        assert!(host_ns(&root).is_some());
    }

    #[test]
    fn paths_of_every_layout() {
        let hybrid = "9:name=systemd:/a\n8:pids:/docker/x:y\n2:cpu,cpuacct:/c\n0::/d (deleted)\n";
        let read = parse_cgroups(hybrid, Some("pids"));
        assert_eq!(read.v1.as_deref(), Some("/docker/x:y"));
        assert_eq!(read.v2.as_deref(), Some("/d"));
        assert_eq!(read.systemd.as_deref(), Some("/a"));
        let read = parse_cgroups(hybrid, Some("cpuacct"));
        assert_eq!(read.v1.as_deref(), Some("/c"));
        assert_eq!(parse_cgroups("0::/\n", None).v2.as_deref(), Some("/"));
        assert_eq!(parse_cgroups("nonsense\n::\n", None), Cgroups::default());
    }
}
