//! What the arena and a specimen say to each other: one JSON object per message
//! on a `SOCK_SEQPACKET` socket.
//!
//! Every order gets exactly one answer with the same sequence number; what
//! happens later (a `sigwait` that returned) comes as [`Said::Event`]. Pids in
//! here are as the *specimen* sees them.

use serde::{Deserialize, Serialize};

mod order;

pub use order::{Birth, Disposition, Group, Order, Place, TracePolicy};

/// The longest message either side sends, in bytes.
pub const MESSAGE_MAX: usize = 16 * 1024;

/// How an order went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    Done,
    Number(i64),
    Numbers(Vec<i32>),
    Text(String),
    Status(Status),
    Report(Report),
    /// A system call failed.
    Refused {
        errno: i32,
        call: String,
    },
    /// The specimen would not: the order is not safe, or makes no sense here.
    Unfit(String),
}

/// A wait status, not reaped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    Alive,
    Exited(i32),
    Signaled {
        signal: i32,
        core: bool,
    },
    Stopped(i32),
    /// No such child: reaped, or never one.
    Gone,
}

impl Status {
    /// From `si_code` and `si_status` of waitid(2).
    pub fn from_siginfo(code: i32, status: i32) -> Self {
        match code {
            libc::CLD_EXITED => Self::Exited(status),
            libc::CLD_KILLED => Self::Signaled {
                signal: status,
                core: false,
            },
            libc::CLD_DUMPED => Self::Signaled {
                signal: status,
                core: true,
            },
            libc::CLD_STOPPED | libc::CLD_TRAPPED => Self::Stopped(status & 0xff),
            _ => Self::Alive,
        }
    }

    /// From a wait status, as `/proc/PID/stat` has it of a zombie.
    pub fn from_wait(status: i32) -> Self {
        if libc::WIFSIGNALED(status) {
            Self::Signaled {
                signal: libc::WTERMSIG(status),
                core: libc::WCOREDUMP(status),
            }
        } else {
            Self::Exited(libc::WEXITSTATUS(status))
        }
    }

    /// Whether it names a process that will not run again.
    pub fn is_dead(self) -> bool {
        matches!(self, Self::Exited(_) | Self::Signaled { .. } | Self::Gone)
    }
}

/// What a specimen knows of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    pub pid: i32,
    pub tid: i32,
    pub ppid: i32,
    pub pgrp: i32,
    pub sid: i32,
    pub uid: u32,
    /// Signals that a handler got.
    pub caught: Vec<Caught>,
}

/// One signal's handler calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caught {
    pub signal: i32,
    pub count: u64,
    /// Of the last call.
    pub si_code: i32,
    /// Of the last call.
    pub si_pid: i32,
}

/// Arena to specimen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    pub seq: u64,
    pub order: Order,
}

/// Specimen to arena.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Said {
    /// The first message, and again after an [`Order::Exec`].
    Hello {
        id: u64,
        pid: i32,
    },
    Answer {
        seq: u64,
        answer: Answer,
    },
    Event(Event),
}

/// What came of an order that had been answered before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// The end of a `SigWait` or `SignalFd`; 0 if no signal came in time.
    Signal(i32),
}

/// The mask with these signals in it (bit `signal - 1`); numbers outside 1..=64
/// are left out.
pub fn mask_of(signals: &[i32]) -> u64 {
    signals
        .iter()
        .filter(|s| (1..=64).contains(*s))
        .fold(0, |mask, s| mask | 1 << (s - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_survive_the_wire() {
        let orders = [
            Order::Ping,
            Order::Spawn(Birth {
                id: 7,
                place: Place::NamespaceOf { host_pid: 42 },
                group: Group::New,
                comm: "init.sh".into(),
            }),
            Order::Queue {
                pid: 1,
                tid: None,
                signal: 9,
                code: -2,
            },
            Order::Mask { mask: u64::MAX },
        ];
        for (seq, order) in (0..).zip(orders) {
            let told = Told { seq, order };
            let text = serde_json::to_string(&told).expect("serializes");
            assert!(!text.contains('\n'));
            assert_eq!(
                serde_json::from_str::<Told>(&text).expect("parses"),
                told,
                "{text}"
            );
        }
    }

    #[test]
    fn masks_count_from_one() {
        assert_eq!(mask_of(&[1]), 1);
        assert_eq!(mask_of(&[64, 9]), 1 << 63 | 1 << 8);
        assert_eq!(mask_of(&[0, 65, -3]), 0);
    }
}
