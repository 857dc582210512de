//! Every step that a lesson can take does what it says, without a tracer.

mod waits;

use std::path::Path;
use std::time::{Duration, Instant};

use sigwhy::decide::{Outcome, Reason};
use sigwhy::explain::{self, Question, Set, Target};
use sigwhy::lab::arena::Status;
use sigwhy::lab::scenario::{Expect, Fate, MaskSet, Scenario, Seen, Step};
use sigwhy::lab::stage::{Backstage, Manner, Told, perform};

use crate::harness::slow;

const INT: u32 = 2;
const ABRT: u32 = 6;
const KILL: u32 = 9;
const USR1: u32 = 10;
const TERM: u32 = 15;
const CONT: u32 = 18;
const STOP: u32 = 19;
const RTMIN: u32 = 34;

const fn bit(signal: u32) -> u64 {
    1 << (signal - 1)
}

const HOST: Step = Step::Host { name: "host" };
const INIT: Step = Step::Init {
    name: "init",
    parent: "host",
};

const fn child(name: &'static str) -> Step {
    Step::Child {
        name,
        parent: "init",
    }
}

const fn kill(from: &'static str, to: &'static str, signal: u32) -> Step {
    Step::Kill { from, to, signal }
}

const fn fate(who: &'static str, fate: Fate) -> Expect {
    Expect::Fate { who, fate }
}

const fn scenario(
    setup: &'static [Step],
    steps: &'static [Step],
    expected: &'static [Expect],
) -> Scenario {
    Scenario {
        name: "test",
        title: "",
        summary: "",
        see: &[],
        prediction: "",
        setup,
        steps,
        expected,
        lesson: "",
        article: None,
        exercises: &[],
        functions: &[],
        also: 0,
    }
}

/// What the processes saw, and what was told.
fn performed(scenario: &Scenario) -> (Vec<Seen>, Vec<String>) {
    let begun = Instant::now();
    let backstage = Backstage::new(false);
    let manner = Manner::default();
    let exe = Path::new(env!("CARGO_BIN_EXE_sigwhy"));
    let performance = perform(scenario, exe, &manner, &backstage).expect("it is performed");
    let told = backstage.take_told();
    assert!(told.iter().map(|t| t.mono_ns).is_sorted(), "{told:?}");
    // Nothing of it waits out a limit of its own (5 s).
    assert!(begun.elapsed() < slow(Duration::from_secs(30)));
    let texts = told.into_iter().map(|Told { text, .. }| text).collect();
    (performance.seen, texts)
}

fn status(seen: &[Seen], name: &str) -> Option<Status> {
    seen.iter().find_map(|seen| match seen {
        Seen::Fate { who, status } if *who == name => Some(*status),
        _ => None,
    })
}

#[test]
fn dispositions_and_masks() {
    const SCENARIO: Scenario = scenario(
        &[HOST, INIT],
        &[
            Step::HandleAll {
                who: "init",
                mask: bit(INT) | bit(USR1) | bit(TERM),
            },
            Step::Default {
                who: "init",
                signal: TERM,
            },
            Step::Ignore {
                who: "init",
                signal: CONT,
            },
            Step::CannotHandle {
                who: "init",
                signal: KILL,
                errno: libc::EINVAL,
            },
            Step::Block {
                who: "init",
                signal: INT,
            },
            kill("host", "init", INT),
            Step::Look { who: "init" },
            Step::Peek { who: "init" },
        ],
        &[],
    );
    let (seen, told) = performed(&SCENARIO);
    let Seen::Masks { who: "init", sets } = &seen[0] else {
        panic!("{seen:?}")
    };
    assert_eq!(MaskSet::Caught.of(sets), bit(INT) | bit(USR1));
    assert_eq!(MaskSet::Ignored.of(sets), bit(CONT));
    assert_eq!(MaskSet::Blocked.of(sets), bit(INT));
    assert_eq!(MaskSet::Pending.of(sets), bit(INT));
    let peeked = Seen::Peeked {
        who: "init",
        state: 'S',
        parent: Some("host"),
    };
    assert_eq!(seen[1], peeked);
    let told = told.join("\n");
    for line in [
        "init sets a handler for SIGINT, SIGUSR1, SIGTERM",
        "init calls sigaction(SIGKILL): EINVAL",
        "  SigCgt 0000000000000202: SIGINT, SIGUSR1",
        "  SigPnd+ShdPnd 0000000000000002: SIGINT",
        "init is in state S (sleeping), its parent is host",
    ] {
        assert!(told.contains(line), "{line:?} is not in\n{told}");
    }
}

#[test]
fn what_the_kernel_refuses_and_what_is_only_asked() {
    const SCENARIO: Scenario = scenario(
        &[
            HOST,
            INIT,
            child("user"),
            Step::Init {
                name: "sibling",
                parent: "host",
            },
            Step::SetUid {
                who: "user",
                uid: 1000,
            },
        ],
        &[
            Step::Refused {
                from: "user",
                to: "init",
                signal: TERM,
                errno: libc::EPERM,
            },
            Step::Refused {
                from: "sibling",
                to: "user",
                signal: TERM,
                errno: libc::ESRCH,
            },
            Step::Probe {
                from: "user",
                to: "init",
                errno: libc::EPERM,
            },
            Step::Probe {
                from: "init",
                to: "user",
                errno: 0,
            },
            kill("init", "user", KILL),
            Step::Reap {
                who: "init",
                child: "user",
            },
        ],
        &[
            fate("user", Fate::KilledBy(KILL)),
            fate("init", Fate::Lives),
        ],
    );
    let (seen, told) = performed(&SCENARIO);
    let killed = Status::Signaled {
        signal: 9,
        core: false,
    };
    assert_eq!(status(&seen, "user"), Some(killed));
    assert_eq!(status(&seen, "init"), Some(Status::Alive));
    assert_eq!(told[0], "user calls kill(1, SIGTERM) for init: EPERM");
    assert!(told[1].ends_with(" for user: ESRCH"), "{told:?}");
    assert_eq!(told[2], "user calls kill(1, 0) for init: EPERM");
}

