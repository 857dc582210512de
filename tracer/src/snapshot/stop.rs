//! What would become of the signal that stops a container, if it came now.
//!
//! The model decides, as it does for real signals: what the kernel would say is
//! tried, and the first word that the model can explain is the answer. The
//! state is that of the main thread, which is who the kernel asks for a signal
//! to a process.
//!
//! Of one that is stopped or frozen the word is that it is: what it would do with
//! the signal comes after that.

use schemars::JsonSchema;
use serde::{Serialize, Serializer};
use tracer_common::signals;

use crate::container::{Identity, Root, process};
use crate::decide::situation::{Handler, SIGNAL_STOP_STOPPED, SIGNAL_UNKILLABLE, si};
use crate::decide::{
    Frozen, Info, Outcome, Reason, Relation, Sender, Situation, Target, TraceResult, Walk, foresee,
    generate, names,
};
use crate::record::Runtime;

use super::status::Status;
use super::{Freezer, takers};

/// `rt_sigtimedwait`, by architecture.
#[cfg(target_arch = "x86_64")]
const RT_SIGTIMEDWAIT: i64 = 128;
#[cfg(not(target_arch = "x86_64"))]
const RT_SIGTIMEDWAIT: i64 = 137;

/// A stop signal and its fate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Stop {
    #[serde(serialize_with = "name")]
    #[schemars(with = "String")]
    pub signal: u32,
    /// The runtime wrote this signal; if not, it is the runtime's default.
    pub configured: bool,
    pub outcome: Outcome,
    pub reason: Reason,
}

fn name<S: Serializer>(signal: &u32, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(names::signal(*signal))
}

impl Stop {
    /// Whether the container will have to be killed.
    pub fn is_lost(&self) -> bool {
        matches!(self.outcome, Outcome::Dropped)
    }

    /// What would become of it, as the end of a sentence; `None` where that is not
    /// known.
    pub fn would(&self) -> Option<String> {
        match self.reason {
            Reason::DefaultTerminate
            | Reason::DefaultCore
            | Reason::Kill
            | Reason::ForcedOnInit => Some("would end it".to_owned()),
            Reason::Stop => Some("would stop it".to_owned()),
            Reason::Stopped => Some("would wait until it is continued".to_owned()),
            Reason::Frozen => Some("would wait until it is thawed".to_owned()),
            Reason::Handler
            | Reason::UnkillableInit
            | Reason::Ignored
            | Reason::DefaultIgnore
            | Reason::Blocked
            | Reason::Sigwait
            | Reason::Ptrace => Some(format!("would be {}", self.words())),
            _ => None,
        }
    }

    /// What becomes of it, in a word or some.
    pub fn words(&self) -> &'static str {
        match self.reason {
            Reason::Handler => "handled",
            Reason::UnkillableInit => "dropped: PID 1 without a handler",
            Reason::Ignored => "ignored",
            Reason::DefaultIgnore => "ignored by default",
            Reason::Blocked => "blocked",
            Reason::Sigwait => "awaited",
            Reason::Ptrace => "held by a tracer",
            Reason::DefaultTerminate
            | Reason::DefaultCore
            | Reason::Kill
            | Reason::ForcedOnInit => "ends it",
            Reason::Stop => "stops it",
            Reason::Stopped => "waits: it is stopped",
            Reason::Frozen => "waits: it is frozen",
            Reason::TargetExiting => "dropped: it is dying",
            other => other.id(),
        }
    }
}

