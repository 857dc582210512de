//! The parts of `/proc/PID/status` that decide about signals. Parsing only.

/// What a process says about itself. Sets have bit `signal - 1`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Status {
    /// `R`, `S`, `D`, `Z`, `T`, `t`, `X`, `I`: that of the main thread.
    pub state: char,
    pub ppid: u32,
    /// The process that a thread belongs to.
    pub tgid: u32,
    /// The thread that traces it; 0 where none does.
    pub tracer: u32,
    /// Its numbers from the reader's PID namespace to its own.
    pub ns_pids: Vec<u32>,
    pub threads: u32,
    pub core_dumping: bool,
    /// For the process or for its main thread.
    pub pending: u64,
    pub blocked: u64,
    pub ignored: u64,
    pub caught: u64,
}

impl Status {
    /// `None` where the signal sets are not there.
    pub fn parse(text: &str) -> Option<Self> {
        let field = |key: &str| {
            text.lines()
                .find_map(|line| line.strip_prefix(key))
                .map(str::trim)
        };
        let set = |key| u64::from_str_radix(field(key)?, 16).ok();
        let number = |key| field(key)?.parse::<u32>().ok();
        let numbers = |key| {
            let numbers = field(key)?.split_ascii_whitespace();
            let parsed = numbers.map(|number| number.parse().ok());
            parsed.collect::<Option<Vec<u32>>>()
        };
        Some(Self {
            state: field("State:")
                .and_then(|state| state.chars().next())
                .unwrap_or('?'),
            ppid: number("PPid:").unwrap_or(0),
            tgid: number("Tgid:").unwrap_or(0),
            tracer: number("TracerPid:").unwrap_or(0),
            ns_pids: numbers("NSpid:").unwrap_or_default(),
            threads: number("Threads:").unwrap_or(1),
            core_dumping: field("CoreDumping:") == Some("1"),
            pending: set("SigPnd:").unwrap_or(0) | set("ShdPnd:").unwrap_or(0),
            blocked: set("SigBlk:")?,
            ignored: set("SigIgn:")?,
            caught: set("SigCgt:")?,
        })
    }

    /// Nothing of it runs any more.
    pub fn is_dead(&self) -> bool {
        matches!(self.state, 'Z' | 'X') && self.threads <= 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zombie_with_a_tracer() {
        // As 6.18 prints it.
        let text = "Name:\tserver\nState:\tZ (zombie)\nTgid:\t1548\nPPid:\t1546\nTracerPid:\t77\n\
                    NSpid:\t1548\t2\nThreads:\t1\nSigPnd:\t0000000000000000\n\
                    ShdPnd:\t0000000000000100\nSigBlk:\t0000000000000000\n\
                    SigIgn:\t0000000000000006\nSigCgt:\t0000000000004000\nCoreDumping:\t0\n";
        let status = Status::parse(text).expect("it has all sets");
        assert_eq!((status.state, status.ppid, status.tracer), ('Z', 1546, 77));
        assert_eq!(status.ns_pids, [1548, 2]);
        assert_eq!((status.pending, status.caught), (0x100, 0x4000));
        assert!(status.is_dead() && !status.core_dumping);
        let led = Status::parse(&text.replace("Threads:\t1", "Threads:\t2"));
        assert!(led.is_some_and(|status| !status.is_dead()));
    }

    #[test]
    fn what_is_not_there_is_not_made_up() {
        assert_eq!(Status::parse(""), None);
        assert_eq!(Status::parse("State:\tS\nSigBlk: zz\n"), None);
        let bare = Status::parse("SigPnd:\t0\nSigBlk:\t0\nSigIgn:\t0\nSigCgt:\t0\n");
        assert_eq!(
            bare.map(|status| (status.state, status.tracer)),
            Some(('?', 0))
        );
    }
}
