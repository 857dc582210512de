use super::*;
use crate::container::fixtures::{ID, ID2, Process, Tree};

const HOST: u32 = 4_026_531_836;

/// A machine with a docker container of two processes, a command that was run
/// in it from outside, and a namespace that nobody claims.
fn machine() -> Tree {
    let tree = Tree::new();
    let docker = format!("/docker/{ID}");
    tree.process(&Process::init(1, "systemd", HOST, "/init.scope"));
    tree.process(&Process::new(50, "containerd-shim"));
    tree.process(&Process::new(60, "bash"));
    tree.process(
        &Process::init(100, "bash", 4001, &docker)
            .child_of(50)
            .args(&["bash", "-c", "sleep inf"]),
    );
    let inside = |pid, ns_pid, ppid| {
        let mut process = Process::init(pid, "sleep", 4001, &docker).child_of(ppid);
        process.ns_pid = ns_pid;
        process
    };
    tree.process(&inside(101, 7, 100));
    tree.process(&inside(102, 8, 50));
    // nsenter: a cgroup of the host.
    let mut entered = inside(103, 9, 60);
    entered.cgroups = "0::/user.slice/user-0.slice/session-1.scope\n".to_owned();
    tree.process(&entered);
    tree.process(&Process::init(200, "unshare", 4002, "/user.slice/x.scope").child_of(60));
    tree.file(
        &format!("/var/lib/docker/containers/{ID}/config.v2.json"),
        r#"{"Name":"/web","State":{"Pid":100},"Config":{"Image":"app:1","StopTimeout":30}}"#,
    );
    tree
}

#[test]
fn lists_what_runs() {
    let tree = machine();
    let rows = containers(&tree.root());
    let names: Vec<&str> = rows.iter().map(|row| row.name.as_str()).collect();
    assert_eq!(names, ["pidns-4002", "web"]);
    let (unnamed, web) = (&rows[0], &rows[1]);
    assert_eq!((web.runtime, web.processes), (Runtime::Docker, 4));
    assert_eq!(web.image.as_deref(), Some("app:1"));
    assert_eq!((web.pid_ns, web.stop_timeout), (Some(4001), Some(30)));
    assert!(!web.shares_pid_ns && !web.sandbox);
    let main = web.main.as_ref().expect("it is there");
    assert_eq!((main.pid, main.ns_pid), (100, Some(1)));
    assert_eq!(main.args, ["bash", "-c", "sleep inf"]);
    let stop = web.stop.expect("it can be told");
    assert!(stop.is_lost());
    assert_eq!(web.stop_words(), "SIGTERM dropped: PID 1 without a handler");
    assert_eq!((unnamed.runtime, unnamed.processes), (Runtime::Unknown, 1));
    assert_eq!(unnamed.id, None);
}

#[test]
fn a_joiner_and_one_without_a_namespace() {
    let tree = machine();
    let other = format!("/docker/{ID2}");
    let mut joiner = Process::init(300, "side", 4001, &other).child_of(50);
    joiner.ns_pid = 20;
    tree.process(&joiner);
    tree.file(
        &format!("/var/lib/docker/containers/{ID2}/config.v2.json"),
        r#"{"Name":"/side","State":{"Pid":300},"Config":{"StopSignal":"SIGINT"}}"#,
    );
    let rows = containers(&tree.root());
    let side = rows.iter().find(|row| row.name == "side").expect("listed");
    assert!(side.shares_pid_ns);
    assert_eq!(side.processes, 1);
    let stop = side.stop.expect("it can be told");
    assert_eq!((stop.signal, stop.configured), (2, true));
    assert_eq!(side.stop_words(), "SIGINT ends it");
    let web = rows.iter().find(|row| row.name == "web").expect("listed");
    assert_eq!(web.processes, 4);

    let tree = machine();
    let mut agent = Process::new(300, "agent").child_of(50);
    agent.cgroups = format!("0::{other}\n");
    tree.process(&agent);
    tree.file(
        &format!("/var/lib/docker/containers/{ID2}/config.v2.json"),
        r#"{"Name":"/agent","State":{"Pid":300}}"#,
    );
    let rows = containers(&tree.root());
    let agent = rows.iter().find(|row| row.name == "agent").expect("listed");
    assert_eq!((agent.pid_ns, agent.shares_pid_ns), (Some(HOST), true));
    assert_eq!(agent.stop_words(), "SIGTERM ends it");
}

#[test]
fn who_is_frozen_by_a_cgroup_above() {
    let tree = machine();
    tree.file(
        "/proc/1/mountinfo",
        "31 1 0:27 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n",
    );
    tree.file("/sys/fs/cgroup/docker/cgroup.freeze", "1\n");
    let handles = "State:\tS\nNSpid:\t100\t1\nSigBlk:\t0\nSigIgn:\t0\nSigCgt:\t4000\n";
    tree.file("/proc/100/status", handles);
    let rows = containers(&tree.root());
    let web = rows.iter().find(|row| row.name == "web").expect("listed");
    assert_eq!(web.stop_words(), "SIGTERM waits: it is frozen");
}

#[test]
fn a_namespace_inside_of_a_container_is_listed_by_itself() {
    let tree = machine();
    tree.process(&Process::init(400, "inner", 4100, &format!("/docker/{ID}")).child_of(101));
    let rows = containers(&tree.root());
    let names: Vec<&str> = rows.iter().map(|row| row.name.as_str()).collect();
    assert_eq!(names, ["pidns-4002", "pidns-4100", "web"]);
    assert_eq!(rows[2].processes, 4);
}

fn printed(rows: &[Row], colour: bool) -> String {
    let mut out = Vec::new();
    text::render(rows, &mut out, colour).expect("a Vec takes everything");
    String::from_utf8(out).expect("text was written")
}

#[test]
fn the_list_for_people() {
    let rows = containers(&machine().root());
    assert_eq!(
        printed(&rows, false),
        "\
NAME        RUNTIME  IMAGE  PID NS  MAIN                   PROCS  STOP
pidns-4002  -        -      4002    200 unshare            1      SIGTERM dropped: PID 1 without a handler
web         docker   app:1  4001    100 bash -c sleep inf  4      SIGTERM dropped: PID 1 without a handler
"
    );
    assert!(printed(&rows, true).contains("\u{1b}[31m"));
    assert_eq!(printed(&[], false).lines().count(), 1);
}

#[test]
fn nobody_writes_to_the_terminal_through_it() {
    let evil = "\u{1b}[2J\n\u{202e}";
    let tree = machine();
    tree.file(
        &format!("/var/lib/docker/containers/{ID}/config.v2.json"),
        r#"{"Name":"/\u001b[2J\n\u202e","State":{"Pid":100},"Config":{"Image":"\u001b[2J\n\u202e"}}"#,
    );
    tree.file(
        "/proc/100/cmdline",
        &format!("{evil}\0{}", "x".repeat(1000)),
    );
    let rows = containers(&tree.root());
    assert!(rows.iter().any(|row| row.name == evil));
    let out = printed(&rows, false);
    assert!(!out.contains(['\u{1b}', '\u{202e}']), "{out:?}");
    assert_eq!(out.lines().count(), 3);
    assert!(out.lines().all(|line| line.chars().count() < 300));
    for row in &rows {
        let json = serde_json::to_string(row).expect("serializable");
        assert!(!json.contains('\n') && !json.contains('\u{1b}'));
    }
}
