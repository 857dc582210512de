//! What the runtimes are told: as little as works for root without
//! CAP_SYS_RESOURCE, without a network, and without a registry.

use super::image;

/// - `restrict_oom_score_adj`: a pod's sandbox wants -998, which takes
///   CAP_SYS_RESOURCE, and root in a container has not got it.
/// - `sandbox_image`: the default would be fetched from a registry.
/// - `conf_dir`: an empty one, which it makes. Without CNI only pods on the host's
///   network are made.
pub fn containerd_toml(cni: &str) -> String {
    format!(
        r#"version = 2
root = "/var/lib/containerd"
state = "/run/containerd"
[grpc]
  address = "/run/containerd/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  restrict_oom_score_adj = true
  sandbox_image = "{}pause:1"
  stream_server_address = "127.0.0.1"
  [plugins."io.containerd.grpc.v1.cri".cni]
    conf_dir = {cni:?}
"#,
        image::PREFIX
    )
}

/// - `default_ulimits`: the usual ones are above the hard limits of many machines.
/// - `runtime`: crun refuses a machine with cgroup v1 and v2 side by side.
pub const CONTAINERS_CONF: &str = r#"[containers]
default_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "runc"
"#;

/// Podman's storage where everybody looks, whatever the machine's own file says.
pub const STORAGE_CONF: &str = r#"[storage]
driver = "overlay"
graphroot = "/var/lib/containers/storage"
runroot = "/run/containers/storage"
"#;

/// dockerd without a bridge, iptables or forwarding: containers have `lo`.
pub const DOCKERD_ARGS: &[&str] = &[
    "--host=unix:///run/docker.sock",
    "--containerd=/run/containerd/containerd.sock",
    "--bridge=none",
    "--iptables=false",
    "--ip6tables=false",
    "--ip-forward=false",
    "--ip-masq=false",
    "--userland-proxy=false",
    // As for the sandbox above.
    "--oom-score-adjust=0",
    "--exec-opt=native.cgroupdriver=cgroupfs",
    "--storage-driver=overlay2",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sandbox_image_is_one_of_ours() {
        let toml = containerd_toml("/t/cni");
        assert!(toml.contains(r#"sandbox_image = "localhost/sigwhy-test/pause:1""#));
        assert!(toml.contains(r#"conf_dir = "/t/cni""#));
        assert!(image::IMAGES.iter().any(|(name, _)| *name == "pause"));
    }
}
