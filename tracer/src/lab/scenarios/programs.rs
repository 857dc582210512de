//! What real programs have set when they are PID 1, as `/proc/1/status` showed it
//! (bit `signal - 1`). The actors of the scenarios set the same.

/// SigCgt of bash 5.2 that runs a script, and of dash: SIGINT and SIGCHLD.
pub const BASH_CATCHES: u64 = 0x1_0002;

/// SigCgt of a Go program, as the articles about it print it. Go 1.19 has
/// fffffffd7fc1feff: it keeps 33 instead of 34.
pub const GO_CATCHES: u64 = 0xffff_fffe_7fc1_feff;

/// What tini 0.19 waits for in sigtimedwait(2): all but faults, and what tells of
/// a terminal. While it waits there, SigBlk is without them.
pub const TINI_WAITS_FOR: u64 = 0xffff_fffe_3fcb_fa07;

/// SigIgn of tini: SIGTTIN and SIGTTOU.
pub const TINI_IGNORES: u64 = 0x30_0000;

/// SigCgt of dumb-init 1.2: a handler that does nothing, for every standard signal.
pub const DUMB_INIT_CATCHES: u64 = 0x7ffb_feff;

/// What dumb-init waits for in sigwait(3): all.
pub const DUMB_INIT_WAITS_FOR: u64 = 0xffff_fffe_7ffb_feff;

/// SigBlk of catatonit 0.1, which reads them from a signalfd: all but faults.
pub const CATATONIT_READS: u64 = 0xffff_fffe_3ffb_fa07;