/// The fate of the container's stop signal, sent by a runtime on the host.
/// `main`: the container's main process; `host`: the host's PID namespace;
/// `freezer`: what freezes it. `None` if the process is gone.
pub fn predict(
    root: &Root,
    main: u32,
    identity: &Identity,
    host: Option<u32>,
    freezer: Option<&Freezer>,
) -> Option<Stop> {
    let text = root.text(format!("/proc/{main}/status"))?;
    let status = Status::parse(&text)?;
    let numbers = process::ns_pids(root, main)?;
    let is_host = process::pid_ns(root, main) == host;
    let (signal, configured) = stop_signal(identity, &status);
    // Inside of another namespace than the machine's own (sigwhy in a container)
    // there is a level above that is not seen here; 1 is enough for what decides.
    let level = if is_host {
        0
    } else {
        (numbers.len() as u32 - 1).max(1)
    };
    let nr = numbers.last().copied()?;
    let is_init = level > 0 && nr == 1;
    let has = |set: u64| signals::contains(set, signal);
    let awaited = waits_for(root, main).unwrap_or(0);
    let is_stopped = status.state == 'T';
    let frozen = match freezer.map(|by| by.version) {
        None => Frozen::No,
        Some(1) => Frozen::V1,
        Some(_) => Frozen::V2,
    };
    let unkillable = if is_init { SIGNAL_UNKILLABLE } else { 0 };
    let stopped = if is_stopped { SIGNAL_STOP_STOPPED } else { 0 };
    let before = Situation {
        sig: signal,
        code: si::USER,
        info: Info::Pointer,
        group: true,
        result: TraceResult::Ignored,
        relation: if is_host {
            Relation::Same
        } else {
            Relation::Ancestor
        },
        sender: Sender {
            // A runtime is on the host: visible only from there.
            nr_in_target: u32::from(is_host) * 2,
            pf_flags: 0,
            nr: 2,
            level: 0,
            is_idle: false,
            is_target: false,
        },
        target: Target {
            level,
            nr,
            pf_flags: 0,
            signal_flags: unkillable | stopped,
            group_exit_code: 0,
            exit_state: 0,
            live: u32::from(!status.is_dead()),
            handler: if has(status.ignored) {
                Handler::Ignore
            } else if has(status.caught) {
                Handler::Function
            } else {
                Handler::Default
            },
            // While it waits, the signals that it waits for are not blocked.
            blocked: has(status.blocked) && !has(awaited),
            real_blocked: has(awaited),
            ptraced: status.tracer != 0,
            core_dump: false,
            frozen,
            was_dying: super::Task::read(root, main).is_some_and(|task| task.is_exiting()),
        },
        pdeath_signal: 0,
        oom_victim: false,
    };
    let situation = foresee::generated(&before, false);
    let decision = generate::decide(&situation, &mut Walk::off());
    let hold = match (is_stopped, frozen) {
        (true, _) => Some(Reason::Stopped),
        (false, Frozen::No) => None,
        (false, _) => Some(Reason::Frozen),
    };
    // To the kernel these are in the queue of somebody who asked for them there; but
    // nobody takes anything from it before that.
    let reason = match (decision.reason, hold) {
        (Reason::Sigwait, Some(hold)) => hold,
        (Reason::Blocked, Some(hold)) if takers::of(root, main, signal).is_some() => hold,
        (reason, _) => reason,
    };
    Some(Stop {
        signal,
        configured,
        outcome: decision.outcome,
        reason,
    })
}

/// The signal that stops it, and whether the runtime's files say so.
fn stop_signal(identity: &Identity, status: &Status) -> (u32, bool) {
    /// `SIGRTMIN+3`, which systemd takes for "halt".
    const HALT: u32 = 37;
    const SIGPWR: u32 = 30;
    if let Some(signal) = identity.stop_signal {
        return (signal, true);
    }
    let signal = match identity.runtime {
        // lxc-stop looks whether the init blocks it, as a systemd does for its
        // signalfd (`task_blocks_signal`).
        Runtime::Lxc if signals::contains(status.blocked, HALT) => HALT,
        Runtime::Lxc => SIGPWR,
        _ => signals::SIGTERM,
    };
    (signal, false)
}

