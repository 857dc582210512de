//! The ways to attach that the whole suite is run by: what SIGWHY_ATTACH says,
//! and its name in the report.
//!
//! The ladder itself is `tracer/src/kernel/ladder.rs`. A way is forced, never
//! hoped for: a rung that does not hold fails every test of its column.

/// One way, a column of the report for each kernel.
#[derive(Debug, PartialEq, Eq)]
pub struct Ladder {
    pub id: &'static str,
    /// `SIGWHY_ATTACH`; what it does not name is attached in the best way that
    /// the kernel takes.
    pub attach: &'static str,
}

/// All hooks by the plainest tracepoints, but for the zap.
macro_rules! raw {
    ($zap:literal) => {
        concat!(
            "signal_generate=raw_tp,signal_deliver=raw_tp,sched_process_exit=raw_tp,oom=raw_tp,zap=",
            $zap
        )
    };
}

/// In a guest, whose kernel takes everything.
pub const GUEST: &[Ladder] = &[
    Ladder {
        id: "fentry",
        attach: "zap=fentry",
    },
    Ladder {
        id: "kprobe",
        attach: concat!(raw!("kprobe"), ",permission=kprobe"),
    },
    Ladder {
        id: "inferred",
        attach: "zap=inferred",
    },
];

/// On this machine, whatever it takes; the raw tracepoints are everywhere.
pub const HERE: &[Ladder] = &[
    Ladder {
        id: "best",
        attach: "",
    },
    Ladder {
        id: "raw",
        attach: raw!("inferred_raw"),
    },
];

/// Tests whose subject is not what the hooks tell: the command line, recordings
/// and what is made of them, looks at the machine, how sigwhy ends, what it costs,
/// the arena's own, the documents. Each start of sigwhy takes
/// an emulated kernel's verifier seconds, so one column of a kernel plays them and
/// the others need not; with `--full` all do.
pub const ONCE: &[&str] = &[
    "arena::",
    "cli::audit::",
    "cli::doctor::",
    "cli::endings::",
    "cli::errors::",
    "cli::explain::",
    "cli::flight::",
    "cli::import::",
    "cli::instructions::",
    "cli::latency::",
    "cli::pressure::",
    "cli::ps::",
    "cli::record::",
    "cli::report_page::",
    "cli::run::",
    "cli::sockets::",
    "cli::text::",
    "cli::why::",
    "cli::why_watch::",
    "docs::",
];

/// Why a column leaves those out.
pub const WHY_ONCE: &str =
    "does not depend on the way to attach: the first column of the kernel plays it";

/// The guests' ladders that `--rung` asks for.
pub fn chosen(wanted: Option<&str>) -> Option<Vec<&'static Ladder>> {
    let found: Vec<_> = GUEST
        .iter()
        .filter(|ladder| wanted.is_none_or(|wanted| wanted == ladder.id))
        .collect();
    (!found.is_empty()).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_asked_for_by_its_name() {
        assert_eq!(chosen(None).map(|all| all.len()), Some(GUEST.len()));
        assert_eq!(chosen(Some("kprobe")), Some(vec![&GUEST[1]]));
        assert_eq!(chosen(Some("best")), None);
    }
}
