//! `cargo xtask vm docker`: the tests on Docker's containers in a guest whose
//! PID 1 is systemd, with cgroup v2 alone and cgroups that systemd makes for
//! Docker, as on most servers; and crun, alone and under Podman, which wants that.
//!
//! The guest is this machine's own programs in an initramfs, like every other:
//! no disk, no distribution, and no unit but those here.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use super::guest::Guest;
use super::initramfs::utf8;
use super::kernels::{Kernel, Scratch};
use super::qemu::{self, Output};
use super::{exit_code, ready};
use crate::args::Args;
use crate::failure::{Context as _, Result, fail};
use crate::runtimes::{image, packages};
use crate::test::target;
use crate::workspace::{self, ContextNone as _, Workspace};
use crate::{build, setup};

/// What is played unless the command line says otherwise: stop, kill and exec
/// with inits of every kind, and crun's. The rest is the same on every kernel.
const TESTS: &[&str] = &[
    "others::crun_kill",
    "others::podman_stop_by_crun",
    "docker::stop_",
    "docker::kill_is_forced_on_an_init",
    "docker::no_signal_from_inside_reaches_an_init",
];

/// The four that make ready, and the tests.
const JOBS: usize = 5;

/// Seconds for everything: emulated, a `docker run` takes five.
const TIMEOUT: u64 = 900;

/// By what the tests stretch their patience.
const SLOW: &str = "10";

/// PID 1, and what starts programs for it since 255.
const SYSTEMD: &str = "/usr/lib/systemd/systemd";
const EXECUTOR: &str = "/usr/lib/systemd/systemd-executor";

const PROGRAMS: &[&str] = &[
    "dockerd",
    "docker",
    "containerd",
    "containerd-shim-runc-v2",
    "runc",
    "crun",
    "podman",
    "conmon",
];

/// What podman reads: any image is good, and see [`UNITS`] for what the rest is
/// for.
const CONTAINERS: &[(&str, &str)] = &[
    (
        "policy.json",
        "{\"default\":[{\"type\":\"insecureAcceptAnything\"}]}\n",
    ),
    (
        "containers.conf",
        "[engine]\ncgroup_manager = \"cgroupfs\"\nevents_logger = \"file\"\n\
         no_pivot_root = true\n",
    ),
    (
        "storage.conf",
        "[storage]\ndriver = \"vfs\"\ngraphroot = \"/var/lib/containers/storage\"\n\
         runroot = \"/run/containers/storage\"\n",
    ),
];

/// The files of the images' one layer, for a plain bundle.
const UNPACK: &str = "mkdir -p \"$0\" && cd \"$0\" && \
                      tar -xf /vm/images.tar -O \"$(tar -tf /vm/images.tar | grep layer.tar)\" | tar -xf -";

/// Where the tests look for what `cargo xtask runtimes` would have put there.
const DIR: &str = "/vm/runtimes";