/// The signals that the main thread waits for in sigtimedwait(2): what it
/// passed is in its own memory. `None` where it does not wait, or where this
/// may not be read.
pub fn waits_for(root: &Root, pid: u32) -> Option<u64> {
    use std::os::unix::fs::FileExt as _;
    let text = root.text(format!("/proc/{pid}/syscall"))?;
    let mut fields = text.split_ascii_whitespace();
    if fields.next()?.parse::<i64>() != Ok(RT_SIGTIMEDWAIT) {
        return None;
    }
    let at = u64::from_str_radix(fields.next()?.strip_prefix("0x")?, 16).ok()?;
    let memory = std::fs::File::open(root.at(format!("/proc/{pid}/mem"))).ok()?;
    let mut set = [0; 8];
    memory.read_exact_at(&mut set, at).ok()?;
    Some(u64::from_ne_bytes(set))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::container::fixtures::{Process, Tree};

    const HOST: u32 = 4_026_531_836;

    const TERM: u64 = 1 << 14;

    /// The fate of SIGTERM with these sets.
    fn fate(process: Process, blocked: u64, ignored: u64, caught: u64) -> Stop {
        fate_of(15, 'S', None, process, [blocked, ignored, caught])
    }

    /// The fate of a signal to who is in this state, or is frozen.
    fn fate_of(
        signal: u32,
        state: char,
        frozen: Option<u8>,
        process: Process,
        [blocked, ignored, caught]: [u64; 3],
    ) -> Stop {
        let tree = Tree::new();
        tree.process(&process);
        let numbers = if process.ns_pid == process.pid {
            process.pid.to_string()
        } else {
            format!("{}\t{}", process.pid, process.ns_pid)
        };
        tree.file(
            &format!("/proc/{}/status", process.pid),
            &format!(
                "State:\t{state}\nNSpid:\t{numbers}\nTracerPid:\t0\nSigBlk:\t{blocked:016x}\n\
                 SigIgn:\t{ignored:016x}\nSigCgt:\t{caught:016x}\n"
            ),
        );
        let mut identity = Identity::new(Runtime::Docker);
        identity.stop_signal = Some(signal).filter(|signal| *signal != 15);
        let freezer = frozen.map(|version| Freezer {
            version,
            cgroup: "/docker/x".to_owned(),
            file: None,
            thaw: "0",
        });
        let freezer = freezer.as_ref();
        predict(&tree.root(), process.pid, &identity, Some(HOST), freezer).expect("it is there")
    }

    fn init() -> Process {
        Process::init(100, "app", 4001, "/")
    }

    #[test]
    fn of_an_init() {
        for (blocked, ignored, caught, reason, is_lost) in [
            (0, 0, 0, Reason::UnkillableInit, true),
            (0, 0, TERM, Reason::Handler, false),
            (0, TERM, 0, Reason::Ignored, true),
            (TERM, 0, 0, Reason::Blocked, false),
            (TERM, 0, TERM, Reason::Blocked, false),
            (0, 0, 1 << 13, Reason::UnkillableInit, true),
        ] {
            let stop = fate(init(), blocked, ignored, caught);
            assert_eq!(stop.reason, reason);
            assert_eq!(stop.is_lost(), is_lost, "{reason:?}");
            assert!((stop.signal, stop.configured) == (15, false));
        }
    }

    #[test]
    fn of_who_is_no_init() {
        let stop = fate(Process::new(100, "agent"), 0, 0, 0);
        assert_eq!(stop.reason, Reason::DefaultTerminate);
        assert_eq!(stop.words(), "ends it");
        let mut joiner = Process::init(100, "sh", 4001, "/");
        joiner.ns_pid = 7;
        assert_eq!(fate(joiner, 0, 0, 0).reason, Reason::DefaultTerminate);
    }

    #[test]
    fn of_who_is_stopped() {
        let of = |process, sets| fate_of(15, 'T', None, process, sets);
        let stop = of(init(), [0, 0, TERM]);
        assert_eq!(
            (stop.outcome, stop.reason),
            (Outcome::Queued, Reason::Stopped)
        );
        assert_eq!(stop.words(), "waits: it is stopped");
        let would = stop.would();
        assert_eq!(would.as_deref(), Some("would wait until it is continued"));
        // What is dropped does not wait for anything, and what is blocked not for that.
        assert_eq!(of(init(), [0; 3]).reason, Reason::UnkillableInit);
        assert_eq!(of(init(), [0, TERM, 0]).reason, Reason::Ignored);
        assert_eq!(of(init(), [TERM, 0, TERM]).reason, Reason::Blocked);
        // It does not even end whom it would end.
        let agent = || Process::new(100, "agent");
        assert_eq!(of(agent(), [0; 3]).reason, Reason::Stopped);
        let kill = |process| fate_of(9, 'T', None, process, [0; 3]);
        assert_eq!(kill(init()).reason, Reason::ForcedOnInit);
        assert_eq!(kill(agent()).reason, Reason::Kill);
        assert_eq!(kill(init()).words(), "ends it");
    }

    #[test]
    fn of_who_is_frozen() {
        let of =
            |signal, version, process, sets| fate_of(signal, 'S', Some(version), process, sets);
        let agent = || Process::new(100, "agent");
        for version in [1, 2] {
            let stop = of(15, version, init(), [0, 0, TERM]);
            assert_eq!(
                (stop.outcome, stop.reason),
                (Outcome::Queued, Reason::Frozen)
            );
            assert_eq!(stop.words(), "waits: it is frozen");
            assert_eq!(
                stop.would().as_deref(),
                Some("would wait until it is thawed")
            );
            assert_eq!(
                of(15, version, init(), [0; 3]).reason,
                Reason::UnkillableInit
            );
        }
        // A group's death reaches who is frozen by v2, and who is frozen by v1 not.
        for (signal, process, v2) in [
            (9, init(), Reason::ForcedOnInit),
            (9, agent(), Reason::Kill),
            (15, agent(), Reason::DefaultTerminate),
        ] {
            assert_eq!(
                of(signal, 1, process.clone(), [0; 3]).reason,
                Reason::Frozen
            );
            assert_eq!(of(signal, 2, process, [0; 3]).reason, v2);
        }
    }

    #[test]
    fn which_signal() {
        let mut identity = Identity::new(Runtime::Lxc);
        let plain = Status::default();
        assert_eq!(stop_signal(&identity, &plain), (30, false));
        let systemd = Status {
            blocked: 1 << 36,
            ..plain.clone()
        };
        assert_eq!(stop_signal(&identity, &systemd), (37, false));
        identity.stop_signal = Some(3);
        assert_eq!(stop_signal(&identity, &systemd), (3, true));
        identity = Identity::new(Runtime::Podman);
        assert_eq!(stop_signal(&identity, &systemd), (15, false));
    }

    #[test]
    fn every_prediction_is_one_that_the_model_explains() {
        for sets in (0..8).map(|bits| [1, 2, 4].map(|bit| (bits & bit) / bit * u64::MAX)) {
            for (state, frozen) in [('S', None), ('T', None), ('S', Some(1)), ('T', Some(2))] {
                for signal in [15, 3, 28, 37] {
                    let stop = fate_of(signal, state, frozen, init(), sets);
                    assert_ne!(stop.reason, Reason::ModelDisagrees);
                }
            }
        }
    }
}
