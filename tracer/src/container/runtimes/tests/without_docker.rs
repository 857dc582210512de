//! Podman, CRI-O, what stands without a daemon, LXC and nspawn.

use super::*;

pub const PODMAN_LIST: &str = r#"[{"id":"other","names":["no"]},{"id":"IDENT","names":["pd-bash"],
    "image":"11920bd4","metadata":"{\"image-name\":\"localhost/bash-init:1\",\"name\":\"pd-bash\"}"}]"#;

#[test]
fn podman() {
    let tree = Tree::new();
    tree.process(&conmon(ID, "pd-bash", "/var/lib/containers/storage"));
    tree.process(
        &Process::init(100, "bash", 4100, &format!("/libpod_parent/libpod-{ID}")).child_of(50),
    );
    let by_monitor = expect(&tree, 100);
    assert_eq!(by_monitor.runtime, Runtime::Podman);
    assert_eq!(text(&by_monitor.name), "pd-bash");
    assert!(!by_monitor.complete);
    tree.file(
        "/var/lib/containers/storage/overlay-containers/containers.json",
        &PODMAN_LIST.replace("IDENT", ID),
    );
    tree.file(
        &format!("/run/runc/{ID}/state.json"),
        r#"{"init_process_pid":100,"init_process_start":1000,"config":{"labels":[
           "io.container.manager=libpod","org.opencontainers.image.stopSignal=15"]}}"#,
    );
    let found = expect(&tree, 100);
    assert_eq!(text(&found.name), "pd-bash");
    assert_eq!(text(&found.image), "localhost/bash-init:1");
    assert_eq!(found.stop_signal, Some(15));
    assert!(found.complete);
}

#[test]
fn podman_without_root() {
    let tree = Tree::new();
    tree.file("/etc/passwd", "ann:x:1000:1000::/home/ann:/bin/sh\n");
    tree.process(&conmon(ID, "box", "/home/ann/.local/share/containers/storage").uid(1000));
    let cgroup = format!(
        "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-{ID}.scope/container"
    );
    tree.process(
        &Process::init(100, "sh", 4100, &cgroup)
            .child_of(50)
            .uid(1000),
    );
    tree.file(
        "/home/ann/.local/share/containers/storage/overlay-containers/volatile-containers.json",
        &PODMAN_LIST.replace("IDENT", ID),
    );
    let found = expect(&tree, 100);
    // The monitor knows only the name that it was started with.
    assert_eq!(text(&found.name), "pd-bash");
    assert_eq!(text(&found.image), "localhost/bash-init:1");
    // Without systemd there is no cgroup either, only the monitor.
    tree.file(
        "/proc/100/cgroup",
        "0::/user.slice/user-1000.slice/session-1.scope\n",
    );
    let found = expect(&tree, 100);
    assert_eq!((found.runtime, text(&found.id)), (Runtime::Podman, ID));
    assert_eq!(text(&found.name), "pd-bash");
}

#[test]
fn cri_o() {
    let tree = Tree::new();
    tree.process(&conmon(
        ID,
        "k8s_app_web-0_prod_1_0",
        "/run/containers/storage",
    ));
    let cgroup = format!(
        "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod1.slice/crio-{ID}.scope"
    );
    tree.process(&Process::init(100, "app", 4100, &cgroup).child_of(50));
    let userdata = format!("/run/containers/storage/overlay-containers/{ID}/userdata");
    tree.file(
        &format!("{userdata}/config.json"),
        r#"{"annotations":{"io.container.manager":"cri-o","io.kubernetes.container.name":"app",
           "io.kubernetes.cri-o.ContainerType":"container","io.kubernetes.cri-o.ImageName":"quay.io/app:1",
           "io.kubernetes.pod.name":"web-0","io.kubernetes.pod.namespace":"prod",
           "io.kubernetes.pod.uid":"1","io.kubernetes.pod.terminationGracePeriod":"30",
           "org.opencontainers.image.stopSignal":"SIGINT"},"process":{"args":["/app"]}}"#,
    );
    tree.file(
        &format!("{userdata}/state.json"),
        r#"{"init_process_pid":100,"init_process_start":1000}"#,
    );
    let found = expect(&tree, 100);
    assert_eq!(found.runtime, Runtime::CriO);
    assert_eq!((text(&found.name), text(&found.pod)), ("app", "web-0"));
    assert_eq!(text(&found.image), "quay.io/app:1");
    assert_eq!((found.stop_signal, found.stop_timeout), (Some(2), Some(30)));
    assert!(found.complete && found.init_pid == Some(100));
}

