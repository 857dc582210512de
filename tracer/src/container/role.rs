//! Who a sender is, in words that a person knows: "docker (runc)", "the
//! container's own init", "a shell on the host, over ssh". Pure.
//!
//! Only for processes: what the kernel itself sends has its kind elsewhere. All
//! of it goes by names, and a process can call itself what it likes: this is
//! for reading, and no decision depends on it. Inside a container nothing is
//! taken for a runtime, so a container cannot blame one.

use std::borrow::Cow;

use crate::decide::sender::Kind;
use crate::record::{Container, Process, Runtime, Sender};

#[cfg(test)]
mod tests;

/// What is known about a sender and its target.
#[derive(Debug, Clone, Default)]
pub struct Case<'a> {
    /// Names as the kernel has them, cut at 15 bytes.
    pub comm: &'a str,
    /// The sender's ancestors, its parent first, as far as they were recorded.
    pub ancestors: &'a [(u32, &'a str)],
    pub sender: Option<&'a Container>,
    pub target: Option<&'a Container>,
    /// The sender is the init of its PID namespace.
    pub is_ns_init: bool,
    /// The sender's parent is outside of its PID namespace.
    pub is_injected: bool,
    /// The sender is PID 1 of the machine.
    pub is_global_init: bool,
    /// The sender is the target.
    pub is_self: bool,
    /// The path of the sender's cgroup, where it is known.
    pub cgroup: Option<&'a str>,
}

/// Who a sender is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// The target itself.
    Itself,
    /// The program that runs containers, on behalf of this one.
    Runtime(Behalf),
    /// systemd or another init of the machine.
    ServiceManager,
    /// A daemon that frees memory (systemd-oomd, earlyoom).
    OomDaemon,
    /// The init of the target's own container.
    OwnInit,
    /// A command that was run inside by `docker exec`, `kubectl exec`, a probe.
    Exec,
    /// A shell, or a command of a shell, in the same container.
    ShellInside,
    /// Any other process of the same container.
    Inside,
    /// A process of another container.
    OtherContainer,
    /// A person's shell on the host.
    ShellOnHost { over_ssh: bool },
    /// Any other process of the host.
    Host,
}

/// For whom a runtime acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Behalf {
    Docker,
    Containerd,
    /// Kubernetes, by its kubelet.
    Kubernetes,
    CriO,
    Podman,
    Lxc,
    Nspawn,
    /// Only the low-level runtime is known.
    Unknown,
}

/// The daemons and tools that send signals to containers; cut at 15 bytes.
const RUNTIMES: [(&str, Behalf); 21] = [
    ("dockerd", Behalf::Docker),
    ("docker", Behalf::Docker),
    ("docker-containe", Behalf::Docker),
    ("kubelet", Behalf::Kubernetes),
    ("k3s-server", Behalf::Kubernetes),
    ("k3s-agent", Behalf::Kubernetes),
    ("cri-dockerd", Behalf::Kubernetes),
    ("containerd", Behalf::Containerd),
    ("containerd-shim", Behalf::Containerd),
    ("ctr", Behalf::Containerd),
    ("nerdctl", Behalf::Containerd),
    ("crio", Behalf::CriO),
    ("podman", Behalf::Podman),
    ("conmon", Behalf::Unknown),
    ("conmonrs", Behalf::CriO),
    ("lxc-stop", Behalf::Lxc),
    ("lxc-start", Behalf::Lxc),
    ("[lxc monitor] /", Behalf::Lxc),
    ("lxd", Behalf::Lxc),
    ("incusd", Behalf::Lxc),
    ("systemd-nspawn", Behalf::Nspawn),
];

/// The low-level runtimes, which act for one of those above.
const TOOLS: [&str; 4] = ["runc", "crun", "youki", "runsc"];
const SHELLS: [&str; 9] = [
    "bash", "sh", "dash", "ash", "zsh", "fish", "ksh", "busybox", "csh",
];
/// Commands by which a shell sends signals.
const KILLERS: [&str; 8] = [
    "kill", "pkill", "killall", "killall5", "skill", "timeout", "env", "sudo",
];
const OOM_DAEMONS: [&str; 3] = ["systemd-oomd", "earlyoom", "nohang"];
const SSH: [&str; 3] = ["sshd", "sshd-session", "dropbear"];

