//! A signal generated, a signal taken from the queue.

use tracer_common::{
    facts::{DeliverCore, DeliverFull, PidLevels, SignalCore, SignalFull, bits, handler},
    signals::{SIGCHLD, SIGKILL, SIGTERM},
};

use super::{Assembler, containers::Whose, people};
use crate::{
    container::role,
    decide::{
        self, Frozen, Handler, Info, Outcome, Relation, Sender, Situation, Step, Target,
        TraceResult, Walk,
        deliver::Delivery,
        names,
        sender::{self, Kind},
        situation::{self, PF_EXITING, SIGNAL_GROUP_EXIT, SIGNAL_UNKILLABLE},
        words,
    },
    record::{self, PathStep, Process, Record, Scope, SignalId, ZapVictim},
};

impl Assembler {
    pub(super) fn signal(
        &mut self,
        core: &SignalCore,
        full: Option<&SignalFull>,
        out: &mut Vec<Record>,
    ) {
        let ts = core.header.ts;
        let target_key = (core.target.tgid, core.target.start);
        let sender_key = (core.sender.tgid, core.sender.start);
        let situation = self.situation(core, full);
        let mut walk = if self.options.walk {
            Walk::on()
        } else {
            Walk::off()
        };
        let decision = decide::generate::decide(&situation, &mut walk);
        let forced = !matches!(situation.result, TraceResult::Refused(_))
            && decide::force::force(&situation, &mut Walk::off());
        let kind = sender::kind(&situation);

        // What must be remembered, whoever wants to see the record.
        let begun =
            decision.outcome == Outcome::Fatal || core.signal_flags & SIGNAL_GROUP_EXIT != 0;
        if begun {
            self.dying.insert(target_key, ());
        }
        let reached = matches!(decision.outcome, Outcome::Queued | Outcome::Fatal);
        // One that was pending already has reached it as well.
        if situation.sig == SIGTERM && (reached || decision.outcome == Outcome::Coalesced) {
            self.saw_sigterm.insert(target_key, ());
        }
        if reached {
            self.awaited.queued(
                target_key,
                (!situation.group).then_some(core.target.tid),
                situation.sig,
                situation.result == TraceResult::LoseInfo,
                ts,
            );
        }
        let target_levels =
            full.map_or_else(|| people::host_levels(&core.target), |full| full.target_pid);
        let container = self.containers.of(Whose {
            task: &core.target,
            levels: &target_levels,
            cgroups: full.map(|full| &full.target_cgroups),
            reaper: full.map(|full| &full.reaper),
            now: ts,
        });
        let target = people::process(
            &core.target,
            &target_levels,
            full.map(|full| &full.target_cgroups),
            container,
            self.options.uid_known,
        );
        // The zap also hits threads of the dying init itself, to no effect.
        if kind == Kind::Zap && decision.outcome != Outcome::Dropped {
            let sees_sigterm = self.options.sees_sigterm
                && (self.seen_whole.is_all()
                    || target
                        .container
                        .as_deref()
                        .is_some_and(|container| self.seen_whole.takes(container)));
            let victim = ZapVictim {
                process: target.clone(),
                had_sigterm_handler: match core.sigterm_handler {
                    handler::UNKNOWN => None,
                    class => Some(class == handler::FUNCTION),
                },
                saw_sigterm: sees_sigterm.then(|| self.saw_sigterm.contains(&target_key)),
            };
            self.zaps.kill(sender_key, ts, victim);
        }
        if core.bits & bits::BYPASS == 0 {
            let sender = self.sender(core, full, kind, &target);
            out.push(Record::Signal(Box::new(record::Signal {
                when: self.when(ts),
                signal: signal_id(situation.sig, core.code),
                sender,
                target: target_record(target, core, &situation, self.options.frozen_known),
                scope: if situation.group {
                    Scope::Process
                } else {
                    Scope::Thread
                },
                relation: people::shown_relation(sender::relation(&situation, kind)),
                forced,
                result: shown_result(situation.result),
                outcome: decision.outcome,
                reason: decision.reason,
                rule: decision.rule.into(),
                explanation: words::generated(&situation, &decision, kind),
                path: path(walk),
            })));
        }
        // A zapping init sends nothing after its SIGKILLs but the SIGCHLD that
        // tells its parent that it is gone. Where the function's return is seen, that
        // came first and nothing is left to end; but a kretprobe can be missed.
        if situation.sig == SIGCHLD {
            self.zap_ends(sender_key, ts, out);
        }
    }

