//! Every runtime's files, as the runtime writes them, below a root of their own.

use super::super::fixtures::{ID, ID2, Process, Tree};
use super::super::shapes;
use super::super::{Identity, Kind};
use super::*;

mod without_docker;

use without_docker::PODMAN_LIST;

/// What is made of the container whose init is `pid`.
fn named(tree: &Tree, pid: u32) -> Option<Identity> {
    let root = tree.root();
    let path = process::cgroups(&root, pid, None)?.v2?;
    let stat = process::stat(&root, pid)?;
    let clue = Clue {
        shape: shapes::shape(&path),
        path: Some(path),
        process: Some(ProcessId {
            pid,
            start_ns: process::nanoseconds(stat.start_ticks),
        }),
        is_init: true,
        parent: Parent::read(&root, stat.ppid),
    };
    identify(&root, &clue)
}

fn expect(tree: &Tree, pid: u32) -> Identity {
    named(tree, pid).expect("a container")
}

fn text(value: &Option<String>) -> &str {
    value.as_deref().unwrap_or("(none)")
}

fn shim(namespace: &str, id: &str) -> Process {
    Process::new(50, "containerd-shim").args(&[
        "/usr/bin/containerd-shim-runc-v2",
        "-namespace",
        namespace,
        "-id",
        id,
        "-address",
        "/run/containerd/containerd.sock",
    ])
}

fn conmon(id: &str, name: &str, storage: &str) -> Process {
    let bundle = format!("{storage}/overlay-containers/{id}/userdata");
    Process::new(50, "conmon").args(&[
        "/usr/bin/conmon",
        "--api-version",
        "1",
        "-c",
        id,
        "-u",
        id,
        "-r",
        "/usr/bin/runc",
        "-b",
        &bundle,
        "-p",
        "/run/x/pidfile",
        "-n",
        name,
        "--exit-dir",
        "/run/libpod/exits",
    ])
}

fn docker_tree(at: &str) -> Tree {
    let tree = Tree::new();
    tree.process(&shim("moby", ID));
    tree.process(&Process::init(100, "bash", 4001, &format!("/docker/{ID}")).child_of(50));
    tree.file(
        &format!("{at}/containers/{ID}/config.v2.json"),
        &format!(
            r#"{{"ID":"{ID}","Name":"/dk-bash","Image":"sha256:f0ce","State":{{"Running":true,
            "OOMKilled":false,"Pid":100,"ExitCode":0}},"Config":{{"Image":"localhost/bash-init:1",
            "Labels":{{}},"Hostname":"x","StopSignal":"SIGQUIT","StopTimeout":30}},
            "Path":"/bin/bash-init.sh","Args":["-v"]}}"#
        ),
    );
    tree
}

#[test]
fn docker() {
    let tree = docker_tree("/var/lib/docker");
    tree.file(
        &format!("/run/docker/runtime-runc/moby/{ID}/state.json"),
        r#"{"init_process_pid":100,"init_process_start":1000,"config":{"labels":["bundle=/x"]}}"#,
    );
    let found = expect(&tree, 100);
    assert_eq!(found.runtime, Runtime::Docker);
    assert_eq!(text(&found.id), ID);
    assert_eq!(text(&found.name), "dk-bash");
    assert_eq!(text(&found.image), "localhost/bash-init:1");
    assert_eq!((found.stop_signal, found.stop_timeout), (Some(3), Some(30)));
    assert_eq!(found.args, ["/bin/bash-init.sh", "-v"]);
    assert_eq!((found.init_pid, found.pid_ns), (Some(100), Some(4001)));
    assert_eq!(found.init_start_ticks, Some(1000));
    assert!(found.complete);
    tree.file(
        &format!("/var/lib/docker/containers/{ID}/hostconfig.json"),
        r#"{"Init":true}"#,
    );
    assert_eq!(expect(&tree, 100).args[0], "docker-init");
}

