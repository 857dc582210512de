//! What `/proc` says of a process that the arena made.
//!
//! Not a general procfs reader: only the fields that tell a process from the
//! next one with its number, and a live one from a dead one.

use std::fs;

use anyhow::{Context as _, anyhow};

/// The inode of the machine's first PID namespace (`PROC_PID_INIT_INO`,
/// include/linux/proc_ns.h).
pub const INITIAL_PID_NS: u64 = 0xEFFF_FFFC;

/// Fields of `/proc/PID/stat`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stat {
    pub comm: String,
    /// `R`, `S`, `D`, `Z`, `T`, `t`, `X`, `I`.
    pub state: char,
    pub ppid: i32,
    pub pgrp: i32,
    pub threads: u32,
    /// Start of the process in clock ticks after boot.
    pub start_ticks: u64,
    /// A wait status; nonsense while the process lives.
    pub exit_code: i32,
}

impl Stat {
    /// Whether nothing of it runs any more. The leader of a group whose other
    /// threads live on is a zombie too, but that process is not dead.
    pub fn is_dead(&self) -> bool {
        matches!(self.state, 'Z' | 'X') && self.threads <= 1
    }

    pub fn is_stopped(&self) -> bool {
        matches!(self.state, 'T' | 't')
    }
}

/// Reads `/proc/PID/stat`. `None` if there is no such process.
pub fn stat(pid: i32) -> Option<Stat> {
    stat_of(&pid.to_string())
}

/// The same by name: a pid, `self`, `self/task/TID`.
pub fn stat_of(who: &str) -> Option<Stat> {
    parse_stat(&fs::read_to_string(format!("/proc/{who}/stat")).ok()?)
}

fn parse_stat(text: &str) -> Option<Stat> {
    // comm may hold anything, parentheses and spaces included; the last `)` ends it.
    let (head, tail) = text.rsplit_once(')')?;
    let comm = head.split_once('(')?.1.to_owned();
    // Field 3 of proc_pid_stat(5) is the first of `fields`.
    let fields: Vec<&str> = tail.split_ascii_whitespace().collect();
    let field = |number: usize| fields.get(number - 3).copied();
    Some(Stat {
        comm,
        state: field(3)?.chars().next()?,
        ppid: field(4)?.parse().ok()?,
        pgrp: field(5)?.parse().ok()?,
        threads: field(20)?.parse().ok()?,
        start_ticks: field(22)?.parse().ok()?,
        exit_code: field(52)?.parse().ok()?,
    })
}

/// The signal sets of `/proc/PID/status`, each with bit `signal - 1`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SignalSets {
    /// Pending for the main thread.
    pub pending: u64,
    /// Pending for the whole process.
    pub shared_pending: u64,
    /// Blocked by the main thread.
    pub blocked: u64,
    pub ignored: u64,
    pub caught: u64,
}

/// Reads the signal sets of a process.
pub fn signal_sets(pid: i32) -> anyhow::Result<SignalSets> {
    let path = format!("/proc/{pid}/status");
    let text = fs::read_to_string(&path).with_context(|| format!("reading {path}"))?;
    parse_signal_sets(&text).ok_or_else(|| anyhow!("{path} has no signal sets"))
}

fn parse_signal_sets(text: &str) -> Option<SignalSets> {
    let set = |key: &str| {
        let line = text.lines().find(|line| line.starts_with(key))?;
        u64::from_str_radix(line.get(key.len()..)?.trim(), 16).ok()
    };
    Some(SignalSets {
        pending: set("SigPnd:")?,
        shared_pending: set("ShdPnd:")?,
        blocked: set("SigBlk:")?,
        ignored: set("SigIgn:")?,
        caught: set("SigCgt:")?,
    })
}

/// The inode of a process's PID namespace; `who` is a pid or `self`.
pub fn pid_ns(who: &str) -> anyhow::Result<u64> {
    let path = format!("/proc/{who}/ns/pid");
    let link = fs::read_link(&path).with_context(|| format!("reading {path}"))?;
    link.to_str()
        .and_then(|text| text.strip_prefix("pid:[")?.strip_suffix(']')?.parse().ok())
        .ok_or_else(|| anyhow!("{path} reads {link:?}, not pid:[INODE]"))
}

/// The threads of a process, as the reader's `/proc` numbers them.
pub fn threads(pid: i32) -> Vec<i32> {
    let Ok(entries) = fs::read_dir(format!("/proc/{pid}/task")) else {
        return Vec::new();
    };
    let mut tids: Vec<i32> = entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect();
    tids.sort_unstable();
    tids
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stat_of_a_hostile_comm() {
        let text = "42 (a) Z 1 (b) S 7 8 9 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 3 0 123456 \
                    10 20 30 40 50 60 70 80 0 0 0 0 0 0 0 17 1 0 0 0 0 0 1 2 3 4 5 6 7 15\n";
        let stat = parse_stat(text).expect("parses");
        assert_eq!(stat.comm, "a) Z 1 (b");
        assert_eq!((stat.state, stat.ppid, stat.pgrp), ('S', 7, 8));
        assert_eq!((stat.threads, stat.start_ticks), (3, 123_456));
        assert_eq!(stat.exit_code, 15);
        assert_eq!(parse_stat("42 (x"), None);
        assert_eq!(parse_stat("42 (x) S 1"), None);
    }

    #[test]
    fn reads_itself() {
        let me = std::process::id() as i32;
        let stat = stat(me).expect("this process");
        assert!(!stat.is_dead() && stat.start_ticks > 0);
        assert!(threads(me).contains(&me));
        assert!(pid_ns("self").is_ok_and(|inode| inode > 0));
        assert!(signal_sets(me).is_ok());
    }

    #[test]
    fn parses_signal_sets() {
        let text = "Name:\tx\nSigPnd:\t0000000000000001\nShdPnd:\t0000000000004000\n\
                    SigBlk:\t0000000000004000\nSigIgn:\t0000000000001000\nSigCgt:\t0\n";
        let sets = parse_signal_sets(text).expect("parses");
        assert_eq!(sets.shared_pending, 1 << 14);
        assert_eq!(sets.ignored, 1 << 12);
        assert_eq!(parse_signal_sets("SigPnd: zz"), None);
    }
}