#[test]
fn bare_runc_and_crun() {
    let tree = Tree::new();
    tree.process(&Process::init(100, "bash", 4100, "/bash1"));
    assert_eq!(named(&tree, 100), None, "not written yet");
    tree.file(
        "/run/runc/bash1/state.json",
        r#"{"id":"bash1","init_process_pid":100,"init_process_start":1000,
            "config":{"labels":["io.sigtest.case=x","bundle=/tmp/b1"]}}"#,
    );
    tree.file(
        "/tmp/b1/config.json",
        r#"{"process":{"args":["/bin/bash","-c"]}}"#,
    );
    let found = expect(&tree, 100);
    assert_eq!((found.runtime, text(&found.id)), (Runtime::Runc, "bash1"));
    assert_eq!(found.args, ["/bin/bash", "-c"]);
    assert_eq!(found.label().as_deref(), Some("bash1"));

    tree.process(&Process::init(200, "sh", 4200, "/crun1/init.scope"));
    tree.file(
        "/run/crun/crun1/status",
        r#"{"pid":200,"process-start-time":2000,"cgroup-path":"/crun1","bundle":"/tmp/b2"}"#,
    );
    tree.file(
        "/run/crun/crun1/config.json",
        r#"{"annotations":{"org.opencontainers.image.stopSignal":"10"}}"#,
    );
    let found = expect(&tree, 200);
    assert_eq!((found.runtime, text(&found.id)), (Runtime::Crun, "crun1"));
    assert_eq!(found.stop_signal, Some(10));
}

#[test]
fn a_directory_of_the_same_name_is_no_container() {
    let tree = Tree::new();
    tree.process(&Process::init(100, "bash", 4100, "/bash1"));
    tree.process(&Process::init(200, "sh", 4200, "/bash1-not"));
    tree.file(
        "/run/runc/bash1-not/state.json",
        r#"{"id":"bash1-not","init_process_pid":100,"init_process_start":1000}"#,
    );
    assert_eq!(named(&tree, 200), None);
}

#[test]
fn lxc() {
    let tree = Tree::new();
    tree.process(&Process::new(50, "[lxc monitor] /").args(&["[lxc monitor] /srv/my lxc c1"]));
    tree.process(&Process::init(100, "init", 4100, "/lxc.payload.c1/init.scope").child_of(50));
    tree.file(
        "/srv/my lxc/c1/config",
        "lxc.uts.name = c1\nlxc.signal.halt = SIGRTMIN+4\nlxc.init.cmd = /bin/init -x\n",
    );
    let found = expect(&tree, 100);
    assert_eq!((found.runtime, text(&found.name)), (Runtime::Lxc, "c1"));
    assert_eq!(found.stop_signal, Some(38));
    assert_eq!(found.args, ["/bin/init", "-x"]);
    // Only the monitor tells.
    tree.file("/proc/100/cgroup", "0::/\n");
    assert_eq!(text(&expect(&tree, 100).name), "c1");
}

#[test]
fn nspawn() {
    let tree = Tree::new();
    tree.process(&Process::new(50, "systemd-nspawn").args(&[
        "systemd-nspawn",
        "-q",
        "-D",
        "/srv/web",
        "--keep-unit",
        "-b",
    ]));
    tree.process(&Process::init(100, "systemd", 4100, "/payload/init.scope").child_of(50));
    let found = expect(&tree, 100);
    assert_eq!((found.runtime, text(&found.name)), (Runtime::Nspawn, "web"));
    assert_eq!(found.stop_signal, Some(37), "SIGRTMIN+3, since it boots");
    tree.file("/run/systemd/machines/box", "NAME=box\nLEADER=100\n");
    assert_eq!(text(&expect(&tree, 100).name), "box");
    // Registered ones have it in the path.
    tree.process(&Process::init(
        200,
        "sh",
        4200,
        "/machine.slice/machine-my\\x2dbox.scope/payload",
    ));
    assert_eq!(text(&expect(&tree, 200).name), "my-box");
    // A directory of that name alone is none.
    tree.process(&Process::init(300, "sh", 4300, "/payload"));
    assert_eq!(named(&tree, 300), None);
}
