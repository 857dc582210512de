//! One row per shape, with the path as a machine really has it.

use super::*;

mod elsewhere;

const ID: &str = "925d32cf1a3c5b7d9e0f1234567890abcdef1234567890abcdef1234567890ab";
const ID2: &str = "b69f3661aa3c5b7d9e0f1234567890abcdef1234567890abcdef1234567890cd";
const UID: &str = "d634c193-11aa-22bb-33cc-4455667788dd";
const UID_: &str = "d634c193_11aa_22bb_33cc_4455667788dd";
const STATIC: &str = "6d5e6f84e7368730f81e957100e9a4f2";

fn filled(template: &str) -> String {
    template
        .replace("{id}", ID)
        .replace("{id2}", ID2)
        .replace("{uid}", UID)
        .replace("{uid_}", UID_)
        .replace("{static}", STATIC)
}

/// (path, runtime, id, own cgroup; an empty one is the whole path)
type Row = (&'static str, Option<Runtime>, &'static str, &'static str);

fn check(rows: &[Row]) {
    for (path, runtime, id, cgroup) in rows {
        let path = filled(path);
        let shape = shape(&path).unwrap_or_else(|| panic!("{path} is a container"));
        assert_eq!(shape.runtime, *runtime, "{path}");
        assert_eq!(shape.id.as_deref(), Some(filled(id).as_str()), "{path}");
        let whole = if cgroup.is_empty() {
            path.clone()
        } else {
            filled(cgroup)
        };
        assert_eq!(shape.cgroup, whole, "{path}");
        assert!(!shape.weak, "{path}");
    }
}

const DOCKER: Option<Runtime> = Some(Runtime::Docker);
const CONTAINERD: Option<Runtime> = Some(Runtime::Containerd);
const CRIO: Option<Runtime> = Some(Runtime::CriO);
const PODMAN: Option<Runtime> = Some(Runtime::Podman);
const LXC: Option<Runtime> = Some(Runtime::Lxc);
const NSPAWN: Option<Runtime> = Some(Runtime::Nspawn);

#[test]
fn docker() {
    check(&[
        ("/docker/{id}", DOCKER, "{id}", ""),
        ("/system.slice/docker-{id}.scope", DOCKER, "{id}", ""),
        // --cgroup-parent, with either driver.
        ("/my.slice/docker-{id}.scope", DOCKER, "{id}", ""),
        ("/my-parent/{id}", None, "{id}", ""),
        ("/system.slice:docker:{id}", DOCKER, "{id}", ""),
        // Docker Desktop, rootless docker.
        ("/podruntime/docker/{id}", DOCKER, "{id}", ""),
        (
            "/user.slice/user-1000.slice/user@1000.service/user.slice/docker-{id}.scope",
            DOCKER,
            "{id}",
            "",
        ),
        // GitHub Actions, a build step.
        ("/actions_job/{id}", DOCKER, "{id}", ""),
        (
            "/docker/buildkit/k2vmdqf6yfxzhvz2ye4ttu3cm",
            DOCKER,
            "k2vmdqf6yfxzhvz2ye4ttu3cm",
            "",
        ),
    ]);
}

#[test]
fn a_systemd_inside_belongs_to_its_container() {
    check(&[
        ("/docker/{id}/init.scope", DOCKER, "{id}", "/docker/{id}"),
        (
            "/docker/{id}/system.slice/ssh.service",
            DOCKER,
            "{id}",
            "/docker/{id}",
        ),
        (
            "/system.slice/docker-{id}.scope/user.slice/user-0.slice/session-1.scope",
            DOCKER,
            "{id}",
            "/system.slice/docker-{id}.scope",
        ),
        (
            "/lxc.payload.c1/system.slice/cron.service",
            LXC,
            "c1",
            "/lxc.payload.c1",
        ),
    ]);
}

#[test]
fn the_innermost_of_nested_ones_wins() {
    let path = filled("/docker/{id}/docker/{id2}/init.scope");
    let nested = shape(&path).expect("a container");
    assert_eq!(nested.id.as_deref(), Some(ID2));
    assert_eq!(nested.outer.as_deref(), Some(ID));
    assert_eq!(nested.cgroup, filled("/docker/{id}/docker/{id2}"));
    // kind: a kubelet in a docker container.
    let path = filled(
        "/docker/{id}/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-besteffort.slice/\
         kubelet-kubepods-besteffort-pod{uid_}.slice/cri-containerd-{id2}.scope",
    );
    let kind = shape(&path).expect("a container");
    assert_eq!((kind.runtime, kind.id.as_deref()), (CONTAINERD, Some(ID2)));
    assert_eq!(kind.pod_uid.as_deref(), Some(UID));
    assert_eq!(kind.outer.as_deref(), Some(ID));
}

#[test]
fn pods() {
    for (template, runtime) in [
        ("/kubepods/pod{uid}/{id}", None),
        ("/kubepods/besteffort/pod{uid}/{id}", None),
        ("/kubepods/burstable/pod{uid}/{id}", None),
        ("/kubelet/kubepods/burstable/pod{uid}/{id}", None),
        (
            "/kubepods.slice/kubepods-pod{uid_}.slice/cri-containerd-{id}.scope",
            CONTAINERD,
        ),
        (
            "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{uid_}.slice/\
             cri-containerd-{id}.scope",
            CONTAINERD,
        ),
        (
            "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod{uid_}.slice/\
             crio-{id}.scope",
            CRIO,
        ),
        // crun makes a cgroup of its own inside.
        (
            "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod{uid_}.slice/\
             crio-{id}.scope/container",
            CRIO,
        ),
        (
            "/kubepods.slice/kubepods-pod{uid_}.slice/docker-{id}.scope",
            DOCKER,
        ),
        ("/kubepods/besteffort/pod{uid}/crio-{id}", CRIO),
        // containerd with the wrong driver for a kubelet with systemd's.
        (
            "/kubepods-burstable-pod{uid_}.slice:cri-containerd:{id}",
            CONTAINERD,
        ),
        (
            "/system.slice/containerd.service/kubepods-besteffort-pod{uid_}.slice:cri-containerd:{id}",
            CONTAINERD,
        ),
    ] {
        let path = filled(template);
        let shape = shape(&path).unwrap_or_else(|| panic!("{path} is a container"));
        assert_eq!(shape.runtime, runtime, "{path}");
        assert_eq!(shape.id.as_deref(), Some(ID), "{path}");
        assert_eq!(shape.pod_uid.as_deref(), Some(UID), "{path}");
        assert!(shape.cgroup.contains(ID) && !shape.weak, "{path}");
    }
    for template in [
        "/kubepods/besteffort/pod{static}/{id}",
        "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{static}.slice/crio-{id}.scope",
    ] {
        let shape = shape(&filled(template)).expect("a static pod's container");
        assert_eq!(shape.pod_uid.as_deref(), Some(STATIC));
    }
    // The pod's own cgroup holds no container.
    assert_eq!(place(&filled("/kubepods/besteffort/pod{uid}")), Place::Host);
    assert_eq!(
        place(&filled("/kubepods.slice/kubepods-pod{uid_}.slice")),
        Place::Host
    );
}

#[test]
fn podman() {
    check(&[
        ("/libpod_parent/libpod-{id}", PODMAN, "{id}", ""),
        ("/libpod_parent/{id2}/libpod-{id}", PODMAN, "{id}", ""),
        ("/machine.slice/libpod-{id}.scope", PODMAN, "{id}", ""),
        (
            "/machine.slice/libpod-{id}.scope/container",
            PODMAN,
            "{id}",
            "/machine.slice/libpod-{id}.scope",
        ),
        (
            "/machine.slice/machine-libpod_pod_{id2}.slice/libpod-{id}.scope",
            PODMAN,
            "{id}",
            "",
        ),
        // Rootless.
        (
            "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-{id}.scope/container",
            PODMAN,
            "{id}",
            "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-{id}.scope",
        ),
        // Quadlet: --cgroups=split.
        (
            "/system.slice/web.service/libpod-payload-{id}",
            PODMAN,
            "{id}",
            "",
        ),
    ]);
}

#[test]
fn monitors_are_outside() {
    for (template, id) in [
        ("/machine.slice/libpod-conmon-{id}.scope", ID),
        (
            "/kubepods.slice/kubepods-pod{uid_}.slice/crio-conmon-{id}.scope",
            ID,
        ),
        ("/system.slice/crio-conmon-{id}.scope", ID),
        ("/lxc.monitor.c1", "c1"),
        ("/lxc.monitor/c1", "c1"),
        ("/machine.slice/machine-web.scope/supervisor", "web"),
        (
            "/machine.slice/systemd-nspawn@web.service/supervisor",
            "web",
        ),
    ] {
        let path = filled(template);
        assert_eq!(place(&path), Place::Monitor(id.to_owned()), "{path}");
        assert_eq!(shape(&path), None);
    }
    assert_eq!(place("/libpod_parent/conmon"), Place::Host);
}

#[test]
fn bare_runtimes_and_their_clients() {
    check(&[
        ("/system.slice/nerdctl-{id}.scope", CONTAINERD, "{id}", ""),
        ("/k8s.io/{id}", CONTAINERD, "{id}", ""),
        ("/moby/{id}", DOCKER, "{id}", ""),
        (
            "/user.slice/runc-my-box.scope",
            Some(Runtime::Runc),
            "my-box",
            "",
        ),
        (
            "/system.slice/crun-c1.scope/container",
            Some(Runtime::Crun),
            "c1",
            "/system.slice/crun-c1.scope",
        ),
        ("/system.slice:runc:box", Some(Runtime::Runc), "box", ""),
    ]);
}

#[test]
fn guesses_are_marked() {
    for (path, runtime, id, namespace, cgroup) in [
        ("/bash1", None, Some("bash1"), None, "/bash1"),
        (
            "/default/c1",
            None,
            Some("c1"),
            Some("default"),
            "/default/c1",
        ),
        (
            "/default/c1/init.scope",
            None,
            Some("c1"),
            Some("default"),
            "/default/c1",
        ),
        ("/payload", NSPAWN, None, None, "/payload"),
        (
            "/system.slice/box.service/payload/init.scope",
            NSPAWN,
            None,
            None,
            "/system.slice/box.service/payload",
        ),
    ] {
        let shape = shape(path).unwrap_or_else(|| panic!("{path} may be a container"));
        assert!(shape.weak, "{path}");
        assert_eq!(
            (
                shape.runtime,
                shape.id.as_deref(),
                shape.namespace.as_deref()
            ),
            (runtime, id, namespace),
            "{path}"
        );
        assert_eq!(shape.cgroup, cgroup);
    }
}

#[test]
fn the_hosts_own_are_none() {
    for path in [
        "",
        "/",
        "/init.scope",
        "/system.slice/ssh.service",
        "/system.slice/docker.service",
        "/system.slice/docker-compose-web.scope",
        "/system.slice/containerd.service",
        "/user.slice/user-1000.slice/session-3.scope",
        "/user.slice/user-1000.slice/user@1000.service/app.slice/app-gnome-term.scope",
        "/docker",
        "/kubepods",
        "/kubepods/besteffort",
        "/kubepods.slice/kubepods-besteffort.slice",
        "/libpod_parent",
        "/supervisor",
        "/system.slice/docker-0123.scope",
    ] {
        assert_eq!(place(path), Place::Host, "{path}");
    }
}

#[test]
fn what_proc_adds_to_a_path() {
    let plain = shape(&filled("/docker/{id}"));
    assert_eq!(shape(&filled("/docker/{id} (deleted)")), plain);
    assert_eq!(shape(&filled("/../../docker/{id}")), plain);
    assert_eq!(shape(&filled("docker/{id}/")), plain);
}

#[test]
fn of_several_hierarchies_the_innermost_container_counts() {
    let id = |paths: &[String]| innermost(paths.to_vec()).and_then(|(_, shape)| shape.id);
    let outer = filled("/docker/{id}");
    let inner = format!("{outer}/docker/{ID2}");
    let host = "/user.slice".to_owned();
    for paths in [
        [outer.clone(), inner.clone()],
        [inner.clone(), outer.clone()],
    ] {
        assert_eq!(id(&paths).as_deref(), Some(ID2));
    }
    // One that is not around the other says no more than the first.
    let stranger = format!("/docker/{ID2}");
    assert_eq!(id(&[outer.clone(), stranger]).as_deref(), Some(ID));
    assert_eq!(id(&[host.clone(), outer.clone()]).as_deref(), Some(ID));
    // A guess gives way.
    let guess = "/payload".to_owned();
    assert!(shape(&guess).is_some_and(|shape| shape.weak));
    assert_eq!(id(&[guess, outer]).as_deref(), Some(ID));
    assert_eq!(innermost([host]), None);
}

#[test]
fn hostile_paths_are_survived() {
    let deep = "/a".repeat(100_000);
    assert!(shape(&deep).is_some_and(|shape| shape.weak));
    let deep_docker = filled(&format!("/docker/{{id}}{}", "/x".repeat(10_000)));
    assert_eq!(shape(&deep_docker).and_then(|s| s.id).as_deref(), Some(ID));
    for path in [
        "/\\x",
        "/machine.slice/machine-\\xzz\\x2.scope",
        "/machine.slice/machine-\\xff.scope",
        "/machine.slice/machine-.scope",
        "/machine-é\\x2é.scope",
        "/lxc.payload.",
        "/pod",
        "/kubepods/pod",
        "/kubepods-pod.slice/x",
        "::",
        "/a:b:c",
        "/:docker:",
        "/runc-.scope",
        "/ecs/-1",
        "/\u{1b}[2J\n/\u{202e}",
    ] {
        let _ = place(path);
    }
    assert_eq!(unescaped("\\xff"), "\\xff", "no UTF-8 any more");
    assert_eq!(unescaped("é\\x2dé\\x2"), "é-é\\x2");
    assert!(!is_full_id(&ID.to_uppercase()) && is_full_id(ID));
}
