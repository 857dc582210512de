//! What only a runtime's socket tells: sigwhy here is blind to the directories in
//! which the runtimes write names, as where a daemon keeps its data elsewhere.
//! And names that change while a container runs.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use serde_json::Value;

use super::docker::run_as;
use super::engine::{Container, docker, done, image, podman, said as output, unique};
use super::harness::slow;
use super::identity::{Identity, hold};
use super::live::{Live, run, sigwhy};
use super::pods::Pod;
use super::{Outcome, said};

/// How long a daemon may take to start.
const PATIENCE: Duration = Duration::from_secs(10);

/// Covers the directories before `--` in a mount namespace of its own, and becomes
/// what follows.
const BLIND: &str =
    r#"while [ "$1" != -- ]; do mount -t tmpfs none "$1"; shift; done; shift; exec "$@""#;

/// `sigwhy COMMAND --format json` that finds nothing in these directories.
fn blind(directories: &[&str], command: &str) -> Command {
    let mut blind = Command::new("unshare");
    blind.args(["--mount", "sh", "-ec", BLIND, "sh"]);
    blind.args(directories).arg("--");
    blind.arg(sigwhy().get_program());
    blind.args([command, "--format", "json"]);
    blind
}

/// Sends the container's init signals that it does not notice, until a record of
/// one is as `wanted`.
fn until(live: &Live, container: &Container, wanted: impl Fn(&Value) -> bool) -> Outcome {
    let is_there = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !is_there.load(Ordering::Relaxed) {
                let pid = container.pid.to_string();
                // What is wrong with it shows below.
                let _ = done(Command::new("kill").args(["-WINCH", &pid]));
                thread::sleep(Duration::from_millis(50));
            }
        });
        let found = live.record(|record| said::is_to(record, container) && wanted(record));
        is_there.store(true, Ordering::Relaxed);
        found.map(drop)
    })
}

/// Asserts that a blind sigwhy knows the container by its socket, and one that may
/// not ask does not.
fn is_told(directories: &[&str], container: &Container) -> Outcome {
    let watch = ["--signal", "WINCH"];
    let live = Live::json_of(blind(directories, "live").args(watch))?;
    let name = container.is.name.as_deref().context("it has a name")?;
    let image = container.is.image.as_deref();
    until(&live, container, |record| {
        let told = &record["target"]["container"];
        told["name"] == name && image.is_none_or(|image| told["image"] == image)
    })?;
    let records = live.records()?;
    let last = records.iter().rfind(|r| said::is_to(r, container));
    hold(&last.context("a record")?["target"]["container"], container);

    let listed = |more: &[&str]| -> anyhow::Result<Value> {
        let mut command = blind(directories, "ps");
        let rows = run(command.args(more))?.records()?;
        let row = rows.into_iter().find(|row| row["id"] == *container.is.id);
        row.context("it is listed")
    };
    let row = listed(&[])?;
    assert_eq!(row["name"], name, "{row}");
    assert_eq!(
        row["image"],
        container.is.image.as_deref().unwrap_or_default()
    );
    let row = listed(&["--no-runtime-api"])?;
    assert!(row["image"].is_null(), "{row}");
    Ok(())
}

#[test]
fn docker_names_what_its_files_do_not() -> Outcome {
    let container = run_as("socket", "c-init", &[], &[])?;
    container.until_it_is("c-init")?;
    is_told(&["/var/lib/docker"], &container)
}

#[test]
fn the_cri_names_what_its_files_do_not() -> Outcome {
    let pod = Pod::run("socket", "container", "c-init")?;
    let files = [
        "/run/containerd/io.containerd.runtime.v2.task",
        "/run/containerd/runc",
    ];
    is_told(&files, &pod.app)?;
    let live = Live::json_of(blind(&files, "live").args(["--signal", "WINCH"]))?;
    let name = pod.pause.is.name.clone();
    until(&live, &pod.pause, |record| {
        record["target"]["container"]["name"].as_str() == name.as_deref()
    })?;
    live.end()?;
    Ok(())
}

/// Podman's API, which is no daemon: it is served while somebody asks for it.
struct Service(Child);

impl Service {
    fn start() -> anyhow::Result<Self> {
        let at = "unix:///run/podman/podman.sock";
        std::fs::create_dir_all("/run/podman")?;
        let mut serve = podman()?;
        serve.args(["system", "service", "--time=0", at]);
        serve.stdin(Stdio::null()).stdout(Stdio::null());
        let service = Self(serve.stderr(Stdio::null()).spawn()?);
        let end = Instant::now() + slow(PATIENCE);
        while !Path::new("/run/podman/podman.sock").exists() {
            ensure!(Instant::now() < end, "podman does not serve");
            thread::sleep(Duration::from_millis(20));
        }
        Ok(service)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
        let _ = std::fs::remove_file("/run/podman/podman.sock");
    }
}

fn run_podman() -> anyhow::Result<Container> {
    let name = unique("socket");
    let mut remove = podman()?;
    remove.args(["rm", "--force", "--time=0", &name]);
    let mut run = podman()?;
    run.args(["run", "--detach", "--network=none", "--name", &name]);
    let id = output(run.arg(image("c-init")))?;
    let pid = output(podman()?.args(["inspect", "--format={{.State.Pid}}", &name]));
    let is = Identity {
        runtime: "podman",
        id,
        name: Some(name),
        image: Some(image("c-init")),
        ..Identity::default()
    };
    let container = Container::new(&pid.unwrap_or_default(), is, vec![remove])?;
    container.until_it_is("c-init")?;
    Ok(container)
}

#[test]
fn podman_names_what_its_files_do_not() -> Outcome {
    let container = run_podman()?;
    let _service = Service::start()?;
    is_told(&["/var/lib/containers"], &container)
}

#[test]
fn a_rename_is_noticed() -> Outcome {
    let dockers = run_as("rename", "c-init", &[], &[])?;
    dockers.until_it_is("c-init")?;
    let podmans = run_podman()?;
    // Of files alone.
    let live = Live::json(["--signal", "WINCH", "--no-runtime-api"])?;
    let name_is = |name: &str| {
        let name = name.to_owned();
        move |record: &Value| record["target"]["container"]["name"] == *name
    };
    for container in [&dockers, &podmans] {
        let old = container.is.name.as_deref().context("it has a name")?;
        until(&live, container, name_is(old))?;
        let new = format!("{old}-new");
        let rename = |from: &str, to: &str| {
            let mut client = match container.is.runtime {
                "docker" => docker()?,
                _ => podman()?,
            };
            done(client.args(["rename", from, to]))
        };
        rename(old, &new)?;
        until(&live, container, name_is(&new))?;
        // It is removed by the name that it was given.
        rename(&new, old)?;
        until(&live, container, name_is(old))?;
    }
    live.end()?;
    Ok(())
}
