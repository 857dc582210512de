use std::time::Duration;

use super::super::fixtures::{ID, ID2, Process, Tree};
use super::super::{Identity, Kind};
use super::cri::{Container, ContainerMetadata, ImageSpec, Sandbox, SandboxMetadata};
use super::fake::{Fake, Manner};
use super::*;

mod looks;
mod nonsense;

const DOCKER: &str = "/run/docker.sock";
const CONTAINERD: &str = "/run/containerd/containerd.sock";

/// Some times what a busy machine needs to find out that nobody answers.
const AT_ONCE: Duration = Duration::from_millis(700);

/// A container as a cgroup's path tells of it, whose runtime is this user's.
fn poor(runtime: Runtime, id: &str) -> Identity {
    Identity {
        id: Some(id.to_owned()),
        owner: nix::unistd::geteuid().as_raw(),
        ..Identity::new(runtime)
    }
}

/// Asks, and says whether it was told, and how long that took.
fn ask(sockets: &mut Sockets, identity: &mut Identity) -> (bool, Duration) {
    let begun = std::time::Instant::now();
    let runtime = runtime().expect("a runtime");
    let told = runtime.block_on(sockets.complete(identity));
    (told, begun.elapsed())
}

fn inspected(pid: u32) -> Vec<(String, String)> {
    let body = format!(
        r#"{{"Id":"{ID}","Name":"/web","Image":"sha256:1","Path":"/bin/app","Args":["-x"],
            "State":{{"Status":"running","Pid":{pid}}},
            "Config":{{"Image":"shop/app:1","StopSignal":"SIGQUIT","StopTimeout":7,"Labels":{{}}}},
            "New":{{"of":"a later version"}}}}"#
    );
    vec![(format!("/containers/{ID}/json"), body)]
}

#[test]
fn docker_says_what_its_files_did_not() {
    let tree = Tree::new();
    tree.process(&Process::init(
        77,
        "app",
        4_026_532_180,
        &format!("/docker/{ID}"),
    ));
    let fake = Fake::start(&tree, DOCKER, Manner::Docker(inspected(77)));
    let mut sockets = Sockets::new(tree.root(), Vec::new());
    let mut identity = poor(Runtime::Docker, ID);
    identity.image = Some("known:1".to_owned());
    assert!(identity.is_poor());
    assert!(ask(&mut sockets, &mut identity).0);
    assert_eq!(identity.name.as_deref(), Some("web"));
    assert_eq!(
        identity.image.as_deref(),
        Some("known:1"),
        "what was known stays"
    );
    assert_eq!(
        (identity.stop_signal, identity.stop_timeout),
        (Some(3), Some(7))
    );
    assert_eq!(identity.args, ["/bin/app", "-x"]);
    assert_eq!(
        (identity.init_pid, identity.pid_ns),
        (Some(77), Some(4_026_532_180))
    );
    assert!(identity.complete && !identity.is_poor());
    assert_eq!(fake.asked(), [format!("/containers/{ID}/json")]);

    // Another cgroup of the same is answered from memory.
    let mut again = poor(Runtime::Docker, ID);
    assert!(ask(&mut sockets, &mut again).0);
    assert_eq!(
        (again.name.as_deref(), fake.connections()),
        (Some("web"), 1)
    );
}

#[test]
fn a_pid_is_believed_if_the_kernel_agrees() {
    let tree = Tree::new();
    tree.process(&Process::init(
        77,
        "sshd",
        4_026_531_836,
        "/system.slice/ssh.service",
    ));
    Fake::start(&tree, DOCKER, Manner::Docker(inspected(77)));
    let mut sockets = Sockets::new(tree.root(), Vec::new());
    let mut identity = poor(Runtime::Docker, ID);
    assert!(ask(&mut sockets, &mut identity).0);
    assert_eq!((identity.init_pid, identity.pid_ns), (None, None));
}

#[test]
fn who_does_not_know_is_asked_again() {
    let tree = Tree::new();
    let fake = Fake::start(&tree, DOCKER, Manner::Docker(Vec::new()));
    let mut sockets = Sockets::new(tree.root(), Vec::new());
    for connections in 1..=2 {
        assert!(!ask(&mut sockets, &mut poor(Runtime::Docker, ID)).0);
        assert_eq!(fake.connections(), connections);
    }
}

