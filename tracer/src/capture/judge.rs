//! Who was asked for by name, judged once the name is known, so that the kernel
//! side can leave out the others.
//!
//! A container is seen before it has a name. Until it has, everything about it
//! passes the kernel, and its records wait a moment, since a filter that has not
//! heard the name would drop what was asked for. Once the name is settled and
//! nobody asked for it, the kernel is told where its processes are
//! (`UNWANTED`). That holds for this init by this name only, and is taken back
//! should the name turn out another: what is wanted is never lost.
//!
//! Not here: what matches ([`Wanted`]), and the rest of the view.

use std::collections::HashMap;

use tracer_common::{
    facts::{Cgroups, PidLevels, Reaper, Task},
    filters::{self, Init, Place},
    globals::FILTER_ENTRIES,
};

use crate::{
    assemble::{Assembler, Whose},
    container::{Subject, Wanted, cgroupfs::Hierarchy},
    decode::Fact,
};

/// How long a record may wait for a name, in ns: some times what it takes to read
/// a runtime's files, and less than what anybody waits for.
const PATIENCE_NS: u64 = 250_000_000;

/// Records whose containers' names are waited for at one time.
const WAITING: usize = 64;

/// A process at one end of an event.
#[derive(Debug, Clone, Copy)]
struct End {
    task: Task,
    levels: PidLevels,
    cgroups: Cgroups,
    reaper: Option<Reaper>,
}

impl End {
    fn whose(&self, now: u64) -> Whose<'_> {
        Whose {
            task: &self.task,
            levels: &self.levels,
            cgroups: Some(&self.cgroups),
            reaper: self.reaper.as_ref(),
            now,
        }
    }

    /// The target of an event, where it may be in a container.
    fn target(fact: &Fact) -> Option<Self> {
        let (task, levels, cgroups, reaper) = match fact {
            Fact::SignalFull(f) => (f.core.target, f.target_pid, f.target_cgroups, f.reaper),
            Fact::DeliverFull(f) => (f.core.target, f.target_pid, f.target_cgroups, f.reaper),
            Fact::Exit(f) => (f.task, f.pid, f.cgroups, f.reaper),
            _ => return None,
        };
        Some(Self {
            task,
            levels,
            cgroups,
            reaper: Some(reaper),
        })
    }

    fn sender(fact: &Fact) -> Option<Self> {
        let Fact::SignalFull(fact) = fact else {
            return None;
        };
        Some(Self {
            task: fact.core.sender,
            levels: fact.sender_pid,
            cgroups: fact.sender_cgroups,
            reaper: None,
        })
    }

    fn place(&self) -> Place {
        filters::place(self.cgroups.v2, self.cgroups.v1, self.levels.inum)
    }

    fn init(&self) -> Option<Init> {
        if self.levels.level == 0 {
            return Some([0; 3]);
        }
        let reaper = self.reaper.filter(|reaper| reaper.tgid != 0)?;
        let (low, high) = reaper.comm.split_at(8);
        let word = |bytes: &[u8]| bytes.try_into().map(u64::from_ne_bytes).unwrap_or_default();
        Some(filters::init(reaper.start, [word(low), word(high)]))
    }
}

/// What the kernel side is to be told: an entry of `UNWANTED`, or its end.
pub type Change = (Place, Option<Init>);

/// Judges by what was asked for.
#[derive(Debug, Default)]
pub struct Judge {
    targets: Wanted,
    senders: Wanted,
    /// What the kernel side was told.
    unwanted: HashMap<Place, Init>,
    /// Times of records, and whose names they wait for.
    waiting: Vec<(u64, End, bool)>,
    changes: Vec<Change>,
}

impl Judge {
    pub fn new(targets: Wanted, senders: Wanted) -> Self {
        Self {
            targets,
            senders,
            ..Self::default()
        }
    }

    /// Whether there is anything to judge.
    pub fn is_idle(&self) -> bool {
        self.targets.is_all() && self.senders.is_all()
    }

    /// Looks at a record before its turn, which lets the name be asked for.
    pub fn foresee(&mut self, fact: &Fact, assembler: &mut Assembler) {
        let now = fact.header().ts;
        let ends = [(End::target(fact), false), (End::sender(fact), true)];
        for (end, is_sender) in ends {
            let Some(end) = end else { continue };
            // Who waits already is waited for.
            let is_known = self.waiting.iter().any(|(_, other, of_sender)| {
                *of_sender == is_sender
                    && (other.place(), other.init()) == (end.place(), end.init())
            });
            if !is_known
                && self.waiting.len() < WAITING
                && self.is_open(&end, is_sender, now, assembler)
            {
                self.waiting.push((now, end, is_sender));
            }
        }
    }

