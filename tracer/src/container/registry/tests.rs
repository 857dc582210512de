use tracer_common::facts::{Cgroups, MAX_LEVELS};
use tracer_common::globals::INIT_PID_NS_INUM;

use super::*;
use crate::container::Kind;
use crate::container::Renamed;
use crate::container::cgroupfs::Hierarchy;
use crate::record::{Comm, Runtime};

mod bounds;
mod changes;

const HOST: u32 = INIT_PID_NS_INUM;

fn identity(name: &str) -> Identity {
    let mut identity = Identity::new(Runtime::Docker);
    identity.id = Some(format!("id-{name}"));
    identity.name = Some(name.to_owned());
    identity.complete = true;
    identity
}

/// In namespace `pid_ns` of the first level, whose init is `init`.
fn place(v2: u64, pid_ns: u32, init: u32) -> Place {
    let mut around = [0; MAX_LEVELS];
    around[0] = HOST;
    let process = |pid| ProcessId {
        pid,
        start_ns: u64::from(pid) * SECOND,
    };
    Place {
        cgroups: Cgroups { v2, v1: 0 },
        pid_ns,
        around,
        level: 1,
        init: Some((process(init), Comm::from("bash"))),
        process: process(init),
    }
}

fn on_host(v2: u64) -> Place {
    Place {
        around: [0; MAX_LEVELS],
        level: 0,
        init: None,
        ..place(v2, HOST, 1)
    }
}

/// Answers all that is due, by what the subject is.
fn answer(registry: &mut Registry, now: u64, by: impl Fn(&Question) -> Verdict) -> usize {
    let questions = registry.wants(now);
    for question in &questions {
        let answer = Answer {
            subject: question.subject,
            process: question.process,
            verdict: by(question),
        };
        registry.learn(answer, now);
    }
    questions.len()
}

fn named(name: &str) -> Verdict {
    Verdict::Container(Box::new(identity(name)))
}

fn name(found: Found) -> Option<String> {
    found.named().map(|container| container.name.clone())
}

fn cgroup(id: u64) -> Subject {
    Subject::Cgroup(CgroupId {
        hierarchy: Hierarchy::V2,
        id,
    })
}

#[test]
fn a_question_is_asked_once_and_its_answer_kept() {
    let mut registry = Registry::new();
    let at = place(50, 7, 100);
    assert_eq!(registry.find(&at, 0), Found::Pending);
    assert_eq!(registry.find(&at, 1), Found::Pending);
    let asked = answer(&mut registry, 1, |_| named("web"));
    assert_eq!(asked, 2, "the cgroup, and the namespace");
    let found = registry.find(&at, 2).named().expect("a container");
    assert_eq!((found.name.as_str(), found.pid_ns), ("web", 7));
    assert_eq!(found.init_pid, Some(100));
    assert_eq!(found.init_comm, Some(Comm::from("bash")));
    assert!(registry.wants(10 * SECOND).is_empty());
    // The same allocation for every record.
    let again = registry.find(&at, 3).named().expect("a container");
    assert!(Arc::ptr_eq(&found.0, &again.0));
    assert_eq!(
        registry.identity("id-web").map(|i| i.kind),
        Some(Kind::Container)
    );
}

#[test]
fn a_poor_answer_is_asked_again_a_few_times_and_then_rests() {
    let mut registry = Registry::new();
    let at = place(50, 7, 100);
    registry.find(&at, 0);
    let mut times = Vec::new();
    for now in (0..50_000).map(|ms| ms * 1_000_000) {
        let asked = registry.wants(now);
        for question in asked {
            if question.subject == cgroup(50) {
                times.push(now / 1_000_000);
            }
            registry.learn(
                Answer {
                    subject: question.subject,
                    process: question.process,
                    verdict: Verdict::Unknown,
                },
                now,
            );
        }
    }
    assert_eq!(times, [0, 20, 120, 520, 2520, 12_520]);
    assert_eq!(registry.find(&at, 50 * SECOND), Found::Nobody);
    assert!(registry.wants(50 * SECOND).is_empty(), "it rests");
    registry.find(&at, 80 * SECOND);
    assert_eq!(registry.wants(80 * SECOND).len(), 2, "and was seen again");
}

