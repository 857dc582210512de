//! A container within a container: a Docker of its own inside of one of Docker's.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

use super::engine::{Container, docker, done, image, said as output, unique};
use super::harness::slow;
use super::identity::Identity;
use super::live::Live;
use super::said::{lines, to};
use super::{KILL_FORCED, Outcome, TERM_DROPPED};

/// How long the daemon in there may take to answer on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// What `--privileged` gives, less the capability that this machine's root may
/// not have.
const PRIVILEGES: [&str; 6] = [
    "--cap-add=ALL",
    "--cap-drop=SYS_RESOURCE",
    "--security-opt=seccomp=unconfined",
    "--security-opt=apparmor=unconfined",
    "--security-opt=systempaths=unconfined",
    "--device-cgroup-rule=a *:* rwm",
];

/// As `cargo xtask runtimes` starts it, with files of its own, in the cgroups of
/// its own container.
const DAEMON: &str = "for at in /sys/fs/cgroup /sys/fs/cgroup/*; do
    mount -o remount,bind,rw $at 2>/dev/null
done
exec dockerd --bridge=none --iptables=false --ip6tables=false --ip-forward=false --ip-masq=false \
    --userland-proxy=false --oom-score-adjust=0 --exec-opt=native.cgroupdriver=cgroupfs \
    --storage-driver=vfs";

/// What `docker exec OUTER` says.
fn inside(outer: &str, words: &[&str]) -> anyhow::Result<String> {
    output(docker()?.args(["exec", outer]).args(words))
}

/// A Docker in a container of that name.
fn start(name: &str) -> anyhow::Result<Container> {
    let mut remove = docker()?;
    remove.args(["rm", "--force", "--volumes", name]);
    let mut run = docker()?;
    run.args(["run", "--detach", "--network=none"])
        .args(PRIVILEGES);
    run.args(["--name", name, "--volume=/var/lib/docker"]);
    for tmpfs in ["/run:exec", "/tmp", "/var/lib/containerd"] {
        run.args(["--tmpfs", tmpfs]);
    }
    // The programs of this machine, and their libraries.
    run.args(["--volume=/usr:/usr:ro", "--env=PATH=/usr/sbin:/usr/bin"]);
    let id = output(run.arg(image("busybox")).args(["sh", "-c", DAEMON]))?;
    let is = Identity {
        runtime: "docker",
        id,
        name: Some(name.to_owned()),
        ..Identity::default()
    };
    let pid = output(docker()?.args(["inspect", "--format={{.State.Pid}}", name]))?;
    let container = Container::new(&pid, is, vec![remove])?;
    let end = Instant::now() + slow(PATIENCE);
    while let Err(error) = inside(name, &["docker", "version"]) {
        if Instant::now() > end || !container.runs() {
            let log = output(docker()?.args(["logs", "--tail=5", name]));
            return Err(error.context(format!("its daemon does not answer: {log:?}")));
        }
        thread::sleep(Duration::from_millis(200));
    }
    Ok(container)
}

/// The host's number of a process in the container of that id.
fn pid_in(id: &str) -> anyhow::Result<u32> {
    for entry in std::fs::read_dir("/proc")? {
        let path = entry?.path();
        let cgroup = std::fs::read_to_string(path.join("cgroup")).unwrap_or_default();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if cgroup.contains(id)
            && let Ok(pid) = name.parse()
        {
            return Ok(pid);
        }
    }
    bail!("no process is in {id}")
}

/// Its name is in files that only the outer one sees, and `ps` and `live` say it.
#[test]
fn docker_in_docker() -> Outcome {
    let name = unique("dind");
    let outer = start(&name)?;
    let archive = format!(
        "docker save {} | docker exec -i {name} docker load",
        image("c-init")
    );
    done(std::process::Command::new("sh").args(["-c", &archive]))?;
    let run = [
        "docker",
        "run",
        "--detach",
        "--network=none",
        "--name=inner",
    ];
    let id = inside(&name, &[&run[..], &[&image("c-init")]].concat())?;
    let is = Identity {
        runtime: "docker",
        id: id.clone(),
        name: Some("inner".to_owned()),
        image: Some(image("c-init")),
        ..Identity::default()
    };
    let inner = Container::new(&pid_in(&id)?.to_string(), is, Vec::new())?;
    inner.until_it_is("c-init")?;

    let mut ps = std::process::Command::new(env!("CARGO_BIN_EXE_sigwhy"));
    let listed = output(ps.args(["ps", "--format=json"]))?;
    let row = listed.lines().find(|line| line.contains(&id));
    let row: serde_json::Value = serde_json::from_str(row.context("it is not listed")?)?;
    assert_eq!(row["name"], "inner", "{row}");
    assert_eq!(row["image"], *image("c-init"), "{row}");

    let live = Live::json([""; 0])?;
    inside(&name, &["docker", "stop", "--time=1", "inner"])?;
    let records = live.records()?;
    // Sent by a runc that is in the outer one.
    assert_eq!(lines(&inner, &records), [TERM_DROPPED, KILL_FORCED]);
    let sender = to(&inner, &records)[0];
    assert_eq!(sender["sender"]["container"]["name"], *name, "{sender}");
    drop(outer);
    Ok(())
}
