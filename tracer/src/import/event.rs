//! One event of a text: what the tracepoints say, and nothing else.

use crate::record::{Comm, Timestamp};

/// The number of no process: of the idle task, which an interrupt may hit, and of a
/// thread that the tracer had no number for.
pub const NOBODY: u32 = 0;

/// An event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// By the tracer's clock, in nanoseconds.
    pub ns: u64,
    /// The thread that ran.
    pub tid: u32,
    /// Its process, where the text has both.
    pub pid: Option<u32>,
    pub comm: Option<Comm>,
    pub what: What,
}

/// Which tracepoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// signal:signal_generate
    Generate {
        sig: u32,
        code: i32,
        comm: Comm,
        /// The thread that was to get it.
        target: u32,
        group: bool,
        /// `TRACE_SIGNAL_*`
        result: u32,
    },
    /// signal:signal_deliver
    Deliver { sig: u32, code: i32, handler: u64 },
    /// sched:sched_process_exit
    Exit,
    /// sched:sched_process_fork
    Fork { child: u32 },
}

/// What a line is.
#[derive(Debug, PartialEq, Eq)]
pub enum Line {
    Event(Event),
    /// Events were lost.
    Lost(u64),
    /// When the clock was 0.
    Boot(Timestamp),
    /// An event whose end is missing.
    Cut,
    /// An event that cannot be read.
    Bad,
    /// Neither.
    Other,
}

/// A name as the text has it.
pub fn comm(bytes: &[u8]) -> Comm {
    let mut name = [0; 16];
    let end = bytes.len().min(15);
    name[..end].copy_from_slice(&bytes[..end]);
    Comm::new(name)
}

/// A number, all of it.
pub fn number<T: std::str::FromStr>(bytes: &[u8]) -> Option<T> {
    std::str::from_utf8(bytes).ok()?.parse().ok()
}

/// Signals have numbers from 1 to 64.
pub fn signal(number: u32) -> Option<u32> {
    (1..=64).contains(&number).then_some(number)
}