#[test]
fn an_incomplete_name_is_used_and_bettered() {
    let mut registry = Registry::new();
    let at = place(50, 7, 100);
    registry.find(&at, 0);
    let mut poor = identity("x");
    (poor.name, poor.complete) = (None, false);
    answer(&mut registry, 0, |_| {
        Verdict::Container(Box::new(poor.clone()))
    });
    assert_eq!(name(registry.find(&at, 1)).as_deref(), Some("id-x"));
    assert_eq!(answer(&mut registry, AGAIN_NS[0], |_| named("x")), 2);
    assert_eq!(name(registry.find(&at, SECOND)).as_deref(), Some("x"));
    // The runtime has removed its files: the name stays.
    registry.learn(
        Answer {
            subject: cgroup(50),
            process: None,
            verdict: Verdict::Unknown,
        },
        SECOND,
    );
    assert_eq!(name(registry.find(&at, SECOND)).as_deref(), Some("x"));
}

#[test]
fn neither_inode_nor_pid_bring_back_the_dead() {
    let mut registry = Registry::new();
    let first = place(0, 7, 100);
    registry.find(&first, 0);
    answer(&mut registry, 0, |_| named("first"));
    assert_eq!(name(registry.find(&first, 1)).as_deref(), Some("first"));
    // The inode, with another init.
    let second = place(0, 7, 200);
    assert_eq!(registry.find(&second, 2), Found::Pending);
    // An answer about the first comes late, and is not taken for the second's.
    registry.learn(
        Answer {
            subject: Subject::PidNs(7),
            process: first.init.map(|(id, _)| id),
            verdict: named("first"),
        },
        3,
    );
    assert_eq!(registry.find(&second, 3), Found::Pending);
    // The inode and the pid, with another start.
    let mut third = place(0, 7, 200);
    if let Some((id, _)) = &mut third.init {
        id.start_ns += 3 * SECOND;
    }
    answer(&mut registry, 4, |_| named("second"));
    assert_eq!(name(registry.find(&second, 4)).as_deref(), Some("second"));
    assert_eq!(registry.find(&third, 5), Found::Pending);
}

#[test]
fn a_survey_needs_no_questions() {
    let mut registry = Registry::new();
    let at = place(50, 7, 100);
    // `/proc` knows the start by the tick.
    let init = at.init.map(|(id, _)| ProcessId {
        start_ns: id.start_ns + 9_999_999,
        ..id
    });
    for (subject, process) in [(cgroup(50), None), (Subject::PidNs(7), init)] {
        let verdict = named("web");
        registry.learn(
            Answer {
                subject,
                process,
                verdict,
            },
            0,
        );
    }
    assert_eq!(name(registry.find(&at, 1)).as_deref(), Some("web"));
    let by_ns = place(0, 7, 100);
    assert_eq!(name(registry.find(&by_ns, 1)).as_deref(), Some("web"));
    assert!(registry.wants(SECOND).is_empty());
}

#[test]
fn several_containers_in_one_namespace_are_told_by_their_cgroups() {
    let mut registry = Registry::new();
    let (pause, app) = (place(50, 7, 100), place(51, 7, 100));
    registry.find(&pause, 0);
    answer(&mut registry, 0, |_| named("pause"));
    assert_eq!(name(registry.find(&pause, 1)).as_deref(), Some("pause"));
    // Not by the namespace, while its own cgroup is unknown.
    assert_eq!(registry.find(&app, 2), Found::Pending);
    answer(&mut registry, 2, |_| named("app"));
    assert_eq!(name(registry.find(&app, 3)).as_deref(), Some("app"));
    assert_eq!(name(registry.find(&pause, 3)).as_deref(), Some("pause"));
}

#[test]
fn in_the_hosts_namespace_the_cgroup_tells() {
    let mut registry = Registry::new();
    registry.find(&on_host(50), 0);
    registry.find(&on_host(51), 0);
    assert_eq!(registry.find(&on_host(1), 0), Found::Nobody, "the root");
    let mut agent = identity("agent");
    agent.pid_ns = Some(HOST);
    agent.init_pid = Some(77);
    answer(&mut registry, 0, |question| {
        if question.subject == cgroup(50) {
            Verdict::Container(Box::new(agent.clone()))
        } else {
            Verdict::Host
        }
    });
    let found = registry.find(&on_host(50), 1).named().expect("a container");
    assert_eq!((found.pid_ns, found.init_pid), (HOST, Some(77)));
    assert_eq!(registry.find(&on_host(51), 1), Found::Nobody);
}

