//! Names that change, come late, or outlive their containers.

use super::*;

#[test]
fn who_was_named_too_early_is_asked_for_once_more() {
    let mut registry = Registry::new();
    let id = CgroupId {
        hierarchy: Hierarchy::V2,
        id: 50,
    };
    registry.cgroup_created(id, "/docker/x", 0);
    // The daemon has written its file, and not yet started a process.
    answer(&mut registry, SECOND, |_| named("x"));
    let mut started = identity("x");
    started.pid_ns = Some(HOST);
    let again = answer(&mut registry, 2 * SECOND, |_| {
        Verdict::Container(Box::new(started.clone()))
    });
    assert_eq!(again, 1);
    assert_eq!(registry.take_hosted().map(HashSet::len), Some(1));
    assert!(registry.wants(100 * SECOND).is_empty());
}

#[test]
fn what_has_ended_is_kept_for_a_while_and_not_its_heir() {
    let mut registry = Registry::new();
    let at = place(50, 7, 100);
    let (init, _) = at.init.expect("it has one");
    registry.find(&at, 0);
    answer(&mut registry, 0, |_| named("web"));
    registry.cgroup_removed(
        CgroupId {
            hierarchy: Hierarchy::V2,
            id: 50,
        },
        SECOND,
    );
    registry.namespace_ended(7, init, SECOND);
    registry.wants(KEEP_NS);
    assert_eq!(name(registry.find(&at, KEEP_NS)).as_deref(), Some("web"));
    // The inode is taken again before the first one is forgotten.
    let heir = place(60, 7, 200);
    registry.find(&heir, KEEP_NS);
    answer(&mut registry, KEEP_NS, |_| named("heir"));
    assert_eq!(registry.len(), 3);
    registry.wants(KEEP_NS + SECOND);
    assert_eq!(registry.len(), 2);
    let found = registry.find(&heir, KEEP_NS + SECOND);
    assert_eq!(name(found).as_deref(), Some("heir"));
}

#[test]
fn a_renamed_container_is_called_by_its_new_name_at_once() {
    let mut registry = Registry::new();
    let (at, other) = (place(50, 7, 100), place(60, 8, 200));
    for at in [&at, &other] {
        registry.find(at, 0);
    }
    answer(&mut registry, 1, |question| match question.subject {
        subject if subject == cgroup(50) || subject == Subject::PidNs(7) => named("web"),
        _ => named("db"),
    });
    registry.take_renamed();
    let mut rename = |id: &str, to: &str| {
        registry.rename(Renamed {
            id: id.to_owned(),
            name: to.to_owned(),
        });
        registry.take_renamed().len()
    };
    assert_eq!(rename("id-web", "web"), 0, "nothing new");
    assert_eq!(rename("id-nobody", "web"), 0);
    assert_eq!(
        rename("id-web", "web-old"),
        2,
        "the cgroup and the namespace"
    );
    assert_eq!(name(registry.find(&at, 2)).as_deref(), Some("web-old"));
    assert_eq!(name(registry.find(&other, 2)).as_deref(), Some("db"));
    let known = registry.identity("id-web").and_then(|i| i.name.as_deref());
    assert_eq!(known, Some("web-old"));
    assert!(registry.wants(10 * SECOND).is_empty());
}

#[test]
fn a_better_answer_may_come_unasked_and_a_worse_one_after_it() {
    let mut registry = Registry::new();
    let at = place(50, 7, 100);
    registry.find(&at, 0);
    let mut poor = identity("web");
    poor.name = None;
    poor.complete = false;
    let of_file = |_: &Question| Verdict::Container(Box::new(poor.clone()));
    answer(&mut registry, 1, of_file);
    assert_eq!(name(registry.find(&at, 2)).as_deref(), Some("id-web"));
    // What the runtime itself says, a second later.
    registry.learn(
        Answer {
            subject: cgroup(50),
            process: None,
            verdict: named("web"),
        },
        SECOND,
    );
    assert_eq!(name(registry.find(&at, SECOND)).as_deref(), Some("web"));
    assert_eq!(registry.take_renamed(), [cgroup(50)]);
    // Files were about to be asked again, and know no more.
    answer(&mut registry, 2 * SECOND, of_file);
    assert_eq!(name(registry.find(&at, 3 * SECOND)).as_deref(), Some("web"));
    assert!(registry.take_renamed().is_empty());
}