/// By their names in `/etc/systemd/system`. None has the default dependencies:
/// the targets that these name are not there.
///
/// - `DOCKER_RAMDISK`: the root is an initramfs, which pivot_root(2) refuses.
/// - `umount`: where dockerd sees AppArmor, it wants to load a profile, and what
///   loads it is not there.
/// - `vfs`: the kernels have overlayfs as a module.
const UNITS: &[(&str, &str)] = &[
    (
        "default.target",
        "[Unit]\nDefaultDependencies=no\nWants=jobs.service\n",
    ),
    (
        "containerd.service",
        "[Unit]\nDefaultDependencies=no\n[Service]\nType=notify\nExecStart=/usr/bin/containerd\n\
         Environment=PATH=/usr/bin\nDelegate=yes\nKillMode=process\nTimeoutStartSec=300\n\
         StandardOutput=file:/vm/containerd.log\nStandardError=inherit\n",
    ),
    (
        "docker.service",
        "[Unit]\nDefaultDependencies=no\nRequires=containerd.service\nAfter=containerd.service\n\
         [Service]\nType=notify\nExecStartPre=/usr/bin/umount /sys/kernel/security\n\
         ExecStart=/usr/bin/dockerd --host=unix:///run/docker.sock \
         --containerd=/run/containerd/containerd.sock --bridge=none --iptables=false \
         --ip6tables=false --ip-forward=false --ip-masq=false --userland-proxy=false \
         --exec-opt=native.cgroupdriver=systemd --storage-driver=vfs\n\
         Environment=PATH=/usr/bin DOCKER_RAMDISK=1\nDelegate=yes\nKillMode=process\n\
         TimeoutStartSec=300\nStandardOutput=file:/vm/docker.log\nStandardError=inherit\n",
    ),
    (
        "jobs.service",
        "[Unit]\nDefaultDependencies=no\nWants=docker.service\nAfter=docker.service\n\
         [Service]\nType=oneshot\nTimeoutStartSec=infinity\nExecStart=/init jobs\n",
    ),
];

/// Whether Docker is there, and in what way; else what was said.
const IS_UP: &str = "docker info --format '{{.CgroupDriver}} {{.CgroupVersion}}' | grep -x 'systemd 2' \
                     || { dmesg | tail -n 40; tail -n 20 /vm/*.log; exit 1; }";

/// The command.
pub fn run(ws: &Workspace, args: &mut Args) -> Result<ExitCode> {
    let wanted = args.value("--kernel")?;
    let filters: Vec<String> = args.positional().into_iter().collect();
    args.finish()?;
    play(ws, wanted.as_deref(), &filters).map(|()| ExitCode::SUCCESS)
}

/// Boots each of the kernels and plays the tests whose names hold a filter, or
/// [`TESTS`] when there is none.
pub fn play(ws: &Workspace, wanted: Option<&str>, filters: &[String]) -> Result<()> {
    let kernels = ready(ws, wanted)?;
    let dir = super::dir(ws).join("docker");
    std::fs::create_dir_all(&dir).context(|| format!("cannot make {}", dir.display()))?;
    packages::ensure(
        ws,
        &[packages::NEEDS, packages::SYSTEMD],
        &dir.join("apt.log"),
    )?;
    let images = image::build(ws, &dir)?;
    setup::ensure(ws)?;
    let sigwhy = build::sigwhy(ws, true)?;
    let tests = target::build(ws, "runtimes")?;

    let mut guest = machine()?;
    guest.program(&sigwhy, "sigwhy")?;
    guest.program(&tests, "runtimes")?;
    guest.file(&images.archive, "/vm/images.tar")?;
    let rootfs = format!("{DIR}/rootfs");
    let bundle = crate::runtimes::bundle(ws, &dir.join("bundle"), &rootfs)?;
    guest.text(&format!("{DIR}/bundle/config.json"), &bundle);
    guest.directory(&ws.root.join("tracer"))?;
    for (key, value) in [
        ("SIGWHY_TEST_SLOW", SLOW),
        ("SIGWHY_TEST_GUEST", "1"),
        ("SIGWHY_TEST_SYSTEMD_CGROUPS", "1"),
        ("SIGWHY_TEST_RUNTIMES", DIR),
    ] {
        guest.variable(key, value);
    }
    let shell = |script: &str| ["sh", "-c", script].map(str::to_owned);
    let unpack = ["sh", "-c", UNPACK, &rootfs].map(str::to_owned);
    for (name, argv) in [
        ("docker", &shell(IS_UP)[..]),
        (
            "images",
            &shell("docker load --quiet --input /vm/images.tar")[..],
        ),
        (
            "podman",
            &shell("podman load --quiet --input /vm/images.tar")[..],
        ),
        ("rootfs", &unpack[..]),
    ] {
        guest.job(name, argv);
    }
    let mut suite = vec!["runtimes".to_owned(), "--test-threads=1".to_owned()];
    match filters {
        [] => suite.extend(TESTS.iter().map(|test| (*test).to_owned())),
        filters => suite.extend(filters.iter().cloned()),
    }
    guest.job("suite", &suite);

    let scratch = Scratch::new(ws)?;
    let initramfs = scratch.0.join("initramfs");
    guest.write(&initramfs)?;
    let bad: Vec<&str> = kernels
        .iter()
        .map(|kernel| Ok((boot(ws, kernel, &initramfs)?, kernel)))
        .filter_map(|ran: Result<(bool, &Kernel)>| match ran {
            Ok((true, _)) => None,
            Ok((false, kernel)) => Some(Ok(kernel.label.as_str())),
            Err(failure) => Some(Err(failure)),
        })
        .collect::<Result<_>>()?;
    if bad.is_empty() {
        return Ok(());
    }
    fail(format!(
        "Docker under systemd: not all passed on {}",
        bad.join(", ")
    ))
}