#[test]
fn dockers_data_may_be_elsewhere() {
    let tree = docker_tree("/data/docker");
    assert_eq!(text(&expect(&tree, 100).name), "(none)");
    assert!(!expect(&tree, 100).complete, "so it is asked again");
    tree.file("/etc/docker/daemon.json", r#"{"data-root":"/data/docker"}"#);
    assert_eq!(text(&expect(&tree, 100).name), "dk-bash");
}

#[test]
fn a_pod_on_docker() {
    let tree = docker_tree("/var/lib/docker");
    for (kind, is_sandbox, label) in [
        ("container", false, "app"),
        ("podsandbox", true, "web-0 (pause)"),
    ] {
        tree.file(
            &format!("/var/lib/docker/containers/{ID}/config.v2.json"),
            &format!(
                r#"{{"Name":"/k8s_app_web-0_prod_1_0","Config":{{"Labels":{{
                "io.kubernetes.pod.name":"web-0","io.kubernetes.pod.namespace":"prod",
                "io.kubernetes.pod.uid":"1","io.kubernetes.container.name":"app",
                "io.kubernetes.docker.type":"{kind}"}}}}}}"#
            ),
        );
        let found = expect(&tree, 100);
        assert_eq!(found.kind == Kind::Sandbox, is_sandbox);
        assert_eq!(found.label().as_deref(), Some(label));
        assert_eq!(
            (text(&found.pod), text(&found.pod_namespace)),
            ("web-0", "prod")
        );
    }
}

/// A container of a pod, and the pod's sandbox, under one shim.
fn cri_tree(state: &str) -> Tree {
    let tree = Tree::new();
    let address = format!("{state}/containerd.sock");
    tree.process(&shim("k8s.io", ID2).args(&[
        "/usr/bin/containerd-shim-runc-v2",
        "-namespace",
        "k8s.io",
        "-id",
        ID2,
        "-address",
        &address,
    ]));
    let uid = "11111111-2222-3333-4444-555555555555";
    for (pid, id, annotations) in [
        (
            100,
            ID,
            r#""io.kubernetes.cri.container-name":"app","io.kubernetes.cri.container-type":"container",
               "io.kubernetes.cri.image-name":"localhost/app:1","io.kubernetes.cri.sandbox-name":"web-0","#,
        ),
        (
            90,
            ID2,
            r#""io.kubernetes.cri.container-type":"sandbox","io.kubernetes.cri.sandbox-name":"web-0","#,
        ),
    ] {
        let cgroup = format!("/kubepods/besteffort/pod{uid}/{id}");
        tree.process(&Process::init(pid, "app", 4000 + pid, &cgroup).child_of(50));
        let bundle = format!("{state}/io.containerd.runtime.v2.task/k8s.io/{id}");
        tree.file(
            &format!("{bundle}/config.json"),
            &format!(
                r#"{{"annotations":{{{annotations}"io.kubernetes.cri.sandbox-namespace":"prod",
                "io.kubernetes.cri.sandbox-uid":"{uid}"}},"process":{{"args":["/bin/app"]}}}}"#
            ),
        );
        tree.file(&format!("{bundle}/init.pid"), &pid.to_string());
    }
    tree
}

#[test]
fn a_pod_on_containerd() {
    for state in [
        "/run/containerd",
        "/run/k3s/containerd",
        "/var/snap/microk8s/common/run/containerd",
        "/somewhere/else",
    ] {
        let tree = cri_tree(state);
        let found = expect(&tree, 100);
        assert_eq!(found.runtime, Runtime::Containerd, "{state}");
        assert_eq!(text(&found.name), "app");
        assert_eq!(text(&found.image), "localhost/app:1");
        assert_eq!(
            (text(&found.pod), text(&found.pod_namespace)),
            ("web-0", "prod")
        );
        assert_eq!(text(&found.pod_uid), "11111111-2222-3333-4444-555555555555");
        assert_eq!((found.init_pid, found.pid_ns), (Some(100), Some(4100)));
        assert_eq!(found.args, ["/bin/app"]);
        let pause = expect(&tree, 90);
        assert_eq!(pause.kind, Kind::Sandbox);
        assert_eq!(pause.label().as_deref(), Some("web-0 (pause)"));
    }
}

#[test]
fn a_state_file_alone_tells_the_pod_too() {
    let tree = Tree::new();
    let cgroup = format!(
        "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podab_cd.slice/cri-containerd-{ID}.scope"
    );
    tree.process(&Process::init(100, "app", 4100, &cgroup));
    tree.file(
        &format!("/run/containerd/runc/k8s.io/{ID}/state.json"),
        r#"{"init_process_pid":100,"init_process_start":1000,"config":{"labels":[
           "io.kubernetes.cri.container-name=app","io.kubernetes.cri.sandbox-name=web-0"]}}"#,
    );
    let found = expect(&tree, 100);
    assert_eq!((text(&found.name), text(&found.pod)), ("app", "web-0"));
    assert_eq!(text(&found.pod_uid), "ab-cd", "from the path");
}