    fn situation(&self, core: &SignalCore, full: Option<&SignalFull>) -> Situation {
        let has = |bit| core.bits & bit != 0;
        let target_key = (core.target.tgid, core.target.start);
        let is_target = (core.sender.tgid, core.sender.start) == target_key;
        // Who has released itself has no number at any level.
        let level = |levels: &PidLevels| people::known(levels).map_or(0, |known| known.level);
        Situation {
            sig: u32::from(core.sig),
            code: core.code,
            info: Info::from_fact(core.info),
            group: core.group != 0,
            result: TraceResult::from_fact(core.result),
            relation: match full {
                Some(full) if !is_target => {
                    people::relation(&full.sender_pid, &full.target_pid, full.sender_nr)
                }
                _ => Relation::Same,
            },
            sender: Sender {
                nr_in_target: full.map_or(core.sender.tgid, |full| full.sender_nr),
                pf_flags: core.sender.flags,
                nr: full.map_or(core.sender.tgid, |full| full.sender_pid.nr),
                level: full.map_or(0, |full| level(&full.sender_pid)),
                is_idle: core.sender.tid == 0,
                is_target,
            },
            target: Target {
                level: full.map_or(0, |full| level(&full.target_pid)),
                nr: full.map_or(core.target.tgid, |full| full.target_pid.nr),
                pf_flags: core.target.flags,
                signal_flags: core.signal_flags,
                group_exit_code: core.group_exit_code,
                exit_state: u32::from(core.exit_state),
                live: u32::from(core.live),
                handler: Handler::from_fact(core.handler),
                blocked: has(bits::BLOCKED),
                real_blocked: has(bits::REAL_BLOCKED),
                ptraced: has(bits::PTRACED),
                core_dump: has(bits::CORE_DUMP),
                frozen: situation::frozen(core, self.options.frozen_in_state),
                was_dying: self.dying.contains(&target_key),
            },
            pdeath_signal: full.map_or(0, |full| full.pdeath_signal),
            oom_victim: self.is_oom_victim(core.target.tgid, core.header.ts),
        }
    }

    fn sender(
        &mut self,
        core: &SignalCore,
        full: Option<&SignalFull>,
        kind: Kind,
        target: &Process,
    ) -> record::Sender {
        if !kind.names_a_process() {
            return record::Sender {
                kind,
                process: Process::NONE,
                ancestors: Vec::new(),
                role: None,
                role_words: None,
                injected: false,
            };
        }
        let levels = full.map_or_else(|| people::host_levels(&core.sender), |full| full.sender_pid);
        // Two that live at the same time in one namespace have the same init.
        let reaper = full
            .filter(|full| {
                (full.sender_pid.level, full.sender_pid.inum)
                    == (full.target_pid.level, full.target_pid.inum)
            })
            .map(|full| &full.reaper);
        let container = self.containers.of(Whose {
            task: &core.sender,
            levels: &levels,
            cgroups: full.map(|full| &full.sender_cgroups),
            reaper,
            now: core.header.ts,
        });
        let mut sender = record::Sender {
            kind,
            process: people::process(
                &core.sender,
                &levels,
                full.map(|full| &full.sender_cgroups),
                container,
                self.options.uid_known,
            ),
            ancestors: full.map_or_else(Vec::new, |full| people::ancestors(&full.ancestors)),
            role: None,
            role_words: None,
            injected: full
                .is_some_and(|full| people::is_injected(&full.sender_pid, full.parent_nr)),
        };
        // On the host nobody is anything to a container.
        if target.container.is_some()
            && let Some((role, words)) = role::of_record(&sender, target)
        {
            sender.role = Some(role.id().into());
            sender.role_words = Some(words);
        }
        sender
    }