/// systemd, Docker and what they expect of any machine.
fn machine() -> Result<Guest> {
    let mut guest = Guest::new(Some(TIMEOUT + 60))?;
    for path in [SYSTEMD, EXECUTOR].map(Path::new) {
        if path.exists() {
            guest.file(path, utf8(path)?)?;
        }
    }
    for name in PROGRAMS {
        guest.file(&program(name)?, &format!("/usr/bin/{name}"))?;
    }
    for (name, text) in UNITS {
        guest.text(&format!("/etc/systemd/system/{name}"), text);
    }
    for (name, text) in CONTAINERS {
        guest.text(&format!("/etc/containers/{name}"), text);
    }
    for (path, text) in [
        ("/var/tmp/.keep", ""),
        ("/etc/machine-id", "0123456789abcdef0123456789abcdef\n"),
        ("/etc/hostname", "guest\n"),
        ("/etc/hosts", "127.0.0.1 localhost guest\n"),
        ("/etc/resolv.conf", ""),
        ("/etc/os-release", "ID=sigwhy\n"),
        ("/etc/systemd/system.conf", "[Manager]\nLogTarget=kmsg\n"),
    ] {
        guest.text(path, text);
    }
    guest.link("/var/run", "/run");
    Ok(guest)
}

/// A person's PATH may lack where daemons are.
fn program(name: &str) -> Result<PathBuf> {
    let sbin = Path::new("/usr/sbin").join(name);
    let found = workspace::on_path(name).or_else(|| sbin.is_file().then_some(sbin));
    found.context_none(&format!("{name} is gone, after it was there"))
}

/// Whether all passed.
fn boot(ws: &Workspace, kernel: &Kernel, initramfs: &Path) -> Result<bool> {
    let mut see = |_: &str| {};
    let output = Output::Lines(&kernel.label, &mut see);
    let limit = Some(Duration::from_secs(TIMEOUT));
    let ran = qemu::run(ws, kernel, initramfs, limit, output)?;
    super::describe(kernel, &ran, exit_code(&ran));
    for job in &ran.jobs {
        eprintln!(
            "xtask: {}: {} exit code {} after {:.1} s",
            kernel.label, job.name, job.code, job.seconds
        );
    }
    let passed = ran.jobs.iter().all(|job| job.code == 0);
    Ok(ran.broken.is_none() && ran.jobs.len() == JOBS && passed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_that_is_named_is_there() {
        let names: Vec<&str> = UNITS.iter().map(|(name, _)| *name).collect();
        for (_, text) in UNITS {
            let words = text.split(['=', '\n', ' ']);
            for unit in words.filter(|word| word.ends_with(".service")) {
                assert!(names.contains(&unit), "{unit}");
            }
            assert!(text.contains("DefaultDependencies=no\n"));
        }
        for program in ["dockerd", "containerd"] {
            assert!(PROGRAMS.contains(&program));
        }
    }
}
