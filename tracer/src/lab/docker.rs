//! Real containers for scenarios: docker makes their inits and stops them.
//!
//! Nothing is pulled. The image is empty, this program is mounted into it, and so
//! are the host's libraries, which it may need. Containers share the host's
//! network and have no SELinux label, since else the arena could not be reached
//! from within; nothing else about them is out of the ordinary.

use std::fs;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use tracer_common::signals::{SIGKILL, SIGTERM};

use super::arena::{Arena, Specimen};
use super::scenario::{Actor, Expect, From, Scenario, Step};
use crate::decide::names;

/// Where this program is in a container.
const INSIDE: &str = "/sigwhy";

/// Where the host may have the libraries of a program.
const LIBRARIES: [&str; 4] = ["/lib", "/lib64", "/usr/lib", "/usr/lib64"];

/// How long a removal may take.
const REMOVAL: Duration = Duration::from_secs(10);

/// An archive with nothing in it: two blocks of zeroes.
const EMPTY_TAR: [u8; 1024] = [0; 1024];

/// Docker, and the empty image. Dropping it removes the image.
#[derive(Debug)]
pub struct Docker {
    image: String,
    exe: PathBuf,
    /// Containers so far: a name is free again only some time after its container.
    count: AtomicU32,
}

/// A container. Dropping it removes it, whatever runs in it.
#[derive(Debug)]
pub struct Container {
    pub name: String,
}

impl Docker {
    /// Asks whether docker is there, and makes the image.
    ///
    /// # Errors
    /// If docker is not there or does not answer, in a line that says what to do.
    pub fn new() -> anyhow::Result<Self> {
        let version = ["version", "--format", "{{.Server.Version}}"];
        said(docker().args(version)).context(
            "--docker needs Docker on this machine; without --docker, the laboratory needs no \
             container runtime",
        )?;
        let exe = fs::read_link("/proc/self/exe").context("looking for this program's file")?;
        ensure!(
            exe.exists() && !exe.to_string_lossy().contains(':'),
            "{}: cannot be mounted into a container",
            exe.display()
        );
        let image = format!("sigwhy-lab:{}", std::process::id());
        let mut import = docker()
            .args(["import", "--message", "for `sigwhy lab`", "-", &image])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("starting docker import")?;
        if let Some(mut stdin) = import.stdin.take() {
            stdin.write_all(&EMPTY_TAR).context("making an image")?;
        }
        let output = import.wait_with_output().context("making an image")?;
        output_of(output).context("making an image")?;
        Ok(Self {
            image,
            exe,
            count: AtomicU32::new(1),
        })
    }

    /// A container whose init is a specimen.
    ///
    /// # Errors
    /// If docker refused, or the specimen never said hello.
    pub fn start(&self, arena: &Arena, comm: &str) -> anyhow::Result<(Container, Specimen)> {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        let safe = comm.replace(|c: char| !is_plain(c), "-");
        let (pid, number) = (std::process::id(), self.count.fetch_add(1, Relaxed));
        let container = Container {
            name: format!("sigwhy-lab-{pid}-{number}-{safe}"),
        };
        let specimen = arena
            .adopt(comm, |words| {
                let mut run = docker();
                run.args(["run", "--detach", "--rm", "--network=host"])
                    .arg("--security-opt=label=disable")
                    .args(["--name", &container.name])
                    .args(["--entrypoint", INSIDE])
                    .args(mount(&self.exe, INSIDE));
                for libraries in LIBRARIES.into_iter().filter(|l| Path::new(l).exists()) {
                    run.args(mount(Path::new(libraries), libraries));
                }
                run.arg(&self.image).args(words);
                said(&mut run).map(drop).context("docker run")
            })
            .with_context(|| {
                format!("a container for {comm} (with Docker on this very machine)")
            })?;
        Ok((container, specimen))
    }
}

impl Drop for Docker {
    fn drop(&mut self) {
        // Its containers may still be on their way out.
        let end = Instant::now() + REMOVAL;
        while said(docker().args(["rmi", "--force", &self.image])).is_err() && Instant::now() < end
        {
            thread::sleep(Duration::from_millis(100));
        }
    }
}

impl Container {
    /// The command that stops it.
    pub fn stop(&self, grace: Duration) -> Command {
        let mut stop = docker();
        let seconds = grace.as_secs().to_string();
        stop.args(["stop", "-t", &seconds, &self.name]);
        stop
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        // It may be gone already: --rm.
        let _ = said(docker().args(["rm", "--force", &self.name]));
    }
}

/// A `docker stop` that runs. Dropping it ends the command, not the stop.
#[derive(Debug)]
pub struct Stopping(Child);

impl Stopping {
    /// Begins it.
    ///
    /// # Errors
    /// If it could not be started.
    pub fn begin(container: &Container, grace: Duration) -> anyhow::Result<Self> {
        let mut stop = container.stop(grace);
        let quiet = stop.stdin(Stdio::null()).stdout(Stdio::null());
        Ok(Self(quiet.spawn().context("starting docker stop")?))
    }

