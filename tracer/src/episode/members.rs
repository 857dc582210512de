//! The other processes of a container: whose they are, what they got, and when
//! they ended.

use tracer_common::signals::SIGKILL;

use super::{
    Episodes,
    entry::{Entry, Phase},
    story::{Exited, Hop, Key, Story, key},
    words,
};
use crate::decide::{Outcome, sender::Kind};
use crate::record::{Process, Signal};

/// Victims whose exit is awaited at one time.
const AWAITED: usize = 16_384;

/// Whether a runtime, or the OOM killer, signals the main process of a container
/// that is no init: one in a shared PID namespace or in the host's.
pub fn is_shared_main(r: &Signal) -> bool {
    let process = &r.target.process;
    let container = process.container.as_ref();
    (r.sender.role.as_deref() == Some("runtime") || r.sender.kind == Kind::Oom)
        && process.ns_pid != Some(1)
        && process.pid.is_some()
        && container.is_some_and(|c| c.id.is_some() && c.init_pid == process.pid)
}

impl Episodes {
    /// The entry that a process belongs to.
    pub(super) fn of(&mut self, process: &Process) -> Option<&mut Entry> {
        let key = self.key_of(process)?;
        self.entries.get_mut(&key)
    }

    fn key_of(&self, process: &Process) -> Option<Key> {
        if self.entries.is_empty() {
            return None;
        }
        if let Some(own) = key(process).filter(|own| self.entries.contains_key(own)) {
            return Some(own);
        }
        let container = process.container.as_ref();
        let by_id = container
            .and_then(|c| c.id.as_ref())
            .and_then(|id| self.by_container.get(id));
        if let Some(key) = by_id {
            return Some(*key);
        }
        let key = *self.by_namespace.get(&process.pid_ns?)?;
        // An inode is reused; the init's pid tells whose it is now.
        let init = container
            .filter(|c| c.id.is_none())
            .and_then(|c| c.init_pid);
        init.is_none_or(|init| init == key.0).then_some(key)
    }

    /// An init of which only the pid was known is this one.
    pub(super) fn adopt(&mut self, key: Key, main: &Process) {
        let nameless = (key.0, 0);
        if key.1 == 0 || self.entries.contains_key(&key) {
            return;
        }
        let is_same = |entry: &Entry| entry.story.main.pid_ns == main.pid_ns;
        if self.entries.get(&nameless).is_some_and(is_same)
            && let Some(entry) = self.entries.remove(&nameless)
        {
            for of in self.by_namespace.values_mut() {
                if *of == nameless {
                    *of = key;
                }
            }
            for of in self.awaited.values_mut() {
                if *of == nameless {
                    *of = key;
                }
            }
            self.entries.insert(key, entry);
        }
    }

    pub(super) fn member_gets(&mut self, r: &Signal) {
        let process = &r.target.process;
        if r.sender.kind == Kind::Oom && r.signal.number == SIGKILL {
            return self.oom(r);
        }
        let Some(entry) = self.of(process) else {
            return;
        };
        if entry.phase == Phase::Dormant || r.outcome == Outcome::Failed {
            return;
        }
        let hop = Hop::new(r);
        let text = words::hop(&hop);
        entry.story.note(hop.reference(), false, text);
        if hop.is_by_process() && key(&r.sender.process) == key(&entry.story.main) {
            entry.story.forward(hop);
        } else {
            entry.story.member(hop);
        }
    }

    fn oom(&mut self, r: &Signal) {
        let process = &r.target.process;
        let when = r.when;
        let main = match self.of(process) {
            Some(entry) => entry.story.main.clone(),
            None => {
                let Some(main) = unseen_init(process) else {
                    return;
                };
                main
            }
        };
        let is_init = main.ns_pid == Some(1);
        let Some(entry) = self.entry(&main, is_init, process.container.as_ref(), when) else {
            return;
        };
        let hop = Hop::new(r);
        entry.attempt(&hop);
        entry.story.out_of_memory(hop);
        if let Some(key) = key(&main) {
            self.wake_at(key);
        }
    }

    pub(super) fn zap_kill(&mut self, r: &Signal) {
        let Some(own) = key(&r.sender.process) else {
            return;
        };
        if let Some(entry) = self.entries.get_mut(&own) {
            let hop = Hop::new(r);
            if key(&hop.target) == Some(own) {
                return;
            }
            entry.story.zap_kill(hop);
            if let Some(victim) = key(&r.target.process)
                && self.awaited.len() < AWAITED
            {
                self.awaited.insert(victim, own);
            }
        }
        // An init of a namespace within ends with the outer one.
        if r.target.is_init
            && let Some(inner) = key(&r.target.process)
            && inner != own
            && let Some(entry) = self.entry(
                &r.target.process,
                true,
                r.target.process.container.as_ref(),
                r.when,
            )
            && entry.story.kill.is_none()
        {
            entry.story.outer = !entry.story.is_news();
        }
    }

    pub(super) fn member_exits(&mut self, own: Key, exited: Exited) {
        let of_zap = self.awaited.remove(&own);
        let Some(key) = of_zap.or_else(|| self.key_of(&exited.process)) else {
            return;
        };
        if let Some(entry) = self.entries.get_mut(&key)
            && entry.phase != Phase::Dormant
        {
            if of_zap.is_none() {
                let text = words::exited(&exited);
                entry.story.note(exited.reference(), false, text);
            }
            entry.story.exited(exited);
        }
    }
}

/// The init of a container of which only a member was seen.
fn unseen_init(member: &Process) -> Option<Process> {
    let container = member.container.as_ref()?;
    // In a namespace that is not its own it is no PID 1, and nobody tells its name.
    let is_inside = member.ns_level.is_some_and(|level| level > 0) && container.init_comm.is_some();
    Some(Process {
        pid: Some(container.init_pid?),
        tid: container.init_pid,
        start_ns: Some(0),
        ns_pid: is_inside.then_some(1),
        pid_ns: member.pid_ns,
        ns_level: member.ns_level,
        comm: container.init_comm,
        container: Some(container.clone()),
        ..Process::NONE
    })
}

impl Story {
    /// What the main process passed on of the signal that it got.
    pub fn passed_on(&self) -> impl Iterator<Item = &Hop> {
        let after = self.first_stop().map_or(0, |stop| stop.when.mono_ns);
        let sig = self.first_stop().map_or(0, |stop| stop.signal.number);
        self.forwards.iter().filter(move |hop| {
            hop.when.mono_ns >= after
                && (hop.signal.number == sig
                    || hop.signal.number == tracer_common::signals::SIGTERM)
        })
    }
}