#[test]
fn who_came_in_is_in_the_container_and_who_went_further_is_not() {
    let mut registry = Registry::new();
    let own = place(50, 7, 100);
    registry.find(&own, 0);
    let mut web = identity("web");
    web.pid_ns = Some(7);
    answer(&mut registry, 0, |_| {
        Verdict::Container(Box::new(web.clone()))
    });
    // nsenter from the host: the namespace, with a cgroup of the host.
    let mut entered = place(60, 7, 100);
    assert_eq!(registry.find(&entered, 1), Found::Pending);
    answer(&mut registry, 1, |_| Verdict::Host);
    assert_eq!(name(registry.find(&entered, 2)).as_deref(), Some("web"));
    // docker exec: both are the container's.
    entered.cgroups.v2 = 50;
    assert_eq!(name(registry.find(&entered, 2)).as_deref(), Some("web"));
    // unshare --pid inside: the cgroup is the container's, the namespace is not.
    let mut inner = place(50, 8, 150);
    (inner.level, inner.around[1]) = (2, 7);
    assert_eq!(registry.find(&inner, 3), Found::Pending);
    answer(&mut registry, 3, |_| Verdict::Host);
    assert_eq!(registry.find(&inner, 4), Found::Nobody);
    // docker in docker gave that one a name.
    inner.cgroups.v2 = 51;
    registry.find(&inner, 5);
    answer(&mut registry, 5, |_| named("nested"));
    assert_eq!(name(registry.find(&inner, 6)).as_deref(), Some("nested"));
}

#[test]
fn the_other_hierarchy_helps() {
    let mut registry = Registry::new();
    let mut at = on_host(50);
    at.cgroups.v1 = 50;
    registry.find(&at, 0);
    answer(&mut registry, 0, |question| match question.subject {
        Subject::Cgroup(id) if id.hierarchy == Hierarchy::V1 => named("old"),
        _ => Verdict::Host,
    });
    assert_eq!(name(registry.find(&at, 1)).as_deref(), Some("old"));
    assert_eq!(
        registry.find(&on_host(50), 1),
        Found::Nobody,
        "same number, v2"
    );
}

#[test]
fn a_cgroup_is_asked_about_as_soon_as_it_is_made() {
    let mut registry = Registry::new();
    let id = CgroupId {
        hierarchy: Hierarchy::V2,
        id: 50,
    };
    registry.cgroup_created(id, "/docker/x", 0);
    assert!(registry.wants(0).is_empty(), "the files are not there yet");
    assert_eq!(registry.next_want(), Some(AGAIN_NS[0]));
    let questions = registry.wants(AGAIN_NS[0]);
    assert_eq!(questions[0].path.as_deref(), Some("/docker/x"));
    registry.learn(
        Answer {
            subject: cgroup(50),
            process: None,
            verdict: named("x"),
        },
        AGAIN_NS[0],
    );
    assert_eq!(
        name(registry.find(&on_host(50), SECOND)).as_deref(),
        Some("x")
    );
}

#[test]
fn settled_is_what_will_not_change() {
    let mut registry = Registry::new();
    let at = place(50, 7, 100);
    assert!(!registry.is_settled(&at), "never seen");
    registry.find(&at, 0);
    assert!(!registry.is_settled(&at));
    for now in [0, SECOND, 2 * SECOND] {
        answer(&mut registry, now, |_| Verdict::Unknown);
        assert!(!registry.is_settled(&at));
    }
    answer(&mut registry, 3 * SECOND, |_| Verdict::Unknown);
    assert!(registry.is_settled(&at), "asked often enough");
    assert!(registry.take_renamed().is_empty());
    // And if it has a name after all, whoever relied on it hears of it.
    answer(&mut registry, 6 * SECOND, |_| named("late"));
    assert!(registry.is_settled(&at));
    assert_eq!(
        registry.take_renamed(),
        [cgroup(50), Subject::PidNs(7)],
        "in the order of the questions"
    );
    assert!(registry.take_renamed().is_empty());
    assert!(!registry.is_settled(&place(0, 7, 200)), "another init");
    assert!(registry.is_settled(&on_host(1)), "the host's root");
}

#[test]
fn containers_in_the_hosts_namespace_are_listed_until_forgotten() {
    let mut registry = Registry::new();
    assert_eq!(registry.take_hosted(), None);
    registry.find(&on_host(50), 0);
    registry.find(&on_host(51), 0);
    let mut agent = identity("agent");
    agent.pid_ns = Some(HOST);
    let agent = |_: &Question| Verdict::Container(Box::new(agent.clone()));
    let id = |id| CgroupId {
        hierarchy: Hierarchy::V2,
        id,
    };
    answer(&mut registry, 0, agent);
    let hosted = registry.take_hosted().expect("new ones");
    assert_eq!(*hosted, [id(50), id(51)].into());
    assert_eq!(registry.take_hosted(), None, "nothing new");
    registry.cgroup_removed(id(50), SECOND);
    registry.wants(KEEP_NS);
    assert_eq!(registry.take_hosted(), None, "for events that come late");
    registry.wants(KEEP_NS + SECOND);
    assert_eq!(registry.take_hosted().map(HashSet::len), Some(1));
}