#[test]
fn groups_sessions_and_everybody() {
    const SCENARIO: Scenario = scenario(
        &[
            HOST,
            INIT,
            child("leader"),
            Step::Member {
                name: "member",
                parent: "leader",
            },
            Step::Member {
                name: "loner",
                parent: "leader",
            },
            Step::SetSid { who: "loner" },
            child("last"),
            child("pinned"),
            Step::Handle {
                who: "pinned",
                signal: USR1,
            },
        ],
        &[
            Step::KillGroup {
                from: "init",
                leader: "leader",
                signal: TERM,
            },
            Step::Die { who: "leader" },
            Step::Die { who: "member" },
            Step::Peek { who: "loner" },
            Step::KillAll {
                from: "last",
                signal: USR1,
            },
            Step::Die { who: "loner" },
            Step::Settle { who: "pinned" },
            Step::Count {
                who: "pinned",
                signal: USR1,
            },
        ],
        &[fate("last", Fate::Lives), fate("init", Fate::Lives)],
    );
    let (seen, told) = performed(&SCENARIO);
    // Orphaned: the namespace's init has adopted it.
    let adopted = Seen::Peeked {
        who: "loner",
        state: 'S',
        parent: Some("init"),
    };
    assert!(seen.contains(&adopted), "{seen:?}");
    let counted = Seen::Handled {
        who: "pinned",
        signal: USR1,
        times: 1,
    };
    assert!(seen.contains(&counted), "{seen:?}");
    assert_eq!(status(&seen, "last"), Some(Status::Alive));
    assert_eq!(status(&seen, "init"), Some(Status::Alive));
    assert!(told[0].starts_with("init calls kill(-"), "{told:?}");
    assert!(told.contains(&"last calls kill(-1, SIGUSR1)".to_owned()));
}

#[test]
fn what_a_process_does_to_itself() {
    const SCENARIO: Scenario = scenario(
        &[HOST, INIT, child("stopper"), child("faulty"), child("last")],
        &[
            Step::Raise {
                who: "init",
                signal: TERM,
            },
            Step::Raise {
                who: "stopper",
                signal: STOP,
            },
            Step::Peek { who: "stopper" },
            Step::Fault { who: "faulty" },
            Step::Peek { who: "faulty" },
            Step::Raise {
                who: "last",
                signal: TERM,
            },
            Step::Abort { who: "init" },
        ],
        &[
            fate("stopper", Fate::Stops(STOP)),
            fate("init", Fate::KilledBy(11)),
        ],
    );
    let (seen, _) = performed(&SCENARIO);
    let states: Vec<_> = seen
        .iter()
        .filter_map(|seen| match seen {
            Seen::Peeked { state, .. } => Some(*state),
            _ => None,
        })
        .collect();
    assert_eq!(states, ['T', 'Z']);
    // It took a fault to end it: abort()'s SIGABRT is dropped.
    let ended = status(&seen, "init");
    let by_fault =
        |s: &Status| matches!(s, Status::Signaled { signal, .. } if *signal != ABRT as i32);
    assert!(ended.as_ref().is_some_and(by_fault), "{ended:?}");
}

#[test]
fn one_group_over_two_containers_and_a_subreaper() {
    const fn member(name: &'static str) -> Step {
        Step::InitMember {
            name,
            parent: "script",
        }
    }
    const SCENARIO: Scenario = scenario(
        &[
            HOST,
            Step::Subreaper { who: "host" },
            Step::Child {
                name: "script",
                parent: "host",
            },
            member("init"),
            member("other"),
            child("child"),
        ],
        &[
            Step::CannotReap {
                who: "host",
                child: "other",
                errno: libc::ECHILD,
            },
            Step::KillOwnGroup {
                from: "init",
                signal: KILL,
            },
            Step::Die { who: "script" },
            Step::Die { who: "other" },
            Step::Peek { who: "init" },
            Step::Peek { who: "child" },
            Step::Reap {
                who: "host",
                child: "other",
            },
        ],
        &[
            fate("other", Fate::KilledBy(KILL)),
            fate("init", Fate::Lives),
        ],
    );
    let (seen, told) = performed(&SCENARIO);
    for (who, parent) in [("init", "host"), ("child", "init")] {
        let adopted = Seen::Peeked {
            who,
            state: 'S',
            parent: Some(parent),
        };
        assert!(seen.contains(&adopted), "{seen:?}");
    }
    let killed = Status::Signaled {
        signal: 9,
        core: false,
    };
    assert_eq!(status(&seen, "other"), Some(killed));
    assert_eq!(status(&seen, "init"), Some(Status::Alive));
    assert_eq!(told[0], "host calls waitpid() for other: ECHILD");
    assert_eq!(
        told[1],
        "init calls kill(0, SIGKILL): its own process group"
    );
}