    /// Whether a name that may come would make a difference.
    fn is_open(&self, end: &End, is_sender: bool, now: u64, assembler: &mut Assembler) -> bool {
        let wanted = if is_sender {
            &self.senders
        } else {
            &self.targets
        };
        if wanted.is_all() {
            return false;
        }
        let (container, is_settled) = assembler.judge(end.whose(now));
        !is_settled && !container.is_some_and(|container| wanted.takes(&*container))
    }

    /// The time before which no name is waited for; `now` in ns since boot.
    pub fn watermark(&mut self, now: u64, assembler: &mut Assembler) -> Option<u64> {
        let mut waiting = std::mem::take(&mut self.waiting);
        waiting.retain(|(ts, end, is_sender)| {
            now.saturating_sub(*ts) < PATIENCE_NS && self.is_open(end, *is_sender, now, assembler)
        });
        self.waiting = waiting;
        let first = self.waiting.iter().map(|(ts, ..)| *ts).min()?;
        Some(first.saturating_sub(1))
    }

    /// Judges the target of an event whose turn has come.
    pub fn see(&mut self, fact: &Fact, assembler: &mut Assembler) {
        if self.targets.is_all() {
            return;
        }
        let Some(end) = End::target(fact) else { return };
        let (place, Some(init)) = (end.place(), end.init()) else {
            return;
        };
        if self.unwanted.get(&place) == Some(&init) {
            return;
        }
        let (container, is_settled) = assembler.judge(end.whose(fact.header().ts));
        if !is_settled || container.is_some_and(|container| self.targets.takes(&*container)) {
            return;
        }
        if self.unwanted.len() >= FILTER_ENTRIES as usize {
            // The kernel forgets them one by one; this has to know all that is there.
            let all = self.unwanted.drain().map(|(place, _)| (place, None));
            self.changes.extend(all);
        }
        self.unwanted.insert(place, init);
        self.changes.push((place, Some(init)));
    }

    /// Takes back what was judged by another name.
    pub fn renamed(&mut self, subjects: &[Subject]) {
        for subject in subjects {
            let concerns = |place: &Place| match subject {
                Subject::Cgroup(id) => match id.hierarchy {
                    Hierarchy::V2 => place[0] == id.id,
                    Hierarchy::V1 => place[1] == id.id,
                },
                Subject::PidNs(inode) => place[2] == u64::from(*inode),
            };
            let gone: Vec<Place> = self.unwanted.keys().copied().filter(concerns).collect();
            for place in gone {
                self.unwanted.remove(&place);
                self.changes.push((place, None));
            }
        }
    }

    /// What the kernel side does not know yet, in its order.
    pub fn take_changes(&mut self) -> Vec<Change> {
        std::mem::take(&mut self.changes)
    }
}

#[cfg(test)]
mod tests {
    use tracer_common::facts::{Header, SignalCore, SignalFull};

    use super::*;
    use crate::assemble::Options;
    use crate::container::{Answer, Identity, Pattern, Verdict};
    use crate::record::{Runtime, ZapSource};

    const AT: u64 = 5_000_000_000;

    /// To a process in cgroup 50 and PID namespace 7, whose init is `init`.
    fn signal(init: u32, comm: &[u8; 16]) -> Fact {
        Fact::SignalFull(Box::new(SignalFull {
            core: SignalCore {
                header: Header {
                    ts: AT,
                    ..Header::default()
                },
                ..SignalCore::default()
            },
            target_pid: PidLevels {
                level: 1,
                nr: 2,
                inum: 7,
                ..PidLevels::default()
            },
            target_cgroups: Cgroups { v2: 50, v1: 0 },
            reaper: Reaper {
                start: u64::from(init),
                tgid: init,
                _pad: 0,
                comm: *comm,
            },
            ..SignalFull::default()
        }))
    }

    const BASH: &[u8; 16] = b"bash\0\0\0\0\0\0\0\0\0\0\0\0";

