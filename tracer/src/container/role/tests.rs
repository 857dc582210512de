//! Process trees as they are on real machines: the shim of containerd is a child
//! of PID 1, so no dockerd is ever among the ancestors.

use super::*;
use crate::record::Target;

fn container(id: &str, runtime: Runtime) -> Container {
    Container {
        id: Some(id.to_owned()),
        name: id.to_owned(),
        runtime,
        image: None,
        pod: None,
        pod_namespace: None,
        cgroup: None,
        pid_ns: 7,
        init_pid: Some(100),
        init_comm: None,
    }
}

fn said(case: &Case<'_>) -> String {
    role(case).words(case).into_owned()
}

const SHIM: &[(u32, &str)] = &[(50, "containerd-shim"), (1, "systemd")];

#[test]
fn runc_acts_for_whom_the_container_belongs_to() {
    let mut pod = container("app", Runtime::Containerd);
    pod.pod = Some("web-0".to_owned());
    for (target, words) in [
        (container("web", Runtime::Docker), "docker (runc)"),
        (container("c1", Runtime::Containerd), "containerd (runc)"),
        (pod, "kubernetes (runc)"),
        (container("x", Runtime::CriO), "cri-o (runc)"),
        // Nothing is known about the container: the shim is.
        (container("x", Runtime::Unknown), "containerd (runc)"),
    ] {
        let case = Case {
            comm: "runc",
            ancestors: SHIM,
            target: Some(&target),
            ..Case::default()
        };
        assert_eq!(said(&case), words);
        assert_eq!(role(&case).id(), "runtime");
    }
}

#[test]
fn runtimes_by_themselves() {
    let bare = container("box", Runtime::Runc);
    let podman = container("pd1", Runtime::Podman);
    let web = container("web", Runtime::Docker);
    let lxc = container("c1", Runtime::Lxc);
    let shell: &[(u32, &str)] = &[(9, "bash"), (1, "systemd")];
    let by_podman: &[(u32, &str)] = &[(8, "podman"), (9, "bash")];
    for (comm, ancestors, target, words) in [
        ("runc", shell, &bare, "runc"),
        ("runc:[2:INIT]", shell, &bare, "runc"),
        ("crun", by_podman, &podman, "podman (crun)"),
        ("conmon", &[], &podman, "podman (conmon)"),
        ("podman", shell, &podman, "podman"),
        ("dockerd", &[], &web, "docker"),
        ("containerd-shim", &[], &web, "docker (containerd's shim)"),
        ("kubelet", &[], &web, "the kubelet"),
        ("[lxc monitor] /", &[], &lxc, "lxc"),
        ("lxc-stop", shell, &lxc, "lxc (lxc-stop)"),
        ("systemd-nspawn", shell, &bare, "systemd-nspawn"),
    ] {
        let case = Case {
            comm,
            ancestors,
            target: Some(target),
            ..Case::default()
        };
        assert_eq!(said(&case), words, "{comm}");
    }
}

#[test]
fn inside_of_the_same_container() {
    let web = container("web", Runtime::Docker);
    let inside = |comm, ancestors, is_ns_init| Case {
        comm,
        ancestors,
        sender: Some(&web),
        target: Some(&web),
        is_ns_init,
        ..Case::default()
    };
    let shell: &[(u32, &str)] = &[(101, "bash"), (50, "containerd-shim"), (1, "systemd")];
    let init: &[(u32, &str)] = &[(100, "tini"), (50, "containerd-shim")];
    assert_eq!(
        said(&inside("tini", SHIM, true)),
        "the container's own init (tini)"
    );
    assert_eq!(
        said(&inside("bash", SHIM, false)),
        "bash, run in the container from outside"
    );
    assert_eq!(
        said(&inside("kill", shell, false)),
        "kill, from a shell in the same container"
    );
    assert_eq!(
        said(&inside("sh", shell, false)),
        "a shell in the same container"
    );
    assert_eq!(
        said(&inside("worker", init, false)),
        "worker, in the same container"
    );
    // By nsenter, or by a program whose name says nothing.
    let nsenter: &[(u32, &str)] = &[(70, "nsenter"), (60, "bash")];
    let injected = Case {
        is_injected: true,
        ..inside("bash", nsenter, false)
    };
    assert_eq!(said(&injected), "bash, run in the container from outside");
    // A container cannot blame a runtime.
    assert_eq!(role(&inside("runc", init, false)), Role::Inside);
    assert_eq!(role(&inside("dockerd", init, false)), Role::Inside);
    let case = Case {
        is_self: true,
        ..inside("bash", shell, true)
    };
    assert_eq!(said(&case), "itself");
}

