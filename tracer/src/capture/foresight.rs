//! SIGKILLs that the OOM killer may have sent.
//!
//! `__oom_kill_process()` sends the signal first and names its victim
//! (`mark_oom_victim()`) after it. A processor may be taken from it in between,
//! by an interrupt or by a hypervisor, for longer than records are held
//! otherwise. So whatever comes with or after such a signal waits until the
//! victim is named, or until nobody is likely to name it any more.
//!
//! Not here: what is made of a victim ([`crate::assemble`]).

use tracer_common::facts::{SignalCore, info, kind};

use crate::{
    decide::situation::PF_EXITING,
    decode::{self, Fact},
};

/// How long the name of a victim is waited for, in ns. Kernels send SIGKILL in
/// their own name seldom, so this seldom delays anything.
const PATIENCE_NS: u64 = 200_000_000;

/// At most so many are waited for; without this, a flood would cost time.
const WAITING: usize = 64;

/// SIGKILLs by the kernel itself whose victims nobody has named yet.
#[derive(Debug, Default)]
pub struct Foresight {
    /// Time and host pid, in no order.
    unnamed: Vec<(u64, u32)>,
}

impl Foresight {
    /// Looks at a record before its turn. `Some` for what the assembler should
    /// know at once. All but a few records cost three comparisons.
    pub fn peek(&mut self, bytes: &[u8]) -> Option<Fact> {
        let kind_of = u16::from_le_bytes([*bytes.get(8)?, *bytes.get(9)?]);
        match kind_of {
            kind::OOM => match decode::decode(bytes).ok()? {
                Fact::Oom(oom) => {
                    self.unnamed.retain(|(_, tgid)| *tgid != oom.tgid);
                    Some(Fact::Oom(oom))
                }
                _ => None,
            },
            kind::SIGNAL | kind::SIGNAL_FULL => {
                let at = std::mem::offset_of!(SignalCore, sig);
                if *bytes.get(at)? != libc::SIGKILL as u8 || self.unnamed.len() >= WAITING {
                    return None;
                }
                let core = match decode::decode(bytes).ok()? {
                    Fact::Signal(core) => core,
                    Fact::SignalFull(full) => full.core,
                    _ => return None,
                };
                if may_be_oom(&core) {
                    self.unnamed.push((core.header.ts, core.target.tgid));
                }
                None
            }
            _ => None,
        }
    }

    /// The time before which nothing is waited for; `now` in ns since boot.
    pub fn watermark(&mut self, now: u64) -> Option<u64> {
        self.unnamed
            .retain(|(ts, _)| now.saturating_sub(*ts) < PATIENCE_NS);
        let first = self.unnamed.iter().map(|(ts, _)| *ts).min()?;
        Some(first.saturating_sub(1))
    }
}

/// `do_send_sig_info(SIGKILL, SEND_SIG_PRIV, victim, PIDTYPE_TGID)`, from a task
/// that allocates. An exiting one is a PID namespace's init at its zap.
fn may_be_oom(core: &SignalCore) -> bool {
    core.info == info::PRIV && core.group == 1 && core.sender.flags & PF_EXITING == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::tests::bytes_of;
    use tracer_common::facts::{Header, Oom};

    const AT: u64 = 5_000_000_000;

    fn kill(tgid: u32, change: impl FnOnce(&mut SignalCore)) -> Vec<u8> {
        let mut core = SignalCore {
            header: Header {
                ts: AT,
                kind: kind::SIGNAL,
                len: size_of::<SignalCore>() as u16,
                cpu: 0,
            },
            sig: libc::SIGKILL as u8,
            info: info::PRIV,
            group: 1,
            ..SignalCore::default()
        };
        core.target.tgid = tgid;
        change(&mut core);
        bytes_of(&core)
    }

    fn named(tgid: u32) -> Vec<u8> {
        bytes_of(&Oom {
            header: Header {
                ts: AT + 1,
                kind: kind::OOM,
                len: size_of::<Oom>() as u16,
                cpu: 0,
            },
            tgid,
            _pad: 0,
        })
    }

    #[test]
    fn a_kill_by_the_kernel_waits_for_its_victims_name() {
        let mut ahead = Foresight::default();
        assert_eq!(ahead.peek(&kill(7, |_| ())), None);
        assert_eq!(ahead.watermark(AT + 3_000_000), Some(AT - 1));
        assert!(ahead.peek(&named(8)).is_some());
        assert_eq!(ahead.watermark(AT + 3_000_000), Some(AT - 1));
        assert!(matches!(ahead.peek(&named(7)), Some(Fact::Oom(oom)) if oom.tgid == 7));
        assert_eq!(ahead.watermark(AT + 3_000_000), None);
    }

    #[test]
    fn it_does_not_wait_for_ever() {
        let mut ahead = Foresight::default();
        ahead.peek(&kill(7, |_| ()));
        assert!(ahead.watermark(AT + PATIENCE_NS - 1).is_some());
        assert_eq!(ahead.watermark(AT + PATIENCE_NS), None);
    }

    #[test]
    fn what_cannot_be_the_oom_killer_waits_for_nothing() {
        let others: [fn(&mut SignalCore); 4] = [
            |core| core.sig = libc::SIGTERM as u8,
            |core| core.info = info::POINTER,
            |core| core.group = 0,
            |core| core.sender.flags = PF_EXITING,
        ];
        for change in others {
            let mut ahead = Foresight::default();
            ahead.peek(&kill(7, change));
            assert_eq!(ahead.watermark(AT), None);
        }
    }

    #[test]
    fn broken_and_countless_records_do_no_harm() {
        let mut ahead = Foresight::default();
        let whole = kill(7, |_| ());
        for len in 0..whole.len() {
            assert_eq!(ahead.peek(&whole[..len]), None);
        }
        assert_eq!(ahead.watermark(AT), None);
        for tgid in 0..2 * WAITING as u32 {
            ahead.peek(&kill(tgid, |_| ()));
        }
        assert_eq!(ahead.unnamed.len(), WAITING);
    }
}