/// Who sent it.
pub fn role(case: &Case<'_>) -> Role {
    if case.is_self {
        return Role::Itself;
    }
    if let Some(own) = case.sender {
        return inside(case, own);
    }
    if case.is_global_init {
        return Role::ServiceManager;
    }
    if is_tool(case.comm) {
        return Role::Runtime(behalf(case));
    }
    if let Some(behalf) = daemon(case.comm) {
        return Role::Runtime(refined(behalf, case));
    }
    if OOM_DAEMONS.contains(&case.comm) {
        return Role::OomDaemon;
    }
    if by_shell(case) {
        let over_ssh = case.ancestors.iter().any(|(_, comm)| is_ssh(comm));
        return Role::ShellOnHost { over_ssh };
    }
    Role::Host
}

/// Who sent a recorded signal, and that in words. `None` where no process did, or
/// none that is known.
pub fn of_record(sender: &Sender, target: &Process) -> Option<(Role, String)> {
    if sender.kind != Kind::Process {
        return None;
    }
    let process = &sender.process;
    let comm = process.comm?;
    let comm = comm.as_str();
    let comms: Vec<_> = sender
        .ancestors
        .iter()
        .map(|ancestor| (ancestor.pid, ancestor.comm))
        .collect();
    let comms: Vec<(u32, Cow<'_, str>)> = comms
        .iter()
        .map(|(pid, comm)| (*pid, comm.as_str()))
        .collect();
    let ancestors: Vec<(u32, &str)> = comms
        .iter()
        .map(|(pid, comm)| (*pid, comm.as_ref()))
        .collect();
    let is_init = process.ns_pid == Some(1);
    let case = Case {
        comm: &comm,
        ancestors: &ancestors,
        sender: process.container.as_deref(),
        target: target.container.as_deref(),
        is_ns_init: is_init && process.ns_level.is_some_and(|level| level > 0),
        is_injected: sender.injected,
        is_global_init: is_init && process.ns_level == Some(0),
        is_self: process.pid.is_some()
            && (process.pid, process.start_ns) == (target.pid, target.start_ns),
        cgroup: None,
    };
    let role = role(&case);
    Some((role, role.words(&case).into_owned()))
}

fn inside(case: &Case<'_>, own: &Container) -> Role {
    let is_same = case.target.is_some_and(|target| is_same(own, target));
    if !is_same {
        return Role::OtherContainer;
    }
    if case.is_ns_init {
        return Role::OwnInit;
    }
    // What came in from outside has a parent outside: the shim, the monitor, nsenter.
    // Recordings of earlier versions have that by name alone. The init of a container
    // has such a parent as well and is dealt with above.
    let parent = case.ancestors.first().map(|(_, comm)| *comm);
    let came_in = |comm: &str| daemon(comm).is_some() || is_tool(comm);
    if case.is_injected || parent.is_some_and(came_in) {
        return Role::Exec;
    }
    if by_shell(case) {
        // A shell that somebody has opened with `docker exec`.
        return Role::ShellInside;
    }
    Role::Inside
}

/// Whether two records are about one container.
fn is_same(a: &Container, b: &Container) -> bool {
    match (&a.id, &b.id) {
        (Some(a), Some(b)) => a == b,
        _ => a.pid_ns == b.pid_ns && a.init_pid == b.init_pid,
    }
}

fn is_tool(comm: &str) -> bool {
    TOOLS.contains(&base(comm))
}

/// What a runtime calls itself: runc is `runc:[2:INIT]` until it has become the
/// container's init, and both run from a copy of themselves in memory, by whose
/// name later kernels (7.2) call them: `memfd:crun_clon`.
fn base(comm: &str) -> &str {
    let comm = comm.strip_prefix("memfd:").unwrap_or(comm);
    let comm = comm.strip_suffix("_clon").unwrap_or(comm);
    comm.split(':').next().unwrap_or(comm)
}

fn daemon(comm: &str) -> Option<Behalf> {
    RUNTIMES
        .iter()
        .find(|(name, _)| *name == comm)
        .map(|(_, behalf)| *behalf)
}

fn is_ssh(comm: &str) -> bool {
    SSH.contains(&comm)
}

/// Whether a process of this name is a shell.
pub fn is_shell(comm: &str) -> bool {
    // A login shell is `-bash` in its arguments, but not in its comm.
    SHELLS.contains(&comm)
}

fn by_shell(case: &Case<'_>) -> bool {
    let parents = || case.ancestors.iter().map(|(_, comm)| *comm);
    is_shell(case.comm)
        || KILLERS.contains(&case.comm)
            && parents()
                .find(|comm| !KILLERS.contains(comm))
                .is_some_and(|comm| is_shell(comm) || is_ssh(comm))
}

/// For whom runc or crun was started. Its parent is a shim or a monitor that
/// says nothing about who asked; what it works on does.
fn behalf(case: &Case<'_>) -> Behalf {
    let known = case
        .ancestors
        .iter()
        .map_while(|(_, comm)| daemon(comm))
        .last();
    refined(known.unwrap_or(Behalf::Unknown), case)
}

/// What the target tells about who acts upon it.
fn refined(behalf: Behalf, case: &Case<'_>) -> Behalf {
    let Some(target) = case.target else {
        return behalf;
    };
    if matches!(
        behalf,
        Behalf::Lxc | Behalf::Nspawn | Behalf::Podman | Behalf::Kubernetes
    ) {
        return behalf;
    }
    if target.pod.is_some() || target.pod_namespace.is_some() {
        return Behalf::Kubernetes;
    }
    match target.runtime {
        Runtime::Docker => Behalf::Docker,
        Runtime::Containerd => Behalf::Containerd,
        Runtime::CriO => Behalf::CriO,
        Runtime::Podman => Behalf::Podman,
        _ => behalf,
    }
}

impl Role {
    /// A stable word for machines.
    pub fn id(self) -> &'static str {
        match self {
            Self::Itself => "itself",
            Self::Runtime(_) => "runtime",
            Self::ServiceManager => "service_manager",
            Self::OomDaemon => "oom_daemon",
            Self::OwnInit => "own_init",
            Self::Exec => "exec",
            Self::ShellInside => "shell_inside",
            Self::Inside => "inside",
            Self::OtherContainer => "other_container",
            Self::ShellOnHost { .. } => "shell_on_host",
            Self::Host => "host",
        }
    }

    /// For a sentence: "docker (runc)", "systemd", "a shell in the same
    /// container". `comm` and the names of containers are the processes' own
    /// words: escape the result for a terminal.
    pub fn words<'a>(self, case: &Case<'a>) -> Cow<'a, str> {
        let comm = case.comm;
        match self {
            Self::Itself => "itself".into(),
            Self::Runtime(behalf) => runtime_words(behalf, comm).into(),
            Self::ServiceManager if comm == "systemd" => "systemd".into(),
            Self::ServiceManager => format!("the machine's init ({comm})").into(),
            Self::OomDaemon => format!("{comm}, which frees memory").into(),
            Self::OwnInit => format!("the container's own init ({comm})").into(),
            Self::Exec => format!("{comm}, run in the container from outside").into(),
            Self::ShellInside if is_shell(comm) => "a shell in the same container".into(),
            Self::ShellInside => format!("{comm}, from a shell in the same container").into(),
            Self::Inside => format!("{comm}, in the same container").into(),
            Self::OtherContainer => match case.sender {
                Some(own) => format!("{comm}, in container {}", own.name).into(),
                None => format!("{comm}, in another container").into(),
            },
            Self::ShellOnHost { over_ssh } => {
                let whose = if over_ssh {
                    "a shell on the host, over ssh"
                } else {
                    "a shell on the host"
                };
                if is_shell(comm) {
                    whose.into()
                } else {
                    format!("{comm}, from {whose}").into()
                }
            }
            Self::Host => match case.cgroup.and_then(service) {
                Some(unit) => format!("{comm}, of {unit} on the host").into(),
                None => format!("{comm}, on the host").into(),
            },
        }
    }
}

