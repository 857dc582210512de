//! The hooks, and for each the ways to attach it, best first: data in one place.
//!
//! A rung is tried as a whole; where one of its programs does not load or
//! attach, the next rung is tried, and what was chosen and why is kept for the
//! `start` record and for `sigwhy doctor`.

/// How a program is attached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attach {
    /// BTF-typed raw tracepoint: plain loads, the cheapest.
    TpBtf(&'static str),
    /// Raw tracepoint: every load is a helper call.
    RawTp(&'static str),
    Fentry(&'static str),
    Fexit(&'static str),
    Kprobe(&'static str),
    Kretprobe(&'static str),
}

/// A program of the object and where it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Program {
    /// The name in the object.
    pub name: &'static str,
    pub attach: Attach,
}

/// One way to have a hook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rung {
    /// What `--attach` and the `start` record call it.
    pub id: &'static str,
    /// All of these, or the rung has failed.
    pub programs: &'static [Program],
}

impl Rung {
    /// What records call it: how an inferred zap or a siginfo is read does not
    /// matter to whoever reads the record.
    pub fn shown(&self) -> &'static str {
        match self.id {
            "inferred_raw" => "inferred",
            "tp_btf_scalar_info" => "tp_btf",
            id => id,
        }
    }

    /// Whether `--attach` with this word means this rung: its own name, or the
    /// one that records show, which may be that of several.
    pub fn answers_to(&self, word: &str) -> bool {
        word == self.id || word == self.shown()
    }
}

/// A hook and its rungs, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hook {
    pub id: &'static str,
    /// Whether sigwhy can work without it.
    pub required: bool,
    /// What it is for, for a person.
    pub purpose: &'static str,
    pub rungs: &'static [Rung],
}

const fn rung(id: &'static str, programs: &'static [Program]) -> Rung {
    Rung { id, programs }
}

const fn program(name: &'static str, attach: Attach) -> Program {
    Program { name, attach }
}

use Attach::{Fentry, Fexit, Kprobe, Kretprobe, RawTp, TpBtf};

/// The hook on signals that are refused; the laboratory goes without.
pub const PERMISSION: &str = "permission";

/// Every hook.
pub const HOOKS: &[Hook] = &[
    Hook {
        id: "signal_generate",
        required: true,
        purpose: "every signal, and whether the kernel queued or dropped it",
        rungs: &[
            rung(
                "tp_btf",
                &[program("generate_tp_btf", TpBtf("signal_generate"))],
            ),
            rung(
                "tp_btf_scalar_info",
                &[program("generate_scalar_info", TpBtf("signal_generate"))],
            ),
            rung(
                "raw_tp",
                &[program("generate_raw_tp", RawTp("signal_generate"))],
            ),
        ],
    },
    Hook {
        id: "signal_deliver",
        required: true,
        purpose: "signals that leave the queue, and those dropped there",
        rungs: &[
            rung(
                "tp_btf",
                &[program("deliver_tp_btf", TpBtf("signal_deliver"))],
            ),
            rung(
                "tp_btf_scalar_info",
                &[program("deliver_scalar_info", TpBtf("signal_deliver"))],
            ),
            rung(
                "raw_tp",
                &[program("deliver_raw_tp", RawTp("signal_deliver"))],
            ),
        ],
    },
    Hook {
        id: "sched_process_exit",
        required: true,
        purpose: "processes that end, and how",
        rungs: &[
            rung(
                "tp_btf",
                &[program("exit_tp_btf", TpBtf("sched_process_exit"))],
            ),
            rung(
                "raw_tp",
                &[program("exit_raw_tp", RawTp("sched_process_exit"))],
            ),
        ],
    },
    Hook {
        id: "zap",
        required: false,
        purpose: "the end of a PID namespace (zap_pid_ns_processes)",
        rungs: &[
            rung(
                "fentry",
                &[
                    program("zap_fentry", Fentry("zap_pid_ns_processes")),
                    program("zap_fexit", Fexit("zap_pid_ns_processes")),
                    program("wait_raw_tp", RawTp("sched_process_wait")),
                ],
            ),
            rung(
                "kprobe",
                &[
                    program("zap_kprobe", Kprobe("zap_pid_ns_processes")),
                    program("zap_kretprobe", Kretprobe("zap_pid_ns_processes")),
                    program("wait_raw_tp", RawTp("sched_process_wait")),
                    // A kretprobe misses returns when many zaps sleep at once:
                    // the release of the init makes up for it.
                    program("free_raw_tp", RawTp("sched_process_free")),
                ],
            ),
            rung(
                "inferred",
                &[
                    program("wait_tp_btf", TpBtf("sched_process_wait")),
                    program("free_tp_btf", TpBtf("sched_process_free")),
                ],
            ),
            rung(
                "inferred_raw",
                &[
                    program("wait_raw_tp", RawTp("sched_process_wait")),
                    program("free_raw_tp", RawTp("sched_process_free")),
                ],
            ),
        ],
    },
    Hook {
        id: "oom",
        required: false,
        purpose: "who the OOM killer chose (without it an OOM kill shows as the kernel's)",
        rungs: &[
            rung("tp_btf", &[program("oom_tp_btf", TpBtf("mark_victim"))]),
            rung("raw_tp", &[program("oom_raw_tp", RawTp("mark_victim"))]),
        ],
    },
    Hook {
        id: "cgroup",
        required: false,
        purpose: "containers as they are made and removed (without it those that end at once may stay nameless)",
        rungs: &[rung(
            "raw_tp",
            &[
                program("mkdir_raw_tp", RawTp("cgroup_mkdir")),
                program("rmdir_raw_tp", RawTp("cgroup_rmdir")),
            ],
        )],
    },
    Hook {
        id: PERMISSION,
        required: false,
        purpose: "signals that the kernel refuses to send (without it a call that fails with EPERM or EACCES is not seen)",
        rungs: &[
            rung(
                "fexit",
                &[program("denied_fexit", Fexit("check_kill_permission"))],
            ),
            rung(
                "kprobe",
                &[
                    program("denied_kprobe", Kprobe("check_kill_permission")),
                    program("denied_kretprobe", Kretprobe("check_kill_permission")),
                ],
            ),
        ],
    },
];

/// A forced rung: `--attach HOOK=RUNG`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forced {
    pub hook: &'static str,
    pub rung: &'static str,
}

