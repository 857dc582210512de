//! Bytes from a ring to facts.
//!
//! The kernel side writes plain structs ([`tracer_common::facts`]); this reads
//! them field by field, in the order in which they are declared, so that no
//! pointer is cast and bad bytes are an error, never a panic. It interprets
//! nothing.

use std::fmt;

use bytes::Buf;
use tracer_common::facts::{
    Ancestor, CGROUP_PATH_LEN, CgroupMkdir, CgroupRmdir, Cgroups, DeliverCore, DeliverFull, Exit,
    Header, Oom, PidLevels, Reaper, SignalCore, SignalFull, Task, Zap, kind,
};

#[cfg(test)]
pub(crate) mod tests;

/// One record from the kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    Signal(SignalCore),
    SignalFull(Box<SignalFull>),
    Deliver(DeliverCore),
    DeliverFull(Box<DeliverFull>),
    Exit(Box<Exit>),
    Zap(Box<Zap>),
    Oom(Oom),
    CgroupMkdir(Box<CgroupMkdir>),
    CgroupRmdir(CgroupRmdir),
}

impl Fact {
    /// The record's head.
    pub fn header(&self) -> &Header {
        match self {
            Self::Signal(record) => &record.header,
            Self::SignalFull(record) => &record.core.header,
            Self::Deliver(record) => &record.header,
            Self::DeliverFull(record) => &record.core.header,
            Self::Exit(record) => &record.header,
            Self::Zap(record) => &record.header,
            Self::Oom(record) => &record.header,
            Self::CgroupMkdir(record) => &record.header,
            Self::CgroupRmdir(record) => &record.header,
        }
    }
}

/// Why bytes are no record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecodeError {
    /// Fewer bytes than the record's kind has.
    Short { kind: u16, got: usize, want: usize },
    /// A kind that this version does not know.
    UnknownKind(u16),
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Short { kind, got, want } => write!(
                f,
                "a kernel record of kind {kind} has {got} bytes instead of {want}: the loader and the eBPF object do not belong together"
            ),
            Self::UnknownKind(kind) => write!(
                f,
                "a kernel record has the unknown kind {kind}: the loader and the eBPF object do not belong together"
            ),
        }
    }
}

impl std::error::Error for DecodeError {}

/// The time and the length that a record's head gives, without decoding it.
pub fn peek_time(bytes: &[u8]) -> Option<u64> {
    bytes.first_chunk::<8>().map(|ts| u64::from_le_bytes(*ts))
}

/// Decodes one record.
///
/// # Errors
/// When the bytes are too few, or of an unknown kind.
pub fn decode(mut bytes: &[u8]) -> Result<Fact, DecodeError> {
    let got = bytes.len();
    let short = |kind, want| {
        if got < want {
            Err(DecodeError::Short { kind, got, want })
        } else {
            Ok(())
        }
    };
    short(0, size_of::<Header>())?;
    let kind_of = u16::from_le_bytes([bytes[8], bytes[9]]);
    let b = &mut bytes;
    Ok(match kind_of {
        kind::SIGNAL => {
            short(kind_of, size_of::<SignalCore>())?;
            Fact::Signal(signal_core(b))
        }
        kind::SIGNAL_FULL => {
            short(kind_of, size_of::<SignalFull>())?;
            Fact::SignalFull(Box::new(SignalFull {
                core: signal_core(b),
                target_pid: levels(b),
                sender_pid: levels(b),
                target_cgroups: cgroups(b),
                sender_cgroups: cgroups(b),
                reaper: reaper(b),
                sender_nr: b.get_u32_le(),
                pdeath_signal: b.get_u32_le(),
                parent_nr: b.get_u32_le(),
                _pad: b.get_u32_le(),
                ancestors: [ancestor(b), ancestor(b), ancestor(b), ancestor(b)],
            }))
        }
        kind::DELIVER => {
            short(kind_of, size_of::<DeliverCore>())?;
            Fact::Deliver(deliver_core(b))
        }
        kind::DELIVER_FULL => {
            short(kind_of, size_of::<DeliverFull>())?;
            Fact::DeliverFull(Box::new(DeliverFull {
                core: deliver_core(b),
                target_pid: levels(b),
                target_cgroups: cgroups(b),
                reaper: reaper(b),
            }))
        }
        kind::EXIT => {
            short(kind_of, size_of::<Exit>())?;
            Fact::Exit(Box::new(Exit {
                header: header(b),
                task: task(b),
                exit_code: b.get_u32_le(),
                group_exit_code: b.get_u32_le(),
                signal_flags: b.get_u32_le(),
                _pad: b.get_u32_le(),
                pid: levels(b),
                cgroups: cgroups(b),
                reaper: reaper(b),
            }))
        }
        kind::ZAP => {
            short(kind_of, size_of::<Zap>())?;
            Fact::Zap(Box::new(Zap {
                header: header(b),
                phase: b.get_u32_le(),
                pid_allocated: b.get_u32_le(),
                init: task(b),
                pid: levels(b),
                cgroups: cgroups(b),
            }))
        }
        kind::OOM => {
            short(kind_of, size_of::<Oom>())?;
            Fact::Oom(Oom {
                header: header(b),
                tgid: b.get_u32_le(),
                _pad: b.get_u32_le(),
            })
        }
        kind::CGROUP_MKDIR => {
            short(kind_of, size_of::<CgroupMkdir>())?;
            let mut record = Box::new(CgroupMkdir {
                header: header(b),
                id: b.get_u64_le(),
                hierarchy: b.get_u32_le(),
                len: b.get_u32_le(),
                path: [0; CGROUP_PATH_LEN],
            });
            b.copy_to_slice(&mut record.path);
            Fact::CgroupMkdir(record)
        }
        kind::CGROUP_RMDIR => {
            short(kind_of, size_of::<CgroupRmdir>())?;
            Fact::CgroupRmdir(CgroupRmdir {
                header: header(b),
                id: b.get_u64_le(),
                hierarchy: b.get_u32_le(),
                _pad: b.get_u32_le(),
            })
        }
        other => return Err(DecodeError::UnknownKind(other)),
    })
}