fn runtime_words(behalf: Behalf, comm: &str) -> String {
    let whole = if comm == "containerd-shim" {
        "containerd's shim"
    } else {
        base(comm)
    };
    let who = match behalf {
        Behalf::Docker => "docker",
        Behalf::Containerd => "containerd",
        Behalf::Kubernetes if comm == "kubelet" => "the kubelet",
        // The target is a pod's; who asked its runtime is not known.
        Behalf::Kubernetes => "kubernetes",
        Behalf::CriO => "cri-o",
        Behalf::Podman => "podman",
        Behalf::Lxc => "lxc",
        Behalf::Nspawn => "systemd-nspawn",
        Behalf::Unknown => return whole.to_owned(),
    };
    let is_the_same = matches!(
        (behalf, comm),
        (Behalf::Docker, "dockerd" | "docker")
            | (Behalf::Containerd, "containerd")
            | (Behalf::Kubernetes, "kubelet")
            | (Behalf::CriO, "crio")
            | (Behalf::Podman, "podman")
            | (Behalf::Lxc, "[lxc monitor] /")
            | (Behalf::Nspawn, "systemd-nspawn")
    );
    if is_the_same {
        who.to_owned()
    } else {
        format!("{who} ({whole})")
    }
}

/// The service that a cgroup of the host belongs to.
fn service(path: &str) -> Option<&str> {
    path.rsplit('/').find(|part| part.ends_with(".service"))
}
