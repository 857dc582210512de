//! Processes and containers in a record.

use std::{borrow::Cow, sync::Arc};

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Comm, Disposition};
use crate::decide::sender;

/// A process, by every number that it has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Process {
    /// The process, as the host sees it.
    pub pid: Option<u32>,
    /// The thread, as the host sees it.
    pub tid: Option<u32>,
    /// The process, as its own PID namespace sees it.
    pub ns_pid: Option<u32>,
    /// Inode of its PID namespace.
    pub pid_ns: Option<u32>,
    /// 0 is the host.
    pub ns_level: Option<u32>,
    pub comm: Option<Comm>,
    pub uid: Option<u32>,
    /// When it started, CLOCK_BOOTTIME in nanoseconds: with `pid` an identity
    /// that is never reused.
    pub start_ns: Option<u64>,
    pub container: Option<ContainerRef>,
    /// Its number in each namespace, the host's first; left out for processes of
    /// the host, and where there are more than eight.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ns_pids: Option<Vec<u32>>,
    /// The namespace's own id (6.18 and later), never reused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pid_ns_id: Option<u64>,
    /// Id (inode) of its cgroup v2 directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cgroup_id: Option<u64>,
    /// Id (inode) of its directory in the cgroup v1 hierarchy that names containers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cgroup_v1_id: Option<u64>,
}

impl Process {
    /// No process at all: every field null.
    pub const NONE: Self = Self {
        pid: None,
        tid: None,
        ns_pid: None,
        pid_ns: None,
        ns_level: None,
        comm: None,
        uid: None,
        start_ns: None,
        container: None,
        ns_pids: None,
        pid_ns_id: None,
        cgroup_id: None,
        cgroup_v1_id: None,
    };
}

/// Who really sent a signal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Sender {
    pub kind: sender::Kind,
    /// Null fields where no process sent it.
    #[serde(flatten)]
    pub process: Process,
    /// Its ancestors, the parent first, where they were recorded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ancestors: Vec<Ancestor>,
    /// Its parent is outside of its PID namespace, and it is not the init there: it
    /// was brought in from outside (docker exec, nsenter). Left out where not so.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub injected: bool,
    /// What it is to the target's container: `runtime`, `own_init`, `exec`,
    /// `shell_inside`, and others. Left out where the target is in none. By names
    /// that processes give themselves: for reading, not for deciding.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<Cow<'static, str>>,
    /// The same in words: `docker (runc)`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role_words: Option<String>,
}

/// A process further up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Ancestor {
    pub pid: u32,
    pub comm: Comm,
}

/// Who was to get a signal, and in what state it was.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Target {
    #[serde(flatten)]
    pub process: Process,
    /// The init of a PID namespace (by its number, not by a flag).
    pub is_init: bool,
    /// The machine's own PID 1.
    pub is_global_init: bool,
    /// The kernel's SIGNAL_UNKILLABLE at that moment.
    pub unkillable: bool,
    /// What it had set for this signal.
    pub disposition: Option<Disposition>,
    pub blocked: Option<bool>,
    pub sigwait: Option<bool>,
    pub ptraced: bool,
    pub exiting: bool,
    pub frozen: Option<bool>,
    /// At a SIGKILL: what it had set for SIGTERM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sigterm_disposition: Option<Disposition>,
}

/// A process that the end of a PID namespace killed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ZapVictim {
    #[serde(flatten)]
    pub process: Process,
    /// It had a SIGTERM handler, which never ran unless `saw_sigterm`.
    pub had_sigterm_handler: Option<bool>,
    /// A SIGTERM had reached it before.
    pub saw_sigterm: Option<bool>,
}

/// What runs a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Runtime {
    Docker,
    Containerd,
    CriO,
    Podman,
    Runc,
    Crun,
    Lxc,
    Nspawn,
    Unknown,
}

impl Runtime {
    pub const ALL: [Self; 9] = [
        Self::Docker,
        Self::Containerd,
        Self::CriO,
        Self::Podman,
        Self::Runc,
        Self::Crun,
        Self::Lxc,
        Self::Nspawn,
        Self::Unknown,
    ];

    /// A stable word, that of the records.
    pub fn id(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::Containerd => "containerd",
            Self::CriO => "cri-o",
            Self::Podman => "podman",
            Self::Runc => "runc",
            Self::Crun => "crun",
            Self::Lxc => "lxc",
            Self::Nspawn => "nspawn",
            Self::Unknown => "unknown",
        }
    }
}

/// A container. A PID namespace that no runtime claims is one too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Container {
    /// The runtime's full id.
    pub id: Option<String>,
    pub name: String,
    pub runtime: Runtime,
    pub image: Option<String>,
    pub pod: Option<String>,
    pub pod_namespace: Option<String>,
    pub cgroup: Option<String>,
    /// Inode of the PID namespace.
    pub pid_ns: u32,
    /// The init, as the host sees it; the main process of a container in a PID
    /// namespace that is not its own.
    pub init_pid: Option<u32>,
    /// The init's name, in a PID namespace of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub init_comm: Option<Comm>,
}

/// A container that many records share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerRef(pub Arc<Container>);

impl std::ops::Deref for ContainerRef {
    type Target = Container;

    fn deref(&self) -> &Container {
        &self.0
    }
}

impl Serialize for ContainerRef {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for ContainerRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Container::deserialize(deserializer).map(|container| Self(Arc::new(container)))
    }
}

impl JsonSchema for ContainerRef {
    fn inline_schema() -> bool {
        Container::inline_schema()
    }

    fn schema_name() -> Cow<'static, str> {
        Container::schema_name()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        Container::json_schema(generator)
    }
}
