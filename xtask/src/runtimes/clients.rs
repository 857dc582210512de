//! The runtimes' own command lines: what they are asked for here.

use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::image::{Images, PREFIX};
use super::{Runtimes, image};
use crate::failure::{Context as _, Result, fail};
use crate::workspace;

/// containerd's namespaces that have the images: plain `ctr`'s and the CRI's.
const NAMESPACES: [&str; 2] = ["default", "k8s.io"];

/// How long the CRI may take to hear of an image that containerd has.
const HEARSAY: Duration = Duration::from_secs(20);

/// A place that keeps images and containers.
#[derive(Clone, Copy)]
pub enum Store {
    Docker,
    Containerd(&'static str),
    Podman,
}

/// All of them, in the order in which they are filled.
pub const STORES: [Store; 4] = [
    Store::Docker,
    Store::Containerd(NAMESPACES[0]),
    Store::Containerd(NAMESPACES[1]),
    Store::Podman,
];

impl Store {
    /// For messages and for the name of its stamp.
    pub fn name(self) -> String {
        match self {
            Self::Docker => "docker".into(),
            Self::Containerd(namespace) => format!("containerd-{namespace}"),
            Self::Podman => "podman".into(),
        }
    }
}

impl Runtimes<'_> {
    /// Any client, where the daemons are.
    fn client(&self, program: &str) -> Command {
        self.place.command(self.ws, program)
    }

    fn docker(&self) -> Command {
        self.client("docker")
    }

    fn podman(&self) -> Command {
        self.client("podman")
    }

    /// `ctr` in a namespace.
    fn ctr(&self, namespace: &str) -> Command {
        let mut command = self.client("ctr");
        command.args(["--connect-timeout", "5s", "--namespace", namespace]);
        command
    }

    /// The CRI client of tests/runtimes/cri.
    pub fn cri(&self) -> Command {
        let mut command = self.client(super::PYTHON);
        command.arg("-B").arg(self.dir.join("cri/client.py"));
        command
    }

    /// Puts the images into every store that has not got just these; returns
    /// which ones it filled.
    pub fn load(&self, images: &Images) -> Result<Vec<String>> {
        let mut filled = Vec::new();
        for store in STORES {
            let stamp = self.dir.join(format!("loaded.{}", store.name()));
            let same = std::fs::read_to_string(&stamp).is_ok_and(|hash| hash == images.hash);
            if same && self.has_images(store) {
                continue;
            }
            let mut load = match store {
                Store::Docker => self.docker(),
                Store::Containerd(namespace) => self.ctr(namespace),
                Store::Podman => self.podman(),
            };
            match store {
                Store::Docker | Store::Podman => load.args(["load", "--quiet", "--input"]),
                Store::Containerd(_) => load.args(["images", "import"]),
            };
            run_quietly(load.arg(&images.archive), "loading the test images")?;
            std::fs::write(&stamp, &images.hash)
                .context(|| format!("cannot write {}", stamp.display()))?;
            filled.push(store.name());
        }
        Ok(filled)
    }

    /// Whether the store has the last one of the images.
    fn has_images(&self, store: Store) -> bool {
        let last = image::IMAGES.last().map_or("", |(name, _)| *name);
        let name = format!("{PREFIX}{last}:1");
        let mut ask = match store {
            Store::Docker => self.docker(),
            Store::Containerd(namespace) => self.ctr(namespace),
            Store::Podman => self.podman(),
        };
        match store {
            Store::Docker => ask.args(["image", "inspect", &name]),
            Store::Containerd(_) => ask.args(["images", "list", "--quiet", &same("name", &name)]),
            Store::Podman => ask.args(["image", "exists", &name]),
        };
        let answer = workspace::output(ask.stderr(Stdio::null()));
        match store {
            // It lists nothing, and succeeds.
            Store::Containerd(_) => answer.is_some_and(|text| !text.trim().is_empty()),
            _ => answer.is_some(),
        }
    }

    /// Waits until the CRI has the images, which it hears of by events.
    pub fn until_the_cri_knows(&self) -> Result<()> {
        let end = Instant::now() + HEARSAY;
        let name = format!("{PREFIX}pause:1");
        loop {
            let mut ask = self.cri();
            match run_quietly(ask.args(["image", &name]), "asking the CRI for an image") {
                Ok(()) => return Ok(()),
                Err(failure) if Instant::now() > end => return Err(failure),
                Err(_) => thread::sleep(Duration::from_millis(200)),
            }
        }
    }

    /// Removes all containers of every kind: here there are none but ours. What
    /// does not run or is not installed has none.
    pub fn remove_containers(&self) {
        each(&self.bundles(), |id| {
            self.client("runc").args(["delete", "--force", id]).output()
        });
        for client in [Self::podman, Self::docker] {
            let containers = words(client(self).args(["ps", "--all", "--quiet"]));
            each(&containers, |id| {
                client(self).args(["rm", "--force", id]).output()
            });
        }
        if !self.containerd.answers(self.ws) {
            return;
        }
        if self.dir.join("cri/client.py").exists() {
            let _ = run_quietly(self.cri().arg("remove-all"), "remove-all");
        }
        for namespace in NAMESPACES {
            let ctr = || self.ctr(namespace);
            let containers = words(ctr().args(["containers", "list", "--quiet"]));
            each(&containers, |id| {
                let _ = ctr().args(["tasks", "delete", "--force", id]).output();
                ctr().args(["containers", "delete", id]).output()
            });
        }
    }

    /// runc's containers of bundles below our directory.
    pub fn bundles(&self) -> Vec<String> {
        let bundles = format!("\"bundle\": \"{}/", self.dir.display());
        let runc = || self.client("runc");
        let mut ids = words(runc().args(["list", "--quiet"]));
        ids.retain(|id| {
            let state = workspace::output(runc().args(["state", id]));
            state.is_some_and(|state| state.contains(&bundles))
        });
        ids
    }
}

/// A filter of containerd's, for a field that is just that.
fn same(field: &str, value: &str) -> String {
    format!("{field}=={value}")
}

/// The words of what a command prints; none when it fails or is not there.
fn words(command: &mut Command) -> Vec<String> {
    let text = workspace::output(command.stderr(Stdio::null())).unwrap_or_default();
    text.split_whitespace().map(str::to_owned).collect()
}

fn each<T>(names: &[String], mut run: impl FnMut(&str) -> std::io::Result<T>) {
    for name in names {
        // What cannot be removed is found by the look at what is left.
        let _ = run(name);
    }
}

/// Runs a command of which only a failure is worth reading.
pub fn run_quietly(command: &mut Command, what: &str) -> Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command
        .stdin(Stdio::null())
        .output()
        .context(|| format!("cannot run {program}"))?;
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr);
    let last = text.lines().rev().find(|line| !line.trim().is_empty());
    fail(format!(
        "{what} failed: {program}: {}",
        last.unwrap_or("it says nothing")
    ))
}
