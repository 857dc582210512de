//! The orders, and what they are made of.
//!
//! Pids in here are as the *specimen* sees them, unless a field says `host`.

use serde::{Deserialize, Serialize};

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
    /// The same this many times; then it detaches, and the signal goes nowhere.
    ReinjectTimes(u32),
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
    /// Answers [`Answer::Report`](super::Answer::Report).
    Query,
    Dispose {
        signal: i32,
        to: Disposition,
    },
    /// Sets the main thread's mask (bit `signal - 1`).
    Mask {
        mask: u64,
    },
    /// Starts idle threads that run with `mask`; answers [`Answer::Numbers`](super::Answer::Numbers),
    /// their tids.
    Threads {
        count: u32,
        mask: u64,
    },
    /// Ends every thread that [`Order::Threads`] started.
    EndThreads,
    /// Answers [`Answer::Number`](super::Answer::Number): the child's pid.
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
    /// and says [`Event::Signal`](super::Event::Signal) (0: none came). Blocks `mask` itself and
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
    /// Makes a pipe whose reader wants this signal (0: SIGIO, without siginfo)
    /// when there is something to read (F_SETSIG), and writes to it.
    ReadableDescriptor {
        signal: i32,
    },
    /// Writes past its RLIMIT_FSIZE into a file without a name.
    FileTooBig,
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
    /// Takes memory of its own, writes to all of it, and keeps it.
    Allocate {
        /// At most 256.
        mebibytes: usize,
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
    /// request_key(2) of a key that does not exist: the kernel runs
    /// `/sbin/request-key` and waits for its end, and no signal interrupts that.
    RequestKey {
        description: String,
    },
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
    /// waitid(2) without reaping: answers [`Answer::Status`](super::Answer::Status). Of a process that
    /// is dead, kernels before 5.17 give the main thread's end and not the
    /// process's: they differ where that thread went first, and after a
    /// reboot(2) inside a PID namespace.
    Status {
        pid: i32,
    },
    /// Reaps a dead child, waiting for it at most `millis`; answers
    /// [`Answer::Status`](super::Answer::Status).
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
    /// Opens a pty master and keeps it; answers [`Answer::Text`](super::Answer::Text): the slave.
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
