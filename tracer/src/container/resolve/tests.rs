use super::super::fixtures::{ID, ID2, Process, Tree};
use super::*;
use crate::record::Runtime;

const MOUNTS: &str = "30 24 0:26 / /cg rw - cgroup2 cgroup2 rw\n";

/// A machine with a docker container, whose init is 100 in namespace 4001.
fn machine() -> Tree {
    let tree = Tree::new();
    tree.file("/proc/self/mountinfo", MOUNTS);
    tree.process(&Process::init(1, "systemd", 4_026_531_836, "/init.scope"));
    tree.process(&Process::new(50, "containerd-shim"));
    container(&tree, ID, "web", 100, 4001);
    tree
}

fn container(tree: &Tree, id: &str, name: &str, pid: u32, pid_ns: u32) {
    let cgroup = format!("/docker/{id}");
    tree.directory(&format!("/cg{cgroup}"));
    tree.process(&Process::init(pid, "bash", pid_ns, &cgroup).child_of(50));
    files(tree, id, name, pid);
}

fn files(tree: &Tree, id: &str, name: &str, pid: u32) {
    tree.file(
        &format!("/var/lib/docker/containers/{id}/config.v2.json"),
        &format!(r#"{{"Name":"/{name}","State":{{"Pid":{pid}}}}}"#),
    );
}

fn process(pid: u32) -> ProcessId {
    ProcessId {
        pid,
        start_ns: u64::from(pid) * 10 * 10_000_000 + 1234,
    }
}

fn ask(tree: &Tree, subject: Subject, pid: Option<u32>) -> Verdict {
    let question = Question {
        subject,
        process: pid.map(process),
        path: None,
    };
    let answer = Resolver::new(tree.root(), None).resolve(&question);
    assert_eq!(
        (answer.subject, answer.process),
        (subject, question.process)
    );
    answer.verdict
}

fn cgroup(tree: &Tree, path: &str) -> Subject {
    let id = Index::new(tree.root(), None)
        .id(Hierarchy::V2, path)
        .expect("the directory is there");
    Subject::Cgroup(CgroupId {
        hierarchy: Hierarchy::V2,
        id,
    })
}

fn name(verdict: Verdict) -> Option<String> {
    match verdict {
        Verdict::Container(identity) => identity.name,
        Verdict::Host | Verdict::Unknown => None,
    }
}

#[test]
fn by_cgroup_and_by_namespace() {
    let tree = machine();
    let own = cgroup(&tree, &format!("/docker/{ID}"));
    assert_eq!(name(ask(&tree, own, Some(100))).as_deref(), Some("web"));
    assert_eq!(
        name(ask(&tree, own, None)).as_deref(),
        Some("web"),
        "by a walk"
    );
    let by_ns = ask(&tree, Subject::PidNs(4001), Some(100));
    assert_eq!(name(by_ns).as_deref(), Some("web"));
    tree.directory("/cg/system.slice/ssh.service");
    let service = cgroup(&tree, "/system.slice/ssh.service");
    assert_eq!(ask(&tree, service, None), Verdict::Host);
}

#[test]
fn who_is_gone_tells_nothing() {
    let tree = machine();
    assert_eq!(
        ask(&tree, Subject::PidNs(4001), Some(101)),
        Verdict::Unknown
    );
    assert_eq!(ask(&tree, Subject::PidNs(4001), None), Verdict::Unknown);
    // Another process has the number.
    let question = Question {
        subject: Subject::PidNs(4001),
        process: Some(ProcessId {
            pid: 100,
            start_ns: 5,
        }),
        path: None,
    };
    let answer = Resolver::new(tree.root(), None).resolve(&question);
    assert_eq!(answer.verdict, Verdict::Unknown);
    let gone = Subject::Cgroup(CgroupId {
        hierarchy: Hierarchy::V2,
        id: 999_999_999,
    });
    assert_eq!(ask(&tree, gone, None), Verdict::Unknown);
}

#[test]
fn a_process_that_has_moved_on_does_not_mislead() {
    let tree = machine();
    tree.directory("/cg/system.slice/old.service");
    // 100 was seen in old.service, and is in the container by now.
    let old = cgroup(&tree, "/system.slice/old.service");
    assert_eq!(ask(&tree, old, Some(100)), Verdict::Host);
}

#[test]
fn a_namespace_made_inside_has_no_name_of_its_own() {
    let tree = machine();
    let mut inner = Process::init(150, "unshare", 4150, &format!("/docker/{ID}")).child_of(100);
    inner.ns_pid = 1;
    tree.process(&inner);
    assert_eq!(ask(&tree, Subject::PidNs(4150), Some(150)), Verdict::Host);
    // Also where the container's own files tell no init.
    tree.file(
        &format!("/var/lib/docker/containers/{ID}/config.v2.json"),
        r#"{"Name":"/web"}"#,
    );
    assert_eq!(ask(&tree, Subject::PidNs(4150), Some(150)), Verdict::Host);
    let own = ask(&tree, Subject::PidNs(4001), Some(100));
    assert_eq!(name(own).as_deref(), Some("web"));
}

#[test]
fn a_shared_namespace_is_its_owners() {
    let tree = machine();
    // --pid=container:web: the joiner's main process is 7 in there.
    let cgroup_path = format!("/docker/{ID2}");
    tree.directory(&format!("/cg{cgroup_path}"));
    let mut joiner = Process::init(200, "sh", 4001, &cgroup_path).child_of(50);
    joiner.ns_pid = 7;
    tree.process(&joiner);
    files(&tree, ID2, "side", 200);
    let side = cgroup(&tree, &cgroup_path);
    let Verdict::Container(side) = ask(&tree, side, Some(200)) else {
        panic!("a container");
    };
    assert_eq!(side.name.as_deref(), Some("side"));
    assert_eq!(side.pid_ns, Some(4001), "that of the other one");
    let owner = ask(&tree, Subject::PidNs(4001), Some(100));
    assert_eq!(name(owner).as_deref(), Some("web"));
}

#[test]
fn a_container_in_the_hosts_namespace_has_its_cgroup_only() {
    let tree = machine();
    let cgroup_path = format!("/docker/{ID2}");
    tree.directory(&format!("/cg{cgroup_path}"));
    let mut main = Process::new(200, "agent").child_of(50);
    main.cgroups = format!("0::{cgroup_path}\n");
    tree.process(&main);
    files(&tree, ID2, "agent", 200);
    let Verdict::Container(agent) = ask(&tree, cgroup(&tree, &cgroup_path), Some(200)) else {
        panic!("a container");
    };
    assert_eq!(agent.pid_ns, Some(4_026_531_836));
}

#[test]
fn a_survey_finds_all_that_runs() {
    let tree = machine();
    container(&tree, ID2, "db", 200, 4002);
    tree.directory("/cg/system.slice/ssh.service");
    let answers = Resolver::new(tree.root(), None).survey();
    let mut names: Vec<(bool, String)> = answers
        .iter()
        .filter_map(|answer| {
            let is_ns = matches!(answer.subject, Subject::PidNs(_));
            Some((is_ns, name(answer.verdict.clone())?))
        })
        .collect();
    names.sort();
    let expected = [(false, "db"), (false, "web"), (true, "db"), (true, "web")];
    assert_eq!(
        names,
        expected.map(|(is_ns, name)| (is_ns, name.to_owned()))
    );
    let hosts = answers.iter().filter(|a| a.verdict == Verdict::Host);
    assert_eq!(hosts.count(), 3, "docker, system.slice, ssh.service");
    assert!(
        !answers
            .iter()
            .any(|answer| answer.subject == Subject::PidNs(4_026_531_836)),
        "the host's namespace is no container's"
    );
    let identity = answers.iter().find_map(|answer| match &answer.verdict {
        Verdict::Container(identity) => Some(identity),
        _ => None,
    });
    assert!(identity.is_some_and(|identity| identity.runtime == Runtime::Docker));
}

#[test]
fn the_older_hierarchy_names_what_the_newer_does_not() {
    let tree = machine();
    tree.file(
        "/proc/self/mountinfo",
        "30 24 0:26 / /cg rw - cgroup2 cgroup2 rw\n31 24 0:27 / /pids rw - cgroup cgroup rw,pids\n",
    );
    let path = format!("/docker/{ID2}");
    tree.directory(&format!("/pids{path}"));
    let mut init = Process::init(200, "db", 4002, "/").child_of(50);
    init.cgroups = format!("8:pids:{path}\n0::/\n");
    tree.process(&init);
    files(&tree, ID2, "db", 200);
    let mut resolver = Resolver::new(tree.root(), Some("pids"));
    let id = Index::new(tree.root(), Some("pids"))
        .id(Hierarchy::V1, &path)
        .expect("the directory is there");
    for (subject, process) in [
        (
            Subject::Cgroup(CgroupId {
                hierarchy: Hierarchy::V1,
                id,
            }),
            None,
        ),
        (Subject::PidNs(4002), Some(process(200))),
    ] {
        let question = Question {
            subject,
            process,
            path: None,
        };
        let found = name(resolver.resolve(&question).verdict);
        assert_eq!(found.as_deref(), Some("db"), "{subject:?}");
    }
}

/// As systemd-nspawn leaves it without systemd-machined: neither the path nor any
/// file has a name, only the parent of who is in there.
#[test]
fn a_path_without_a_name_is_told_by_who_is_in_it() {
    let tree = machine();
    let nspawn = Process::new(60, "systemd-nspawn").args(&["systemd-nspawn", "-M", "box"]);
    tree.process(&nspawn);
    tree.process(&Process::init(300, "c-init", 4003, "/payload").child_of(60));
    tree.file("/cg/payload/cgroup.procs", "300\n");
    let payload = cgroup(&tree, "/payload");
    assert_eq!(name(ask(&tree, payload, None)).as_deref(), Some("box"));
    // A process of the host in a cgroup that somebody called so.
    tree.process(&Process::new(70, "cron"));
    tree.file("/cg/a/payload/cgroup.procs", "70\n");
    let other = cgroup(&tree, "/a/payload");
    assert_eq!(ask(&tree, other, None), Verdict::Unknown);
}
