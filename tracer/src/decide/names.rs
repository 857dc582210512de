//! Names of signals and of their codes.
//!
//! x86-64 and arm64 number signals alike (`include/uapi/asm-generic/signal.h`).

use std::borrow::Cow;

use tracer_common::signals::{
    SIGBUS, SIGCHLD, SIGFPE, SIGILL, SIGMAX_STANDARD, SIGSEGV, SIGSYS, SIGTRAP,
};

const STANDARD: [&str; SIGMAX_STANDARD as usize] = [
    "SIGHUP",
    "SIGINT",
    "SIGQUIT",
    "SIGILL",
    "SIGTRAP",
    "SIGABRT",
    "SIGBUS",
    "SIGFPE",
    "SIGKILL",
    "SIGUSR1",
    "SIGSEGV",
    "SIGUSR2",
    "SIGPIPE",
    "SIGALRM",
    "SIGTERM",
    "SIGSTKFLT",
    "SIGCHLD",
    "SIGCONT",
    "SIGSTOP",
    "SIGTSTP",
    "SIGTTIN",
    "SIGTTOU",
    "SIGURG",
    "SIGXCPU",
    "SIGXFSZ",
    "SIGVTALRM",
    "SIGPROF",
    "SIGWINCH",
    "SIGIO",
    "SIGPWR",
    "SIGSYS",
];

/// The first real-time signal as libc counts: glibc keeps two for itself.
const SIGRTMIN_LIBC: u32 = 34;

macro_rules! realtime {
    ($($n:literal)+) => {
        [$(concat!("SIGRTMIN+", stringify!($n))),+]
    };
}

/// SIGRTMIN+1 .. SIGRTMIN+30 (SIGRTMAX).
const REALTIME: [&str; 30] =
    realtime!(1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30);

/// The name of a signal: `SIGTERM`, `SIGRTMIN+3`, and `SIG32` and `SIG33`, which
/// libc keeps for itself.
pub fn signal(sig: u32) -> &'static str {
    match sig {
        1..=SIGMAX_STANDARD => STANDARD[sig as usize - 1],
        32 => "SIG32",
        33 => "SIG33",
        SIGRTMIN_LIBC => "SIGRTMIN",
        35..=64 => REALTIME[sig as usize - 35],
        _ => "SIG?",
    }
}

/// Names, runs of real-time signals as one.
pub fn list(signals: &[u32]) -> String {
    let mut text: Vec<String> = Vec::new();
    let mut at = 0;
    while at < signals.len() {
        let name = |sig| match sig {
            64 => "SIGRTMAX",
            other => signal(other),
        };
        let first = signals[at];
        let mut last = at;
        while first >= 32 && signals.get(last + 1) == Some(&(signals[last] + 1)) {
            last += 1;
        }
        text.push(if last > at + 1 {
            format!("{} to {}", name(first), name(signals[last]))
        } else {
            last = at;
            name(first).to_owned()
        });
        at = last + 1;
    }
    text.join(", ")
}

/// The signals of a mask (bit `signal - 1`) by name: `SIGINT, SIGCHLD`; where most
/// are in it, those that are not: `all but SIGKILL, SIGSTOP`.
pub fn signals(mask: u64) -> String {
    const STANDARD: u64 = (1 << SIGMAX_STANDARD) - 1;
    let names = |mask: u64| {
        let signals: Vec<u32> = (1..=64).filter(|sig| mask & 1 << (sig - 1) != 0).collect();
        list(&signals)
    };
    let but = |all: &str, of: u64| match of & !mask {
        0 => all.to_owned(),
        rest => format!("{all} but {}", names(rest)),
    };
    match mask {
        0 => "none".to_owned(),
        _ if mask.count_ones() > 32 => but("all", u64::MAX),
        _ if mask & !STANDARD == 0 && mask.count_ones() > 15 => but("all standard ones", STANDARD),
        _ => names(mask),
    }
}

/// Reads a signal's name or number: `TERM`, `sigterm`, `15`, `RTMIN+3`, `RTMAX-1`.
///
/// # Errors
/// A line that says what is accepted.
pub fn parse_signal(text: &str) -> Result<u32, String> {
    let refuse = || {
        format!(
            "{text:?} is no signal; give a name (TERM, SIGTERM, RTMIN+3) or a number from 1 to 64"
        )
    };
    if let Ok(number) = text.parse::<u32>() {
        return if (1..=64).contains(&number) {
            Ok(number)
        } else {
            Err(refuse())
        };
    }
    let upper = text.to_ascii_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    if let Some(at) = STANDARD.iter().position(|known| &known[3..] == name) {
        return Ok(at as u32 + 1);
    }
    let alias = match name {
        "POLL" => Some(29),
        "CLD" => Some(17),
        "IOT" => Some(6),
        "UNUSED" => Some(31),
        "RTMIN" => Some(SIGRTMIN_LIBC),
        "RTMAX" => Some(64),
        _ => None,
    };
    if let Some(number) = alias {
        return Ok(number);
    }
    let offset = |rest: &str| rest.parse::<u32>().ok().filter(|n| *n <= 30);
    if let Some(n) = name.strip_prefix("RTMIN+").and_then(offset) {
        return Ok(SIGRTMIN_LIBC + n);
    }
    if let Some(n) = name.strip_prefix("RTMAX-").and_then(offset) {
        return Ok(64 - n);
    }
    Err(refuse())
}

