//! Who a container is, as its runtime has it, and whether a record says so.

use serde_json::Value;

use super::engine::Container;

/// Set where it is systemd that makes Docker's cgroups.
const SYSTEMD: &str = "SIGWHY_TEST_SYSTEMD_CGROUPS";

/// What a record's `container` must be; `None` is not asked for.
#[derive(Debug, Clone, Default)]
pub struct Identity {
    pub runtime: &'static str,
    pub id: String,
    pub name: Option<String>,
    pub image: Option<String>,
    pub pod: Option<String>,
    pub pod_namespace: Option<String>,
    /// Its processes are in the root of every hierarchy.
    pub has_no_cgroup: bool,
}

/// Fails unless `container`, a field of a record, tells of this one.
pub fn hold(told: &Value, container: &Container) {
    let is = &container.is;
    assert_eq!(told["runtime"], is.runtime, "{told}");
    assert_eq!(told["id"], *is.id, "{told}");
    assert_eq!(told["pid_ns"], container.pid_ns, "{told}");
    let cgroup = told["cgroup"].as_str().unwrap_or_default();
    // nspawn's has no name without systemd-machined.
    let named = if is.runtime == "nspawn" {
        "/payload"
    } else {
        &is.id
    };
    assert_eq!(cgroup.contains(named), !is.has_no_cgroup, "{told}");
    if is.runtime == "docker" && std::env::var_os(SYSTEMD).is_some() {
        let scope = format!("/system.slice/docker-{}.scope", is.id);
        assert_eq!(cgroup, scope, "{told}");
    }
    for (field, wanted) in [
        ("name", &is.name),
        ("image", &is.image),
        ("pod", &is.pod),
        ("pod_namespace", &is.pod_namespace),
    ] {
        if let Some(wanted) = wanted {
            assert_eq!(told[field], **wanted, "{field}: {told}");
        }
    }
}

/// Asks for it by its name, where it has one.
pub fn filter(container: &Container) -> [String; 2] {
    let by_name = container.is.name.clone();
    let value = by_name.unwrap_or_else(|| container.pid_ns.to_string());
    ["--container".into(), value]
}
