//! What real programs have set when they are PID 1 and at rest. The actors of the
//! lessons set the same, and `tests/runtimes/inits.rs` holds it to the programs.

use tracer_common::signals::{self, SIGCHLD, SIGCONT, SIGQUIT, SIGTSTP, SIGTTIN, SIGTTOU, mask};

/// Signal sets (bit `signal - 1`), as `/proc/1/status` shows them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Masks {
    /// SigCgt
    pub caught: u64,
    /// SigIgn
    pub ignored: u64,
    /// SigBlk. What a process waits for in sigtimedwait(2) is not in it.
    pub blocked: u64,
    /// What it waits for there, SIGKILL and SIGSTOP left out; 0: it does not.
    pub awaited: u64,
}

/// A program that sets nothing.
pub const PLAIN: Masks = Masks {
    caught: 0,
    ignored: 0,
    blocked: 0,
    awaited: 0,
};

/// bash 5.2 that runs a script and waits for a command: SIGINT and SIGCHLD.
pub const BASH: Masks = Masks {
    caught: 0x1_0002,
    ignored: mask(SIGQUIT),
    blocked: mask(SIGCHLD),
    ..PLAIN
};

/// A Go program, as the articles about it print it. Go 1.19 has fffffffd7fc1feff:
/// which of 32 to 34 are the runtime's own depends on its version.
pub const GO: Masks = Masks {
    caught: 0xffff_fffe_7fc1_feff,
    ..PLAIN
};

/// The same after signal.Notify for every signal: SIGCONT, SIGTSTP, SIGTTIN and
/// SIGTTOU too.
pub const GO_NOTIFIED: Masks = Masks {
    caught: GO.caught | mask(SIGCONT) | mask(SIGTSTP) | mask(SIGTTIN) | mask(SIGTTOU),
    ..PLAIN
};

/// tini 0.19, which waits for all but faults, and what tells of a terminal.
pub const TINI: Masks = Masks {
    ignored: mask(SIGTTIN) | mask(SIGTTOU),
    awaited: 0xffff_fffe_3fcb_fa07,
    ..PLAIN
};

/// dumb-init 1.2: a handler that does nothing, for every standard signal, and it
/// waits for all.
pub const DUMB_INIT: Masks = Masks {
    caught: 0x7ffb_feff,
    awaited: 0xffff_fffe_7ffb_feff,
    ..PLAIN
};

/// catatonit 0.1, which reads them from a signalfd: all but faults.
pub const CATATONIT: Masks = Masks {
    blocked: 0xffff_fffe_3ffb_fa07,
    ..PLAIN
};

/// Signals that C libraries and Go keep for themselves, each its own choice.
pub const OF_THE_RUNTIME: u64 = mask(32) | mask(33) | mask(34);

impl Masks {
    /// Without what no program chooses, and what each library chooses.
    #[must_use]
    pub fn comparable(self) -> Self {
        let chosen = !(OF_THE_RUNTIME | signals::KERNEL_ONLY);
        Self {
            caught: self.caught & chosen,
            ignored: self.ignored & chosen,
            blocked: self.blocked & chosen,
            awaited: self.awaited & chosen,
        }
    }
}