    pub(super) fn deliver(
        &mut self,
        core: &DeliverCore,
        full: Option<&DeliverFull>,
        out: &mut Vec<Record>,
    ) {
        let sig = u32::from(core.sig);
        let key = (core.target.tgid, core.target.start);
        let delivery = Delivery {
            sig,
            info: Info::from_fact(core.info),
            handler: Handler::from_fact(core.handler),
            signal_flags: core.signal_flags,
        };
        let mut walk = if self.options.walk {
            Walk::on()
        } else {
            Walk::off()
        };
        let decision = decide::deliver::decide(&delivery, &mut walk);
        let levels = full.map_or_else(|| people::host_levels(&core.target), |full| full.target_pid);
        let container = self.containers.of(Whose {
            task: &core.target,
            levels: &levels,
            cgroups: full.map(|full| &full.target_cgroups),
            reaper: full.map(|full| &full.reaper),
            now: core.header.ts,
        });
        let is_init = people::is_ns_init(&levels);
        let generated = self.awaited.taken(key, core.target.tid, sig);
        let group_exit = core.signal_flags & SIGNAL_GROUP_EXIT != 0;
        if group_exit {
            self.dying.insert(key, ());
        }
        out.push(Record::Deliver(Box::new(record::Deliver {
            when: self.when(core.header.ts),
            signal: signal_id(sig, core.code),
            target: record::Target {
                process: people::process(
                    &core.target,
                    &levels,
                    full.map(|full| &full.target_cgroups),
                    container,
                    self.options.uid_known,
                ),
                is_init,
                is_global_init: levels.level == 0 && levels.nr == 1,
                unkillable: core.signal_flags & SIGNAL_UNKILLABLE != 0,
                disposition: people::disposition(delivery.handler),
                // It has just left the queue: it is neither.
                blocked: Some(false),
                sigwait: Some(false),
                ptraced: core.bits & bits::PTRACED != 0,
                exiting: group_exit || core.target.flags & PF_EXITING != 0,
                // A frozen task takes nothing from its queue but SIGKILL (v2).
                frozen: None,
                sigterm_disposition: None,
            },
            outcome: decision.outcome,
            reason: decision.reason,
            rule: decision.rule.into(),
            explanation: words::delivered(
                sig,
                is_init,
                &decision,
                if group_exit {
                    core.group_exit_code & 0x7f
                } else {
                    0
                },
            ),
            latency_ns: generated.map(|at| core.header.ts.saturating_sub(at)),
            generated_mono_ns: generated,
            path: path(walk),
        })));
    }
}

/// A signal and its code, with their names.
pub(crate) fn signal_id(sig: u32, code: i32) -> SignalId {
    SignalId {
        number: sig,
        name: names::signal(sig).into(),
        code,
        code_name: names::code(sig, code),
    }
}

fn target_record(
    process: Process,
    core: &SignalCore,
    s: &Situation,
    frozen_known: bool,
) -> record::Target {
    let t = &s.target;
    record::Target {
        process,
        is_init: t.is_ns_init(),
        is_global_init: t.is_global_init(),
        unkillable: core.signal_flags & SIGNAL_UNKILLABLE != 0,
        disposition: people::disposition(t.handler),
        blocked: Some(t.blocked),
        sigwait: Some(t.sigwait()),
        ptraced: t.ptraced,
        exiting: t.was_dying
            || t.live == 0
            || t.signal_flags & SIGNAL_GROUP_EXIT != 0
            || t.pf_flags & PF_EXITING != 0,
        frozen: frozen_known.then_some(t.frozen != Frozen::No),
        sigterm_disposition: (s.sig == SIGKILL)
            .then(|| people::disposition(Handler::from_fact(core.sigterm_handler)))
            .flatten(),
    }
}

fn shown_result(result: TraceResult) -> record::TraceResult {
    match result {
        TraceResult::Delivered => record::TraceResult::Delivered,
        TraceResult::Ignored => record::TraceResult::Ignored,
        TraceResult::AlreadyPending => record::TraceResult::AlreadyPending,
        TraceResult::OverflowFail => record::TraceResult::OverflowFail,
        TraceResult::LoseInfo => record::TraceResult::LoseInfo,
        TraceResult::Refused(_) => record::TraceResult::Refused,
        TraceResult::Unknown(_) => record::TraceResult::Unknown,
    }
}

/// The walk, as records have it.
pub(crate) fn path(walk: Walk) -> Vec<PathStep> {
    walk.into_steps()
        .into_iter()
        .map(
            |Step {
                 function,
                 test,
                 holds,
                 values,
             }| PathStep {
                function: function.into(),
                test: test.into(),
                holds,
                values,
            },
        )
        .collect()
}