#[test]
fn another_container_and_the_unnamed() {
    let (a, b) = (
        container("a", Runtime::Docker),
        container("b", Runtime::Docker),
    );
    let case = Case {
        comm: "kill",
        sender: Some(&a),
        target: Some(&b),
        ..Case::default()
    };
    assert_eq!(said(&case), "kill, in container a");
    // Without ids the namespace with its init is what they are.
    let mut unnamed = container("pidns-7", Runtime::Unknown);
    unnamed.id = None;
    let case = Case {
        comm: "x",
        sender: Some(&unnamed),
        target: Some(&unnamed),
        ..Case::default()
    };
    assert_eq!(role(&case), Role::Inside);
    let mut heir = unnamed.clone();
    heir.init_pid = Some(101);
    let case = Case {
        target: Some(&heir),
        ..case
    };
    assert_eq!(role(&case), Role::OtherContainer);
}

#[test]
fn people_and_services_of_the_host() {
    let over_ssh: &[(u32, &str)] = &[(9, "bash"), (8, "sshd"), (7, "sshd"), (1, "systemd")];
    let by_sudo: &[(u32, &str)] = &[(10, "sudo"), (9, "zsh"), (8, "gnome-terminal-")];
    let web = container("web", Runtime::Docker);
    let case = |comm, ancestors, cgroup, is_global_init| Case {
        comm,
        ancestors,
        cgroup,
        is_global_init,
        target: Some(&web),
        ..Case::default()
    };
    for (case, words) in [
        (
            case("bash", over_ssh, None, false),
            "a shell on the host, over ssh",
        ),
        (
            case("kill", over_ssh, None, false),
            "kill, from a shell on the host, over ssh",
        ),
        (
            case("pkill", by_sudo, None, false),
            "pkill, from a shell on the host",
        ),
        (case("systemd", &[], None, true), "systemd"),
        (
            case("process_api", &[], None, true),
            "the machine's init (process_api)",
        ),
        (
            case("systemd-oomd", &[], None, false),
            "systemd-oomd, which frees memory",
        ),
        (
            case(
                "python3",
                &[(1, "systemd")],
                Some("/system.slice/deploy.service/sub"),
                false,
            ),
            "python3, of deploy.service on the host",
        ),
        (case("kill", &[], None, false), "kill, on the host"),
    ] {
        assert_eq!(said(&case), words);
    }
}

#[test]
fn of_a_record() {
    use std::sync::Arc;

    use crate::record::{Ancestor, Comm, ContainerRef, Process};

    let web = ContainerRef(Arc::new(container("web", Runtime::Docker)));
    let target = Target {
        process: Process {
            pid: Some(100),
            start_ns: Some(5),
            container: Some(web),
            ..Process::NONE
        },
        is_init: true,
        is_global_init: false,
        unkillable: true,
        disposition: None,
        blocked: None,
        sigwait: None,
        ptraced: false,
        exiting: false,
        frozen: None,
        sigterm_disposition: None,
    };
    let mut sender = Sender {
        kind: Kind::Process,
        process: Process {
            pid: Some(90),
            ns_pid: Some(90),
            ns_level: Some(0),
            comm: Some(Comm::from("runc")),
            ..Process::NONE
        },
        ancestors: vec![Ancestor {
            pid: 50,
            comm: Comm::from("containerd-shim-runc-v2"),
        }],
        role: None,
        role_words: None,
        injected: false,
    };
    let said = |sender: &Sender| of_record(sender, &target.process).map(|(_, words)| words);
    assert_eq!(said(&sender).as_deref(), Some("docker (runc)"));
    sender.process = target.process.clone();
    sender.process.comm = Some(Comm::from("bash"));
    assert_eq!(said(&sender).as_deref(), Some("itself"));
    sender.process.start_ns = Some(4);
    assert_ne!(
        said(&sender).as_deref(),
        Some("itself"),
        "the pid is reused"
    );
    sender.kind = Kind::Timer;
    assert_eq!(said(&sender), None);
}

#[test]
fn a_runtime_that_runs_from_memory_is_that_runtime() {
    for (comm, name) in [
        ("memfd:crun_clon", "crun"),
        ("memfd:runc_clon", "runc"),
        ("runc:[2:INIT]", "runc"),
        ("memfd:else", "else"),
    ] {
        assert_eq!(base(comm), name);
    }
    assert!(is_tool("memfd:crun_clon") && !is_tool("memfd:else"));
}