    fn assembler() -> Assembler {
        Assembler::new(Options {
            clock_offset_ns: 0,
            walk: false,
            frozen_in_state: true,
            frozen_known: true,
            uid_known: true,
            sees_sigterm: true,
            zap_source: ZapSource::Inferred,
            v1_hierarchy: None,
            names: true,
        })
    }

    fn named(name: &str, complete: bool) -> Verdict {
        let mut identity = Identity::new(Runtime::Docker);
        identity.name = Some(name.to_owned());
        identity.complete = complete;
        Verdict::Container(Box::new(identity))
    }

    /// Answers all that is due at some time.
    fn answer(assembler: &mut Assembler, now: u64, verdict: &Verdict) {
        let registry = assembler.registry();
        for question in registry.wants(now) {
            let answer = Answer {
                subject: question.subject,
                process: question.process,
                verdict: verdict.clone(),
            };
            registry.learn(answer, now);
        }
    }

    fn asked_for(name: &str) -> Judge {
        let wanted = Wanted {
            called: vec![Pattern::new(name)],
            ..Wanted::default()
        };
        Judge::new(wanted, Wanted::default())
    }

    #[test]
    fn a_record_waits_for_the_name_and_no_longer() {
        let (mut judge, mut assembler) = (asked_for("web"), assembler());
        judge.foresee(&signal(100, BASH), &mut assembler);
        assert_eq!(judge.watermark(AT + 1, &mut assembler), Some(AT - 1));
        answer(&mut assembler, AT, &named("web", true));
        assert_eq!(judge.watermark(AT + 2, &mut assembler), None);
        judge.see(&signal(100, BASH), &mut assembler);
        assert!(judge.take_changes().is_empty(), "it is wanted");

        let (mut judge, mut assembler) = (asked_for("web"), self::assembler());
        judge.foresee(&signal(100, BASH), &mut assembler);
        let last = AT + PATIENCE_NS - 1;
        assert!(judge.watermark(last, &mut assembler).is_some());
        assert_eq!(judge.watermark(last + 1, &mut assembler), None);
        judge.see(&signal(100, BASH), &mut assembler);
        assert!(judge.take_changes().is_empty(), "nothing is known yet");
    }

    #[test]
    fn who_goes_by_a_wanted_name_already_waits_for_nothing() {
        let (mut judge, mut assembler) = (asked_for("bas?"), assembler());
        judge.foresee(&signal(100, BASH), &mut assembler);
        assert_eq!(judge.watermark(AT, &mut assembler), None);
        let (mut idle, fact) = (Judge::default(), signal(100, BASH));
        idle.foresee(&fact, &mut assembler);
        idle.see(&fact, &mut assembler);
        assert!(idle.is_idle() && idle.take_changes().is_empty());
    }

    #[test]
    fn the_unwanted_is_told_once_and_by_its_init() {
        let (mut judge, mut assembler) = (asked_for("web"), assembler());
        judge.foresee(&signal(100, BASH), &mut assembler);
        answer(&mut assembler, AT, &named("db", true));
        for _ in 0..3 {
            judge.see(&signal(100, BASH), &mut assembler);
        }
        let bash = u64::from_ne_bytes(*b"bash\0\0\0\0");
        assert_eq!(judge.take_changes(), [([50, 0, 7], Some([100, bash, 0]))]);
        // The same place with an init of another name is judged by that.
        judge.see(
            &signal(100, b"web\0\0\0\0\0\0\0\0\0\0\0\0\0"),
            &mut assembler,
        );
        assert!(judge.take_changes().is_empty());
    }

    #[test]
    fn a_better_name_takes_it_back() {
        let (mut judge, mut assembler) = (asked_for("web"), assembler());
        judge.foresee(&signal(100, BASH), &mut assembler);
        for seconds in 0..4 {
            judge.see(&signal(100, BASH), &mut assembler);
            assert!(judge.take_changes().is_empty(), "not settled: {seconds}");
            answer(
                &mut assembler,
                AT + seconds * 1_000_000_000,
                &Verdict::Unknown,
            );
        }
        judge.see(&signal(100, BASH), &mut assembler);
        assert_eq!(judge.take_changes().len(), 1);
        answer(&mut assembler, AT + 10_000_000_000, &named("web", true));
        let renamed = assembler.registry().take_renamed();
        judge.renamed(&renamed);
        assert_eq!(judge.take_changes(), [([50, 0, 7], None)]);
        judge.see(&signal(100, BASH), &mut assembler);
        assert!(judge.take_changes().is_empty());
    }
}
