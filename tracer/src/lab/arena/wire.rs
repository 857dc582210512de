//! What the arena and a specimen say to each other: one JSON object per message
//! on a `SOCK_SEQPACKET` socket.
//!
//! Every order gets exactly one answer with the same sequence number; what
//! happens later (a `sigwait` that returned) comes as [`Said::Event`]. Pids in
//! here are as the *specimen* sees them, unless a field says `host`.

use serde::{Deserialize, Serialize};

/// The longest message either side sends, in bytes.
pub const MESSAGE_MAX: usize = 16 * 1024;

/// What to do with a signal, as sigaction(2) has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Disposition {
    /// SIG_DFL.
    Default,
    /// SIG_IGN.
    Ignore,
    /// A function that counts its calls.
    Handler,
    /// The same, with SA_RESETHAND: the second signal meets SIG_DFL.
    HandlerOnce,
    /// A function that counts, restores SIG_DFL and raises the signal again
    /// from inside itself, as Node.js and many shutdown hooks do.
    Reraise,
    /// SIG_DFL with SA_NOCLDWAIT: children reap themselves (SIGCHLD only).
    NoChildWait,
}

/// Which PID namespace a new specimen lives in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// That of its parent (or where the parent's own unshare put its children).
    Same,
    /// A new one, below its parent's; it is PID 1 there.
    NewNamespace,
    /// That of another process, as setns(2) does: the parent stays outside.
    NamespaceOf {
        /// As the arena's `/proc` numbers it.
        host_pid: i32,
    },
}

/// How a new specimen stands to process groups and sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Group {
    /// That of its parent.
    Inherit,
    /// A new process group, which it leads.
    New,
}

/// An order to make another specimen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Birth {
    pub id: u64,
    pub place: Place,
    pub group: Group,
    /// Its `comm`, at most 15 bytes.
    pub comm: String,
}

/// What a tracer made by [`Order::Trace`] does at a signal-delivery stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TracePolicy {
    /// Hands the signal to the tracee.
    Reinject,
    /// Keeps it from the tracee.
    Swallow,
    /// Never waits for the tracee at all: its stops and its death stay unseen.
    Neglect,
}

/// What a specimen can be told to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "do")]
pub enum Order {
    /// Answers; proves that the main thread has been through user space.
    Ping,
    /// Answers [`Answer::Report`].
    Query,
    Dispose {
        signal: i32,
        to: Disposition,
    },
    /// Sets the main thread's mask (bit `signal - 1`).
    Mask {
        mask: u64,
    },
    /// Starts idle threads that run with `mask`; answers [`Answer::Numbers`],
    /// their tids.
    Threads {
        count: u32,
        mask: u64,
    },
    /// Ends every thread that [`Order::Threads`] started.
    EndThreads,
    /// Answers [`Answer::Number`]: the child's pid.
    Spawn(Birth),
    /// kill(2); 0, -1 and -pgrp as there. -1 is refused in the arena's own
    /// PID namespace.
    Kill {
        pid: i32,
        signal: i32,
    },
    TgKill {
        tgid: i32,
        tid: i32,
        signal: i32,
    },
    /// rt_sigqueueinfo(2), or rt_tgsigqueueinfo(2) if there is a `tid`, with a
    /// free `si_code`.
    Queue {
        pid: i32,
        tid: Option<i32>,
        signal: i32,
        code: i32,
    },
    /// pidfd_open(2) and pidfd_send_signal(2).
    PidfdSend {
        pid: i32,
        signal: i32,
    },
    /// The same through `/proc/HOST_PID`, which reaches a process that has no
    /// pid in the sender's namespace.
    PidfdSendForeign {
        host_pid: i32,
        signal: i32,
    },
    /// Answers at once, then waits at most `millis` for a signal out of `mask`
    /// and says [`Event::Signal`] (0: none came). Blocks `mask` itself and
    /// leaves it blocked.
    SigWait {
        mask: u64,
        millis: u64,
    },
    /// The same with a signalfd(2).
    SignalFd {
        mask: u64,
        millis: u64,
    },
    /// Writes to an address that no process has mapped.
    Fault,
    /// abort(3).
    Abort,
    /// raise(3).
    Raise {
        signal: i32,
    },
    /// Writes into a pipe that nobody reads.
    BrokenPipe,
    /// setitimer(ITIMER_REAL).
    Alarm {
        millis: u64,
    },
    /// timer_create(2) with this signal.
    Timer {
        signal: i32,
        millis: u64,
    },
    /// RLIMIT_SIGPENDING, soft and hard.
    LimitPending {
        count: u64,
    },
    /// RLIMIT_CPU in seconds, then a busy loop (of at most 10 s).
    BurnCpu {
        soft: u64,
        hard: u64,
    },
    /// PR_SET_PDEATHSIG.
    ParentDeath {
        signal: i32,
    },
    /// PR_SET_CHILD_SUBREAPER.
    Subreaper,
    /// Makes getppid(2) a capital crime by seccomp, and commits it.
    SeccompKill,
    /// reboot(2); refused unless the specimen lives in a PID namespace made by
    /// an arena.
    Reboot {
        power_off: bool,
    },
    /// Traces `pid` from a thread of its own until it is gone or untraced.
    Trace {
        pid: i32,
        attach: bool,
        exit_kill: bool,
        policy: TracePolicy,
    },
    /// Detaches from a `pid` traced before.
    Untrace {
        pid: i32,
    },
    /// waitid(2) without reaping: answers [`Answer::Status`]. Of a process that
    /// is dead, kernels before 5.17 give the main thread's end and not the
    /// process's: they differ where that thread went first, and after a
    /// reboot(2) inside a PID namespace.
    Status {
        pid: i32,
    },
    /// Reaps a dead child, waiting for it at most `millis`; answers
    /// [`Answer::Status`].
    Reap {
        pid: i32,
        millis: u64,
    },
    SetPgid {
        pid: i32,
        pgid: i32,
    },
    SetSid,
    /// setuid(2), and setgid(2) to the same number first.
    SetUid {
        uid: u32,
    },
    /// unshare(2) of the user and PID namespaces by the main thread, and a
    /// one-line map of its own uid to root. Later children land in there.
    UnshareUser,
    /// Opens a pty master and keeps it; answers [`Answer::Text`]: the slave.
    PtyMake,
    /// Opens a terminal, which becomes the controlling one of a session leader.
    PtyOpen {
        path: String,
    },
    PtyWrite {
        bytes: Vec<u8>,
    },
    PtyClose,
    /// Writes into an existing file (cgroup.kill, say).
    Write {
        path: String,
        text: String,
    },
    /// execve(2) of itself: same pid, same socket, then hello again.
    Exec {
        comm: String,
    },
    /// Hands the socket to a new thread and ends the main one.
    LeaderExit,
    /// exit_group(2).
    Exit {
        code: i32,
    },
}

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