    /// Whether it has ended.
    ///
    /// # Errors
    /// If it failed.
    pub fn is_over(&mut self) -> anyhow::Result<bool> {
        match self.0.try_wait().context("waiting for docker stop")? {
            None => Ok(false),
            Some(status) if status.success() => Ok(true),
            Some(status) => bail!("docker stop failed: {status}"),
        }
    }
}

impl Drop for Stopping {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The process of a scenario whose part docker stop takes, and the init it stops:
/// who sends SIGTERM, lets the grace period pass, and sends SIGKILL.
pub fn stopped(scenario: &Scenario) -> Option<(Actor, Actor)> {
    let steps = scenario.steps;
    let grace = steps.iter().position(|step| *step == Step::Grace)?;
    let (before, after) = steps.split_at(grace);
    before.iter().find_map(|step| match *step {
        Step::Kill { from, to, signal } if signal == SIGTERM => {
            let kill = Step::Kill {
                from,
                to,
                signal: SIGKILL,
            };
            (after.contains(&kill) && hosts(scenario).contains(&from)).then_some((from, to))
        }
        _ => None,
    })
}

/// Why a scenario cannot be played in docker's containers, if it cannot: it asks
/// for what only the parent of an init can see or do, or for containers within
/// containers, which docker does not allow.
pub fn why_not(scenario: &Scenario) -> Option<String> {
    let hosts = hosts(scenario);
    let steps = || scenario.setup.iter().chain(scenario.steps);
    let inits: Vec<Actor> = steps()
        .filter_map(|step| match *step {
            Step::Init { name, .. } | Step::InitMember { name, .. } => Some(name),
            _ => None,
        })
        .collect();
    if inits.is_empty() {
        return Some("it has no container".into());
    }
    for step in steps() {
        match *step {
            Step::Init { name, parent } if !hosts.contains(&parent) => {
                return Some(format!("{name} is PID 1 of a container within a container"));
            }
            Step::InitMember { name, .. } => {
                return Some(format!(
                    "{name} is in a process group of the host's, and docker starts a new one"
                ));
            }
            Step::Reap { who, child } if inits.contains(&child) => {
                return Some(format!(
                    "in it, {who} reaps {child}, which docker does itself"
                ));
            }
            _ => {}
        }
    }
    scenario.expected.iter().find_map(|expect| match *expect {
        Expect::Signal {
            from: From::Child(child),
            to,
            signal,
            ..
        } if inits.contains(&child) => {
            let name = names::signal(signal);
            Some(format!(
                "in it, {to} gets {name} about {child}, which is docker's"
            ))
        }
        Expect::Parent { who, .. } if inits.contains(&who) => Some(format!(
            "it asks for the parent of {who}, which is docker's"
        )),
        _ => None,
    })
}

fn hosts(scenario: &Scenario) -> Vec<Actor> {
    let steps = scenario.setup.iter().chain(scenario.steps);
    steps
        .filter_map(|step| match *step {
            Step::Host { name } => Some(name),
            _ => None,
        })
        .collect()
}

fn docker() -> Command {
    let mut docker = Command::new("docker");
    docker.stdin(Stdio::null());
    docker
}

fn mount(from: &Path, to: &str) -> [String; 2] {
    ["--volume".into(), format!("{}:{to}:ro", from.display())]
}

/// What it printed.
fn said(command: &mut Command) -> anyhow::Result<String> {
    match command.output() {
        Ok(output) => output_of(output),
        Err(error) if error.kind() == ErrorKind::NotFound => bail!("there is no `docker` in PATH"),
        Err(error) => Err(error).context("starting docker"),
    }
}

fn output_of(output: Output) -> anyhow::Result<String> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if output.status.success() {
        return Ok(text(&output.stdout));
    }
    let complaint = text(&output.stderr);
    match complaint.lines().next() {
        Some(line) => bail!("docker says: {line}"),
        None => bail!("docker failed: {}", output.status),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::scenarios;

    #[test]
    fn a_stop_by_hand_is_recognised() {
        let scenario = scenarios::find("docker-stop").expect("there");
        assert_eq!(stopped(scenario), Some(("host-shell", "entry.sh")));
        assert_eq!(why_not(scenario), None);
        // It has no grace period.
        let other = scenarios::find("kill-init-from-host").expect("there");
        assert_eq!(stopped(other), None);
    }

    #[test]
    fn a_container_within_a_container_is_not_for_docker() {
        const NESTED: Scenario = Scenario {
            setup: &[
                Step::Host { name: "host" },
                Step::Init {
                    name: "outer",
                    parent: "host",
                },
                Step::Init {
                    name: "inner",
                    parent: "outer",
                },
            ],
            ..scenarios_base()
        };
        let why = why_not(&NESTED).expect("it is refused");
        assert_eq!(why, "inner is PID 1 of a container within a container");
        assert!(why_not(&scenarios_base()).is_some(), "no container at all");
        let beside = scenarios::find("from-beside").expect("there");
        let why = why_not(beside).expect("a container has a group of its own");
        assert!(why.contains("process group"), "{why}");
    }

    const fn scenarios_base() -> Scenario {
        Scenario {
            name: "test",
            title: "",
            summary: "",
            see: &[],
            prediction: "",
            setup: &[],
            steps: &[],
            expected: &[],
            lesson: "",
            article: None,
            exercises: &[],
            functions: &[],
            also: 0,
        }
    }
}