#[test]
fn a_plain_container_of_containerd() {
    let tree = Tree::new();
    tree.process(&shim("default", "c1"));
    tree.process(&Process::init(100, "sh", 4100, "/default/c1").child_of(50));
    tree.file(
        "/run/containerd/runc/default/c1/state.json",
        r#"{"id":"c1","init_process_pid":100,"init_process_start":1000,"config":{"labels":[]}}"#,
    );
    let found = expect(&tree, 100);
    assert_eq!(found.runtime, Runtime::Containerd);
    assert_eq!(
        (text(&found.id), text(&found.cgroup)),
        ("c1", "/default/c1")
    );
    assert!(found.complete && found.image.is_none());
    // Another process with that number has nothing to do with it.
    tree.file(
        "/run/containerd/runc/default/c1/state.json",
        r#"{"id":"c1","init_process_pid":100,"init_process_start":999}"#,
    );
    assert_eq!(named(&tree, 100), None, "a namesake that has ended");
}

#[test]
fn a_container_without_a_cgroup_is_found_by_its_init() {
    let tree = Tree::new();
    // One shim for a whole pod: its own id is the sandbox's.
    tree.process(&shim("k8s.io", ID2));
    tree.process(&Process::init(100, "app", 4100, "/").child_of(50));
    let tasks = "/run/containerd/io.containerd.runtime.v2.task/k8s.io";
    tree.file(&format!("{tasks}/{ID2}/init.pid"), "90");
    tree.file(&format!("{tasks}/{ID2}/config.json"), "{}");
    tree.file(&format!("{tasks}/x1/init.pid"), "100\n");
    tree.file(
        &format!("{tasks}/x1/config.json"),
        r#"{"annotations":{"io.kubernetes.cri.container-name":"app"}}"#,
    );
    // The sandbox is not found although its id is on the command line: its init
    // is another process.
    let found = expect(&tree, 100);
    assert_eq!((text(&found.id), text(&found.name)), ("x1", "app"));
}

#[test]
fn a_stranger_cannot_take_a_containers_name() {
    let tree = docker_tree("/var/lib/docker");
    // Some process calls itself conmon and names what is not its own.
    tree.process(&conmon(ID, "mine", "/home/eve").uid(1000));
    tree.file("/etc/passwd", "eve:x:1000:1000::/home/eve:/bin/sh\n");
    tree.file(
        "/home/eve/overlay-containers/containers.json",
        &PODMAN_LIST.replace("IDENT", ID),
    );
    let found = expect(&tree, 100);
    assert_eq!(
        (found.runtime, text(&found.name)),
        (Runtime::Docker, "dk-bash")
    );
    let path = expect(&tree, 100).cgroup;
    assert_eq!(text(&path), format!("/docker/{ID}"));
    // Nor lead out of its directory.
    tree.process(&conmon("../../../etc", "mine", "/home/eve").uid(1000));
    let parent = Parent::read(&tree.root(), 50).expect("it is there");
    assert_eq!(parent.id(), None);
}

#[test]
fn hostile_files_are_as_good_as_none() {
    let huge = format!("{{\"Name\":\"{}\"}}", "x".repeat(5 << 20));
    let deep = "[".repeat(200_000);
    for content in [
        "",
        "null",
        "[]",
        "7",
        "{",
        "\u{0}\u{1b}",
        r#"{"Name":7,"Config":[],"State":"x","Args":{"a":1},"Path":null}"#,
        r#"{"Name":"/\u001b[2J\u202e\n","Config":{"Labels":[1],"StopSignal":-1,"StopTimeout":"x"}}"#,
        r#"{"State":{"Pid":99999999999999999999}}"#,
        huge.as_str(),
        deep.as_str(),
    ] {
        let tree = docker_tree("/var/lib/docker");
        tree.file(
            &format!("/var/lib/docker/containers/{ID}/config.v2.json"),
            content,
        );
        tree.file(
            &format!("/run/containerd/io.containerd.runtime.v2.task/moby/{ID}/config.json"),
            content,
        );
        tree.file(
            &format!("/run/docker/runtime-runc/moby/{ID}/state.json"),
            content,
        );
        let found = expect(&tree, 100);
        assert_eq!((found.runtime, text(&found.id)), (Runtime::Docker, ID));
    }
}
