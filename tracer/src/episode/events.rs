//! What each kind of record means to the story of its container.

use tracer_common::signals::{self, SIGABRT, SIGINT, SIGKILL, SIGPIPE, SIGQUIT, SIGWINCH, SIGXCPU};

use super::entry::Phase;
use super::judge::{self, Meaning};
use super::story::{Exited, Hop, Taken, key};
use super::{Episodes, members, words};
use crate::decide::{Outcome, Reason, sender::Kind};
use crate::record::{self, Reference, Referred, Signal, SignalName, When, ZapPhase};

impl Episodes {
    pub(super) fn signal(&mut self, r: &Signal) {
        let sig = r.signal.number;
        let by_process = r.sender.kind == Kind::Process;
        if r.target.is_global_init
            || (signals::contains(signals::DEFAULT_IGNORE, sig) && !(sig == SIGWINCH && by_process))
        {
            return;
        }
        if r.sender.kind == Kind::Zap {
            return self.zap_kill(r);
        }
        let is_known_main = key(&r.target.process)
            .and_then(|key| self.entries.get(&key))
            .is_some();
        let is_asked = self.is_imported && by_process && judge::asks(r);
        if r.target.is_init || is_known_main || is_asked || members::is_shared_main(r) {
            self.main_gets(r);
        } else {
            self.member_gets(r);
        }
    }

    fn main_gets(&mut self, r: &Signal) {
        let process = &r.target.process;
        let sig = r.signal.number;
        let is_by_itself = r.sender.kind == Kind::Process
            && (r.sender.process.pid, r.sender.process.start_ns) == (process.pid, process.start_ns);
        // Most of what an init gets has nothing to do with its end.
        let is_other = r.sender.kind == Kind::Process && judge::meaning(r) == Meaning::Other;
        if is_other && sig != SIGKILL && sig != SIGABRT && r.reason != Reason::CoreDumping {
            return;
        }
        let Some(entry) = self.entry(
            process,
            r.target.is_init,
            process.container.as_ref(),
            r.when,
        ) else {
            return;
        };
        let is_protected = r.reason == Reason::UnkillableInit;
        let hop = Hop::new(r);
        match (r.sender.kind, sig) {
            (Kind::Io, SIGPIPE) if is_protected => {
                entry.story.sigpipes += 1;
                return;
            }
            _ if r.reason == Reason::PermissionDenied => {
                if judge::asks(r) {
                    entry.denied(hop);
                }
            }
            (Kind::Fault, _) if r.outcome == Outcome::Fatal => {
                entry.note_hop(&hop);
                entry.dying(r.when);
                entry.story.fault.get_or_insert(hop);
            }
            // Queued where the target is frozen.
            (_, SIGKILL) if matches!(r.outcome, Outcome::Fatal | Outcome::Queued) => {
                entry.killed(hop);
            }
            _ if is_by_itself => {
                if !entry.story.stops.is_empty() || sig == SIGABRT {
                    entry.note_hop(&hop);
                }
                entry.story.to_itself(hop);
            }
            (Kind::Kernel, SIGXCPU) => entry.story.to_itself(hop),
            _ if r.reason == Reason::CoreDumping => {
                entry.note_hop(&hop);
                entry.story.dumping(hop);
            }
            (_, SIGKILL) if is_protected => {
                entry.attempt(&hop);
                entry.story.refuse(hop);
            }
            (Kind::ParentDeath, _) => entry.asked(hop),
            (Kind::Tty, SIGINT | SIGQUIT) => entry.asked(hop),
            (Kind::Process, _) if r.reason != Reason::TargetExiting => match judge::meaning(r) {
                Meaning::Stop => entry.asked(hop),
                Meaning::Perhaps => entry.perhaps = Some(hop),
                Meaning::Other => {}
            },
            _ => {}
        }
        if let Some(key) = key(process) {
            self.wake_at(key);
        }
    }