#[test]
fn who_hangs_costs_its_patience_once() {
    for (runtime, path) in [(Runtime::Docker, DOCKER), (Runtime::Containerd, CONTAINERD)] {
        let tree = Tree::new();
        let fake = Fake::start(&tree, path, Manner::Hung);
        let mut sockets = Sockets::new(tree.root(), Vec::new());
        let (told, took) = ask(&mut sockets, &mut poor(runtime, ID));
        assert!(!told && took < PATIENCE + AT_ONCE, "{took:?}");
        for id in [ID, ID2] {
            let (told, took) = ask(&mut sockets, &mut poor(runtime, id));
            assert!(!told && took < AT_ONCE, "{took:?}");
        }
        assert_eq!(fake.connections(), 1, "{runtime:?}");
    }
}

#[test]
fn an_error_about_one_does_not_keep_others_from_being_asked_about() {
    let tree = Tree::new();
    let mut answers = inspected(0);
    answers.push((format!("/containers/{ID2}/json"), String::new()));
    let fake = Fake::start(&tree, DOCKER, Manner::Docker(answers));
    let mut sockets = Sockets::new(tree.root(), Vec::new());
    assert!(!ask(&mut sockets, &mut poor(Runtime::Docker, ID2)).0);
    assert!(ask(&mut sockets, &mut poor(Runtime::Docker, ID)).0);
    assert_eq!(fake.connections(), 2);
}

#[test]
fn another_containers_answer_is_none() {
    let tree = Tree::new();
    let (_, body) = inspected(1).remove(0);
    let swapped = vec![(format!("/containers/{ID2}/json"), body)];
    Fake::start(&tree, DOCKER, Manner::Docker(swapped));
    let mut sockets = Sockets::new(tree.root(), Vec::new());
    let mut identity = poor(Runtime::Docker, ID2);
    assert!(!ask(&mut sockets, &mut identity).0);
    assert_eq!(identity.name, None);
}

#[test]
fn a_hundred_megabytes_are_not_read() {
    let tree = Tree::new();
    let fake = Fake::start(&tree, DOCKER, Manner::Floods(100 << 20));
    Fake::start(&tree, CONTAINERD, Manner::Floods(100 << 20));
    let mut sockets = Sockets::new(tree.root(), Vec::new());
    for runtime in [Runtime::Docker, Runtime::Containerd] {
        let (told, took) = ask(&mut sockets, &mut poor(runtime, ID));
        assert!(!told && took < PATIENCE + AT_ONCE, "{took:?}");
    }
    // The limit, and what the kernel holds for a reader.
    assert!(
        fake.written() < line::LIMIT + (1 << 20),
        "{}",
        fake.written()
    );
}

#[test]
fn nobody_there_takes_no_time() {
    let tree = Tree::new();
    let mut sockets = Sockets::new(tree.root(), Vec::new());
    let (told, took) = ask(&mut sockets, &mut poor(Runtime::Docker, ID));
    assert!(!told && took < AT_ONCE, "{took:?}");
    // Left behind by a daemon that is gone.
    tree.directory("/run");
    drop(std::os::unix::net::UnixListener::bind(
        tree.root().at(DOCKER),
    ));
    let (told, took) = ask(&mut sockets, &mut poor(Runtime::Docker, ID));
    assert!(!told && took < AT_ONCE, "{took:?}");
}

#[test]
fn only_what_a_runtime_can_know_is_asked() {
    let tree = Tree::new();
    let docker = Fake::start(&tree, DOCKER, Manner::Docker(inspected(0)));
    let containerd = Fake::start(&tree, CONTAINERD, Manner::Cri(Vec::new(), Vec::new()));
    let mut sockets = Sockets::new(tree.root(), Vec::new());
    for runtime in [Runtime::Runc, Runtime::Lxc, Runtime::Podman, Runtime::CriO] {
        assert!(!ask(&mut sockets, &mut poor(runtime, ID)).0);
    }
    // No id that a runtime gave: it could be a path.
    for id in ["web", "../../images/json", "9db05c0cf888"] {
        let mut identity = poor(Runtime::Docker, id);
        assert!(!identity.is_poor() && !ask(&mut sockets, &mut identity).0);
    }
    assert_eq!((docker.connections(), containerd.connections()), (0, 0));
    // Of a runtime that the path does not tell, whoever knows it.
    let mut unknown = poor(Runtime::Unknown, ID);
    assert!(ask(&mut sockets, &mut unknown).0);
    assert_eq!(unknown.runtime, Runtime::Docker);
}

