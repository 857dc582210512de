//! Which containers: the options that every command has which shows some.

use std::thread;
use std::time::Duration;

use crate::container::{Pattern, Root, Wanted};
use crate::output::escape::terminal;
use crate::record::Runtime;
use crate::snapshot::{self, Dead};
use crate::trouble::Trouble;

/// Containers by what they are called. Of several options all must hold, of
/// several values of one any.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Which {
    /// Only these containers: name, beginning of the id, image, pod or
    /// namespace/pod, name of the init, or inode of the PID namespace; * and ?
    /// match as in a shell.
    #[arg(short, long, value_name = "CONTAINER", value_delimiter = ',')]
    pub container: Vec<String>,

    /// Only containers of these runtimes: docker, containerd, cri-o, podman, runc,
    /// crun, lxc, nspawn, or unknown.
    #[arg(long, value_name = "RUNTIME", value_delimiter = ',', value_parser = parse_runtime)]
    pub runtime: Vec<Runtime>,

    /// Only containers of these pods: name or namespace/name; * and ? match.
    #[arg(long, value_name = "POD", value_delimiter = ',')]
    pub pod: Vec<String>,

    /// Only containers in these Kubernetes namespaces; * and ? match.
    #[arg(long, value_name = "NAMESPACE", value_delimiter = ',')]
    pub namespace: Vec<String>,
}

/// Whether runtimes may be asked, for every command that finds out names.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Asking {
    /// Ask no runtime over its socket, and name containers by files alone. Asked
    /// are those of Docker, Podman, containerd and CRI-O, about containers that
    /// their files do not name; no event waits for an answer.
    #[arg(long)]
    pub no_runtime_api: bool,
}

impl Asking {
    /// How long a list of what runs now may wait for what runtimes say, in all.
    const PATIENCE: Duration = Duration::from_millis(500);

    pub fn may(&self) -> bool {
        !self.no_runtime_api
    }

    /// For a list of what runs now: how long runtimes are waited for.
    pub fn patience(&self) -> Option<Duration> {
        self.may().then_some(Self::PATIENCE)
    }
}

impl Which {
    pub fn wanted(&self) -> Wanted {
        Wanted {
            called: Pattern::list(&self.container),
            runtimes: self.runtime.clone(),
            pods: Pattern::list(&self.pod),
            namespaces: Pattern::list(&self.namespace),
        }
    }

    /// The options with their values, as they were given.
    pub fn words(&self) -> [(&'static str, Vec<String>); 4] {
        let runtimes = self.runtime.iter().map(|runtime| runtime.id().to_owned());
        [
            ("--container", self.container.clone()),
            ("--runtime", runtimes.collect()),
            ("--pod", self.pod.clone()),
            ("--namespace", self.namespace.clone()),
        ]
    }
}

impl Which {
    /// Whether it takes any container that runs now; with no filter it takes all that
    /// ever run. Reads the processes of the machine, and runtimes have `patience`.
    pub fn takes_any_now(&self, patience: Option<Duration>) -> bool {
        let wanted = self.wanted();
        let rows = || snapshot::list(&Root::default(), Dead::Inits, patience);
        wanted.is_all() || rows().iter().any(|row| wanted.takes(row))
    }

    /// What was asked for, as it was given: `--container web --runtime docker`.
    pub fn given(&self) -> String {
        let given = self
            .words()
            .into_iter()
            .filter(|(_, values)| !values.is_empty());
        let given: Vec<String> = given
            .map(|(option, values)| format!("{option} {}", values.join(",")))
            .collect();
        terminal(&given.join(" ")).into_owned()
    }

    /// Says, as soon as that is known, that it takes no container that runs now: a
    /// misspelt name shows nothing for ever. Nothing waits for that.
    pub fn tell_unmatched(&self, patience: Option<Duration>) {
        if self.wanted().is_all() {
            return;
        }
        let which = self.clone();
        let look = move || {
            if !which.takes_any_now(patience) {
                super::tell(&format!(
                    "no container that runs now is one of {}: what starts later counts as well{}",
                    which.given(),
                    Trouble::NoSuchContainer.more()
                ));
            }
        };
        // Without a thread it is not said.
        drop(thread::Builder::new().name("unmatched".into()).spawn(look));
    }
}

/// Says that a list of what runs now is not the whole of it, where that is so.
pub fn tell_unseen(processes: usize) {
    if processes > 0 {
        super::tell(&format!(
            "{processes} processes may not be looked at, and what they run in is not listed: run with sudo{}",
            Trouble::HiddenProcesses.more()
        ));
    }
}

fn parse_runtime(text: &str) -> Result<Runtime, String> {
    let known = || Runtime::ALL.map(Runtime::id).join(", ");
    Runtime::ALL
        .into_iter()
        .find(|runtime| runtime.id() == text)
        .ok_or_else(|| format!("no such runtime; there are {}", known()))
}