    pub(super) fn deliver(&mut self, r: &record::Deliver) {
        let process = &r.target.process;
        let Some(entry) = self.of(process) else {
            return;
        };
        let is_main = key(&entry.story.main) == key(process);
        let taken = Taken {
            mono_ns: r.when.mono_ns,
            outcome: r.outcome,
            reason: r.reason,
        };
        let sig = r.signal.number;
        entry.story.taken(r.generated_mono_ns, sig, process, taken);
        if let Some(perhaps) = &mut entry.perhaps
            && is_main
            && r.generated_mono_ns == Some(perhaps.when.mono_ns)
        {
            perhaps.taken = Some(taken);
        }
        if is_main && r.reason == Reason::UnkillableInitAtDequeue {
            let signal = SignalName {
                number: sig,
                name: r.signal.name.clone(),
            };
            let text = format!(
                "{} is dropped when {} takes it: there is no handler",
                signal.name,
                words::process(process)
            );
            entry.story.lost_at_dequeue(r.when, signal);
            entry
                .story
                .note(reference(r.when, Referred::Deliver), false, text);
        } else if is_main && r.outcome == Outcome::Handled && entry.phase != Phase::Dormant {
            let text = format!(
                "a handler of {} takes {}",
                words::process(process),
                r.signal.name
            );
            entry
                .story
                .note(reference(r.when, Referred::Deliver), false, text);
        }
    }

    pub(super) fn exit(&mut self, r: &record::Exit) {
        let exited = Exited {
            when: r.when,
            process: r.process.clone(),
            code: r.exit_code,
            signal: r.signal.clone(),
            core_dumped: r.core_dumped,
        };
        let Some(own) = key(&r.process) else { return };
        let known = self.entries.contains_key(&own);
        if !r.is_init && !known {
            return self.member_exits(own, exited);
        }
        let ends_here = !r.is_init || !self.sees_zap;
        let Some(entry) = self.entry(&r.process, r.is_init, r.container.as_ref(), r.when) else {
            return;
        };
        entry.before_exit(r.when);
        let text = words::exited(&exited);
        entry.story.note(exited.reference(), true, text);
        entry.dying(r.when);
        // What an exit follows on is counted from the exit.
        if !matches!(entry.phase, Phase::Over { .. }) {
            entry.phase = Phase::Dying {
                since: r.when.mono_ns,
            };
        }
        entry.story.exit.get_or_insert(exited);
        if ends_here {
            entry.phase = Phase::Over { at: r.when.mono_ns };
        }
        self.wake_at(own);
    }

    pub(super) fn zap(&mut self, r: &record::Zap) {
        let Some(own) = key(&r.init) else { return };
        let Some(entry) = self.entry(&r.init, true, r.container.as_ref(), r.when) else {
            return;
        };
        match r.phase {
            ZapPhase::Begin => {
                entry
                    .story
                    .zap_begins(r.when, r.killed.as_deref().unwrap_or_default());
                let count = r.killed.as_ref().map_or(0, Vec::len) as u64;
                let text = format!(
                    "its PID namespace ends, and takes {} along",
                    words::processes(count)
                );
                entry
                    .story
                    .note(reference(r.when, Referred::Zap), true, text);
                entry.dying(r.when);
                if !matches!(entry.phase, Phase::Over { .. }) {
                    entry.phase = Phase::Dying {
                        since: r.when.mono_ns,
                    };
                }
            }
            ZapPhase::End => {
                if let Some(zap) = &mut entry.story.zap {
                    zap.ended = Some(r.when);
                    zap.duration_ns = r.duration_ns;
                }
                let text = "its PID namespace has ended".to_owned();
                entry
                    .story
                    .note(reference(r.when, Referred::Zap), true, text);
                entry.phase = Phase::Over { at: r.when.mono_ns };
            }
        }
        self.wake_at(own);
    }
}

fn reference(when: When, record: Referred) -> Reference {
    Reference {
        mono_ns: when.mono_ns,
        record,
    }
}