/// The name of a `si_code`; a number where the kernel's headers have no name.
pub fn code(sig: u32, code: i32) -> Cow<'static, str> {
    let name = match code {
        0 => "SI_USER",
        0x80 => "SI_KERNEL",
        -1 => "SI_QUEUE",
        -2 => "SI_TIMER",
        -3 => "SI_MESGQ",
        -4 => "SI_ASYNCIO",
        -5 => "SI_SIGIO",
        -6 => "SI_TKILL",
        -7 => "SI_DETHREAD",
        -60 => "SI_ASYNCNL",
        code if code > 0 => match table(sig).get(code as usize - 1) {
            Some(name) => name,
            None => return Cow::Owned(code.to_string()),
        },
        code => return Cow::Owned(code.to_string()),
    };
    Cow::Borrowed(name)
}

/// The positive codes of a signal, from 1 (`include/uapi/asm-generic/siginfo.h`).
fn table(sig: u32) -> &'static [&'static str] {
    match sig {
        SIGILL => &[
            "ILL_ILLOPC",
            "ILL_ILLOPN",
            "ILL_ILLADR",
            "ILL_ILLTRP",
            "ILL_PRVOPC",
            "ILL_PRVREG",
            "ILL_COPROC",
            "ILL_BADSTK",
            "ILL_BADIADDR",
            "__ILL_BREAK",
            "__ILL_BNDMOD",
        ],
        SIGFPE => &[
            "FPE_INTDIV",
            "FPE_INTOVF",
            "FPE_FLTDIV",
            "FPE_FLTOVF",
            "FPE_FLTUND",
            "FPE_FLTRES",
            "FPE_FLTINV",
            "FPE_FLTSUB",
            "__FPE_DECOVF",
            "__FPE_DECDIV",
            "__FPE_DECERR",
            "__FPE_INVASC",
            "__FPE_INVDEC",
            "FPE_FLTUNK",
            "FPE_CONDTRAP",
        ],
        SIGSEGV => &[
            "SEGV_MAPERR",
            "SEGV_ACCERR",
            "SEGV_BNDERR",
            "SEGV_PKUERR",
            "SEGV_ACCADI",
            "SEGV_ADIDERR",
            "SEGV_ADIPERR",
            "SEGV_MTEAERR",
            "SEGV_MTESERR",
            "SEGV_CPERR",
        ],
        SIGBUS => &[
            "BUS_ADRALN",
            "BUS_ADRERR",
            "BUS_OBJERR",
            "BUS_MCEERR_AR",
            "BUS_MCEERR_AO",
        ],
        SIGTRAP => &[
            "TRAP_BRKPT",
            "TRAP_TRACE",
            "TRAP_BRANCH",
            "TRAP_HWBKPT",
            "TRAP_UNK",
            "TRAP_PERF",
        ],
        SIGCHLD => &[
            "CLD_EXITED",
            "CLD_KILLED",
            "CLD_DUMPED",
            "CLD_TRAPPED",
            "CLD_STOPPED",
            "CLD_CONTINUED",
        ],
        SIGSYS => &["SYS_SECCOMP", "SYS_USER_DISPATCH"],
        _ => &[
            "POLL_IN", "POLL_OUT", "POLL_MSG", "POLL_ERR", "POLL_PRI", "POLL_HUP",
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_reads_back() {
        for number in (1..=31).chain(34..=64) {
            assert_eq!(
                parse_signal(signal(number)),
                Ok(number),
                "{}",
                signal(number)
            );
        }
        assert_eq!(parse_signal("term"), Ok(15));
        assert_eq!(parse_signal("SIGKILL"), Ok(9));
        assert_eq!(parse_signal("RTMAX"), Ok(64));
        assert_eq!(parse_signal("rtmax-2"), Ok(62));
        assert_eq!(signal(37), "SIGRTMIN+3");
    }

    #[test]
    fn masks_by_name() {
        assert_eq!(signals(0x10002), "SIGINT, SIGCHLD");
        assert_eq!(
            signals(0xffff_fffe_7fc1_feff),
            "all but SIGKILL, SIGCONT, SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU, SIG32, SIG33"
        );
        assert_eq!(
            signals(0x7ffb_feff),
            "all standard ones but SIGKILL, SIGSTOP"
        );
        assert_eq!(signals(0xf << 33), "SIGRTMIN to SIGRTMIN+3");
        assert_eq!(
            (signals(0), signals(u64::MAX)),
            ("none".into(), "all".into())
        );
    }

    #[test]
    fn what_is_no_signal_is_refused() {
        for text in ["", "0", "65", "-1", "TERMINATE", "RTMIN+31", "SIG"] {
            assert!(parse_signal(text).is_err(), "{text}");
        }
    }

    #[test]
    fn codes_depend_on_the_signal() {
        assert_eq!(code(15, 0), "SI_USER");
        assert_eq!(code(17, 1), "CLD_EXITED");
        assert_eq!(code(11, 1), "SEGV_MAPERR");
        assert_eq!(code(11, 0x80), "SI_KERNEL");
        assert_eq!(code(29, 1), "POLL_IN");
        assert_eq!(code(8, 14), "FPE_FLTUNK");
        assert_eq!(code(8, 16), "16");
        assert_eq!(code(10, 77), "77");
        assert_eq!(code(10, -99), "-99");
    }
}
