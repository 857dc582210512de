//! Paths of LXC, of machines, and of the clouds.

use super::*;

#[test]
fn clouds() {
    check(&[
        (
            "/ecs/0123456789abcdef0123456789abcdef/{id}",
            DOCKER,
            "{id}",
            "",
        ),
        (
            "/ecs/my-cluster/0123456789abcdef0123456789abcdef/{id}",
            DOCKER,
            "{id}",
            "",
        ),
        (
            "/ecstasks.slice/ecstasks-0123456789abcdef0123456789abcdef.slice/docker-{id}.scope",
            DOCKER,
            "{id}",
            "",
        ),
        (
            "/ecs/0123456789abcdef0123456789abcdef/0123456789abcdef0123456789abcdef-2531612879",
            CONTAINERD,
            "0123456789abcdef0123456789abcdef-2531612879",
            "",
        ),
        (
            "/system.slice/garden.service/garden/d634c193-11aa-22bb-33cc-4455",
            Some(Runtime::Runc),
            "d634c193-11aa-22bb-33cc-4455",
            "",
        ),
        (
            "/garden/good/d634c193-11aa-22bb-33cc-4455",
            Some(Runtime::Runc),
            "d634c193-11aa-22bb-33cc-4455",
            "",
        ),
    ]);
}

#[test]
fn lxc_and_machines() {
    check(&[
        ("/lxc.payload.c1", LXC, "c1", ""),
        ("/lxc.payload/c1", LXC, "c1", ""),
        ("/lxc/100/ns/init.scope", LXC, "100", "/lxc/100"),
        (
            "/user.slice/user-1000.slice/session-2.scope/lxc.payload.c1",
            LXC,
            "c1",
            "",
        ),
        (
            "/machine.slice/machine-my\\x2dbox.scope",
            NSPAWN,
            "my-box",
            "",
        ),
        (
            "/machine.slice/machine-web.scope/payload/init.scope",
            NSPAWN,
            "web",
            "/machine.slice/machine-web.scope/payload",
        ),
        (
            "/machine.slice/systemd-nspawn@my\\x2dweb.service/payload",
            NSPAWN,
            "my-web",
            "",
        ),
        (
            "/machine.slice/machine-lxc\\x2d1234\\x2dold\\x2dbox.scope/libvirt/emulator",
            LXC,
            "old-box",
            "/machine.slice/machine-lxc\\x2d1234\\x2dold\\x2dbox.scope",
        ),
    ]);
    // A virtual machine is one process of the host.
    assert_eq!(
        place("/machine.slice/machine-qemu\\x2d1\\x2dvm.scope/libvirt/vcpu0"),
        Place::Host
    );
}
