//! The runtimes' own command lines, always asked about the daemons and files that
//! are meant here, whatever the user's environment says.

use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::image::{Images, LABEL, PREFIX};
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
    /// `docker`, of the daemon at the usual socket.
    pub fn docker(&self) -> Command {
        let mut command = self.ws.command("docker");
        for key in ["DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_API_VERSION"] {
            command.env_remove(key);
        }
        command.args(["-H", "unix:///run/docker.sock"]);
        command
    }

    /// `ctr` in a namespace.
    pub fn ctr(&self, namespace: &str) -> Command {
        let mut command = self.ws.command("ctr");
        command.env_remove("CONTAINERD_ADDRESS");
        command.args(["--connect-timeout", "5s", "--namespace", namespace]);
        command
    }

    /// `podman`, with limits that root without CAP_SYS_RESOURCE may set.
    pub fn podman(&self) -> Command {
        let mut command = self.ws.command("podman");
        command.env_remove("CONTAINER_HOST");
        command.env("CONTAINERS_CONF", self.dir.join("containers.conf"));
        command
    }

    /// The CRI client of tests/runtimes/cri.
    pub fn cri(&self) -> Command {
        let mut command = self.ws.command(super::PYTHON);
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

    /// Whether a pod can be made: somebody else's containerd may have no CRI, or
    /// a sandbox image that would have to be fetched.
    pub fn try_a_pod(&self) -> Result<()> {
        let uid = format!("xtask-{}", std::process::id());
        let mut make = self.cri();
        let pod = workspace::output(make.args(["run-pod", "xtask", "default", &uid]));
        let removed = pod
            .map(|pod| run_quietly(self.cri().args(["remove-pod", pod.trim()]), "remove-pod"))
            .transpose()?;
        match removed {
            Some(()) => Ok(()),
            None => fail(
                "the containerd that runs here makes no pods: enable its CRI plugin, with a sandbox_image that it has, or stop it and let xtask start its own",
            ),
        }
    }

    /// Removes our containers of every kind; with `images` the images too. What
    /// does not run or is not installed has none.
    pub fn remove_ours(&self, images: bool) {
        each(&self.bundles(), |id| {
            let mut runc = self.ws.command("runc");
            runc.args(["delete", "--force", id]).output()
        });
        let label = format!("label={LABEL}");
        for docker in [false, true] {
            if !docker && !self.dir.join("containers.conf").exists() {
                continue;
            }
            let client = || if docker { self.docker() } else { self.podman() };
            let list = |args: &[&str]| words(client().args(args));
            let containers = list(&["ps", "--all", "--quiet", "--filter", &label]);
            each(&containers, |id| {
                client().args(["rm", "--force", id]).output()
            });
            if images {
                let filter = format!("reference={PREFIX}*");
                let mut found = list(&["images", "--quiet", "--filter", &filter]);
                found.sort();
                found.dedup();
                each(&found, |id| client().args(["rmi", "--force", id]).output());
            }
        }
        if self.dir.join("cri/client.py").exists() && self.containerd.answers(self.ws) {
            let _ = run_quietly(self.cri().arg("remove-all"), "remove-all");
        }
        if !self.containerd.answers(self.ws) {
            return;
        }
        for namespace in NAMESPACES {
            let ctr = || self.ctr(namespace);
            let ours = format!("image~=\"^{PREFIX}\"");
            let containers = words(ctr().args(["containers", "list", "--quiet", &ours]));
            each(&containers, |id| {
                let _ = ctr().args(["tasks", "delete", "--force", id]).output();
                ctr().args(["containers", "delete", id]).output()
            });
            if images {
                let ours = format!("name~=\"^{PREFIX}\"");
                let names = words(ctr().args(["images", "list", "--quiet", &ours]));
                each(&names, |name| {
                    ctr().args(["images", "delete", "--sync", name]).output()
                });
            }
        }
    }

    /// runc's containers of bundles below our directory.
    pub fn bundles(&self) -> Vec<String> {
        let bundles = format!("\"bundle\": \"{}/", self.dir.display());
        let runc = || self.ws.command("runc");
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