impl std::str::FromStr for Forced {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let names = || HOOKS.iter().map(|h| h.id).collect::<Vec<_>>().join(", ");
        let (hook, rung) = text
            .split_once('=')
            .ok_or_else(|| format!("expected HOOK=RUNG, where HOOK is one of {}", names()))?;
        let hook = HOOKS
            .iter()
            .find(|known| known.id == hook)
            .ok_or_else(|| format!("no hook {hook:?}; there are {}", names()))?;
        let rung = hook
            .rungs
            .iter()
            .find(|known| known.id == rung)
            .ok_or_else(|| {
                let rungs: Vec<_> = hook.rungs.iter().map(|r| r.id).collect();
                format!(
                    "{} has no rung {rung:?}; it has {}",
                    hook.id,
                    rungs.join(", ")
                )
            })?;
        Ok(Self {
            hook: hook.id,
            rung: rung.id,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn program_names_differ_in_the_15_bytes_that_the_kernel_keeps() {
        let mut names: Vec<_> = HOOKS
            .iter()
            .flat_map(|hook| hook.rungs)
            .flat_map(|rung| rung.programs)
            .map(|program| program.name)
            .collect();
        names.sort_unstable();
        names.dedup();
        let all = names.len();
        names = names
            .iter()
            .map(|name| &name[..name.len().min(15)])
            .collect();
        names.dedup();
        assert_eq!(names.len(), all);
    }

    #[test]
    fn forcing_names_what_there_is() {
        assert_eq!(
            "zap=inferred".parse(),
            Ok(Forced {
                hook: "zap",
                rung: "inferred"
            })
        );
        let error = "zap=raw_tp".parse::<Forced>().expect_err("no such rung");
        assert!(error.contains("fentry, kprobe, inferred"), "{error}");
        let inferred = HOOKS[3].rungs.iter().filter(|r| r.answers_to("inferred"));
        assert_eq!(inferred.count(), 2);
        assert!("zap".parse::<Forced>().is_err());
        assert!("x=y".parse::<Forced>().is_err());
    }
}