fn header(b: &mut &[u8]) -> Header {
    Header {
        ts: b.get_u64_le(),
        kind: b.get_u16_le(),
        len: b.get_u16_le(),
        cpu: b.get_u32_le(),
    }
}

fn array<const N: usize>(b: &mut &[u8]) -> [u8; N] {
    let mut out = [0; N];
    b.copy_to_slice(&mut out);
    out
}

fn words<const N: usize>(b: &mut &[u8]) -> [u32; N] {
    std::array::from_fn(|_| b.get_u32_le())
}

fn task(b: &mut &[u8]) -> Task {
    Task {
        start: b.get_u64_le(),
        tgid: b.get_u32_le(),
        tid: b.get_u32_le(),
        uid: b.get_u32_le(),
        flags: b.get_u32_le(),
        comm: array(b),
    }
}

fn levels(b: &mut &[u8]) -> PidLevels {
    PidLevels {
        level: b.get_u32_le(),
        nr: b.get_u32_le(),
        inum: b.get_u32_le(),
        _pad: b.get_u32_le(),
        ns_id: b.get_u64_le(),
        nrs: words(b),
        inums: words(b),
    }
}

fn cgroups(b: &mut &[u8]) -> Cgroups {
    Cgroups {
        v2: b.get_u64_le(),
        v1: b.get_u64_le(),
    }
}

fn reaper(b: &mut &[u8]) -> Reaper {
    Reaper {
        start: b.get_u64_le(),
        tgid: b.get_u32_le(),
        _pad: b.get_u32_le(),
        comm: array(b),
    }
}

fn ancestor(b: &mut &[u8]) -> Ancestor {
    Ancestor {
        tgid: b.get_u32_le(),
        comm: array(b),
    }
}

fn signal_core(b: &mut &[u8]) -> SignalCore {
    SignalCore {
        header: header(b),
        code: b.get_i32_le(),
        sig: b.get_u8(),
        result: b.get_u8(),
        info: b.get_u8(),
        group: b.get_u8(),
        target: task(b),
        sender: task(b),
        signal_flags: b.get_u32_le(),
        group_exit_code: b.get_u32_le(),
        exit_state: b.get_u16_le(),
        bits: b.get_u16_le(),
        handler: b.get_u8(),
        sigterm_handler: b.get_u8(),
        live: b.get_u16_le(),
        jobctl: b.get_u32_le(),
        state: b.get_u32_le(),
    }
}

fn deliver_core(b: &mut &[u8]) -> DeliverCore {
    DeliverCore {
        header: header(b),
        code: b.get_i32_le(),
        sig: b.get_u8(),
        info: b.get_u8(),
        handler: b.get_u8(),
        _pad: b.get_u8(),
        target: task(b),
        signal_flags: b.get_u32_le(),
        group_exit_code: b.get_u32_le(),
        exit_state: b.get_u16_le(),
        bits: b.get_u16_le(),
        live: b.get_u16_le(),
        _pad2: b.get_u16_le(),
    }
}