#[test]
fn the_cri_tells_of_containers_and_pods() {
    let metadata = |name: &str| SandboxMetadata {
        name: name.to_owned(),
        uid: "u-1".to_owned(),
        namespace: "shop".to_owned(),
    };
    let pod = Sandbox {
        id: ID2.to_owned(),
        metadata: Some(metadata("web-0")),
    };
    let app = Container {
        id: ID.to_owned(),
        pod_sandbox_id: ID2.to_owned(),
        metadata: Some(ContainerMetadata {
            name: "app".to_owned(),
        }),
        image: Some(ImageSpec {
            image: "sha256:1".to_owned(),
            user_specified_image: "nginx:1.27".to_owned(),
        }),
        labels: HashMap::new(),
    };
    let tree = Tree::new();
    let manner = Manner::Cri(vec![app.clone()], vec![pod.clone()]);
    let fake = Fake::start(&tree, CONTAINERD, manner);
    let mut sockets = Sockets::new(tree.root(), Vec::new());
    let mut identity = poor(Runtime::Unknown, ID);
    identity.pod_uid = Some("u-1".to_owned());
    assert!(ask(&mut sockets, &mut identity).0);
    assert_eq!(identity.runtime, Runtime::Containerd);
    assert_eq!(identity.name.as_deref(), Some("app"));
    assert_eq!(identity.image.as_deref(), Some("nginx:1.27"));
    assert_eq!(identity.pod.as_deref(), Some("web-0"));
    assert_eq!(identity.pod_namespace.as_deref(), Some("shop"));
    assert_eq!(fake.asked(), [cri::CONTAINERS, cri::SANDBOXES]);

    let mut sandbox = poor(Runtime::Containerd, ID2);
    assert!(ask(&mut sockets, &mut sandbox).0);
    assert_eq!(
        (sandbox.kind, sandbox.name.as_deref()),
        (Kind::Sandbox, None)
    );
    assert_eq!(sandbox.label().as_deref(), Some("web-0 (pause)"));
    assert!(!sandbox.is_poor());

    // A kubelet's labels say it all at once.
    let tree = Tree::new();
    let labels = [
        ("io.kubernetes.pod.name", "web-1"),
        ("io.kubernetes.pod.namespace", "prod"),
    ];
    let labels = labels.map(|(key, value)| (key.to_owned(), value.to_owned()));
    let labelled = Container {
        labels: labels.into(),
        ..app
    };
    let fake = Fake::start(&tree, CONTAINERD, Manner::Cri(vec![labelled], Vec::new()));
    let mut sockets = Sockets::new(tree.root(), Vec::new());
    let mut identity = poor(Runtime::Containerd, ID);
    assert!(ask(&mut sockets, &mut identity).0);
    assert_eq!(identity.pod.as_deref(), Some("web-1"));
    assert_eq!(identity.pod_namespace.as_deref(), Some("prod"));
    assert_eq!(fake.asked(), [cri::CONTAINERS]);
}

#[test]
fn a_list_waits_no_longer_than_it_may() {
    const PATIENCE: Duration = Duration::from_millis(400);
    let tree = Tree::new();
    Fake::start(&tree, CONTAINERD, Manner::Hung);
    Fake::start(&tree, DOCKER, Manner::Docker(inspected(0)));
    let asked = vec![poor(Runtime::Containerd, ID2), poor(Runtime::Docker, ID)];
    let begun = std::time::Instant::now();
    let told = ask_all(&tree.root(), asked.clone(), PATIENCE);
    assert!(
        begun.elapsed() < PATIENCE + AT_ONCE,
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(told[0], asked[0]);
    assert_eq!(
        told[1].name.as_deref(),
        Some("web"),
        "not behind the hung one"
    );
}

#[test]
fn names_that_are_none_are_not_taken() {
    assert_eq!(text(Some(String::new())), None);
    assert_eq!(text(Some("x".repeat(LONGEST_TEXT + 1))), None);
    assert_eq!(text(Some("web".to_owned())).as_deref(), Some("web"));
}

#[test]
fn a_container_within_a_container_is_named_by_the_files_in_there() {
    let tree = Tree::new();
    let outer = format!("/docker/{ID2}");
    let inner = format!("{outer}/docker/{ID}");
    tree.process(&Process::init(40, "dockerd", 4_026_532_001, &outer));
    let root = tree.root().at("/proc/40/root");
    std::fs::create_dir_all(&root).expect("a directory");
    let mut identity = poor(Runtime::Docker, ID);
    identity.outer = Some(ID2.to_owned());
    identity.cgroup = Some(inner);
    // No daemon of the machine's is asked.
    let fake = Fake::start(&tree, DOCKER, Manner::Docker(inspected(77)));
    let mut sockets = Sockets::new(tree.root(), Vec::new());
    assert!(!ask(&mut sockets, &mut identity.clone()).0);
    let at = format!("/proc/40/root/var/lib/docker/containers/{ID}/config.v2.json");
    tree.file(&at, r#"{"Name":"/inner"}"#);
    assert!(ask(&mut sockets, &mut identity).0);
    assert_eq!(identity.name.as_deref(), Some("inner"));
    assert_eq!(fake.connections(), 0);
}
