//! Who takes a signal that the main thread of a process blocks: another thread,
//! which handles it or waits for it, or a signalfd.

use schemars::JsonSchema;
use serde::Serialize;
use tracer_common::signals::contains;

use super::status::Status;
use crate::container::Root;

/// Descriptors and threads that are looked at.
const MOST: usize = 1024;

/// What takes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Taker {
    /// A thread that does not block it, or waits for it in sigwait.
    Thread,
    Signalfd,
}

/// What takes the signal; `None` where nothing does, or where it may not be
/// looked at.
pub fn of(root: &Root, pid: u32, signal: u32) -> Option<Taker> {
    let threads = root.names(format!("/proc/{pid}/task"), MOST);
    let takes = |tid: &String| {
        let status = root.text(format!("/proc/{pid}/task/{tid}/status"));
        let status = status.and_then(|text| Status::parse(&text));
        status.is_some_and(|status| {
            !contains(status.blocked, signal) && !matches!(status.state, 'Z' | 'X')
        })
    };
    if threads.iter().any(takes) {
        return Some(Taker::Thread);
    }
    let reads = |fd: &String| {
        let info = root.text(format!("/proc/{pid}/fdinfo/{fd}"));
        info.and_then(|text| sigmask(&text))
            .is_some_and(|mask| contains(mask, signal))
    };
    let descriptors = root.names(format!("/proc/{pid}/fdinfo"), MOST);
    descriptors.iter().any(reads).then_some(Taker::Signalfd)
}

/// What a signalfd reads; other descriptors have no such line.
fn sigmask(fdinfo: &str) -> Option<u64> {
    let line = fdinfo
        .lines()
        .find_map(|line| line.strip_prefix("sigmask:"))?;
    u64::from_str_radix(line.trim(), 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::container::fixtures::Tree;

    const BLOCKS: &str = "State:\tS\nSigPnd:\t0\nSigBlk:\t4000\nSigIgn:\t0\nSigCgt:\t0\n";

    #[test]
    fn by_a_thread_by_a_descriptor_or_not() {
        let tree = Tree::new();
        tree.file("/proc/7/task/7/status", BLOCKS);
        assert_eq!(of(&tree.root(), 7, 15), None);
        tree.file("/proc/7/fdinfo/3", "pos:\t0\nflags:\t02\n");
        tree.file("/proc/7/fdinfo/4", "pos:\t0\nsigmask:\t0000000000004000\n");
        assert_eq!(of(&tree.root(), 7, 15), Some(Taker::Signalfd));
        assert_eq!(of(&tree.root(), 7, 3), Some(Taker::Thread));
        tree.file("/proc/7/task/8/status", &BLOCKS.replace("4000", "0"));
        assert_eq!(of(&tree.root(), 7, 15), Some(Taker::Thread));
        assert_eq!(of(&tree.root(), 8, 15), None);
    }
}
