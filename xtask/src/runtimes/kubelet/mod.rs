//! A kubelet that asks our containerd for pods, with no cluster above it: its pods
//! are files ("static pods"), of which the tests make some and remove them.
//!
//! It has a mount namespace of its own below that of the runtimes, for what a
//! kubelet does to the whole machine otherwise: see mount.sh.

use std::fs;
use std::path::PathBuf;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use super::Runtimes;
use super::daemon::Daemon;
use crate::failure::{Context as _, Result};
use crate::vm::initramfs::utf8;
use crate::workspace::{self, Workspace};

mod source;

const NAME: &str = "kubelet";

/// What it calls this machine; the names of its pods end with that.
pub const NODE: &str = "sigwhy-test-node";

/// Only where it says that it is well; no other port is opened. Not its usual
/// 10248: the machine may have a kubelet.
const PORT: u16 = 20248;

const MOUNT: &str = include_str!("mount.sh");

/// How long its pods may take to end, of which tests leave none.
const PODS_END: Duration = Duration::from_secs(30);

/// As little as it takes; nothing of the machine's is set, no iptables, and no
/// pod is evicted.
fn config(manifests: &str) -> String {
    format!(
        r#"kind: KubeletConfiguration
apiVersion: kubelet.config.k8s.io/v1beta1
staticPodPath: {manifests:?}
fileCheckFrequency: 1s
syncFrequency: 1s
enableServer: false
healthzBindAddress: 127.0.0.1
healthzPort: {PORT}
authentication: {{anonymous: {{enabled: true}}, webhook: {{enabled: false}}}}
authorization: {{mode: AlwaysAllow}}
cgroupDriver: cgroupfs
cgroupRoot: /
enforceNodeAllocatable: []
failSwapOn: false
makeIPTablesUtilChains: false
# Root in a container may not lower it, nor have as many files as the default.
oomScoreAdj: 0
maxOpenFiles: 10000
imageGCHighThresholdPercent: 100
evictionHard: {{memory.available: "1Mi"}}
resolvConf: ""
"#
    )
}

impl Runtimes<'_> {
    fn kubelet_dir(&self) -> PathBuf {
        self.dir.join(NAME)
    }

    /// Where its pods are files.
    fn manifests(&self) -> PathBuf {
        self.kubelet_dir().join("manifests")
    }

    pub fn kubelet(&self) -> Result<Daemon> {
        let dir = self.kubelet_dir();
        let file = |name: &str| utf8(&dir.join(name)).map(str::to_owned);
        let socket = "unix:///run/containerd/containerd.sock";
        let mark = format!("--config={}", file("config.yaml")?);
        Ok(Daemon {
            name: NAME,
            args: vec![
                mark.clone(),
                format!("--root-dir={}", file("root")?),
                format!("--cert-dir={}", file("certs")?),
                "--container-runtime=remote".into(),
                format!("--container-runtime-endpoint={socket}"),
                format!("--image-service-endpoint={socket}"),
                format!("--hostname-override={NODE}"),
            ],
            mark,
            question: ["busybox", "wget", "-q", "-O", "/dev/null"]
                .map(str::to_owned)
                .into_iter()
                .chain([format!("http://127.0.0.1:{PORT}/healthz")])
                .collect(),
            pid_file: None,
            dir: self.dir.clone(),
            place: self.place.clone(),
        })
    }

    /// Makes it where it is not there, and starts it where it does not run.
    pub fn start_kubelet(&self, say: impl Fn(String)) -> Result<()> {
        let dir = self.kubelet_dir();
        let program = source::ensure(self.ws, &dir)?;
        for name in ["manifests", "root", "certs"] {
            let path = dir.join(name);
            fs::create_dir_all(&path).context(|| format!("cannot make {}", path.display()))?;
        }
        self.write("kubelet/config.yaml", &config(utf8(&self.manifests())?))?;
        let bin = program.parent().map(utf8).transpose()?.unwrap_or_default();
        let path = std::env::var("PATH").unwrap_or_default();
        let mut before = self.place.enter(&self.ws.root);
        before.push(format!("PATH={bin}:{path}"));
        before.extend(["unshare", "--mount", "--propagation", "slave"].map(str::to_owned));
        before.extend(["sh", "-c", MOUNT, "mount.sh"].map(str::to_owned));
        before.push(utf8(&dir.join("sysctl"))?.to_owned());
        let pid = self.kubelet()?.ensure(self.ws, &before)?;
        say(format!("kubelet is up (pid {pid})"));
        Ok(())
    }

    /// Has it end its pods, and ends it; returns its pid.
    pub fn stop_kubelet(&self, ws: &Workspace) -> Result<Option<u32>> {
        let kubelet = self.kubelet()?;
        let manifests = fs::read_dir(self.manifests()).into_iter().flatten();
        let mut had_pods = false;
        for manifest in manifests.flatten() {
            had_pods |= fs::remove_file(manifest.path()).is_ok();
        }
        let end = Instant::now() + PODS_END;
        // What it has not ended by then is removed with all other pods.
        while had_pods && kubelet.answers(ws) && self.has_pods() && Instant::now() < end {
            thread::sleep(Duration::from_millis(200));
        }
        kubelet.stop(ws)
    }

    fn has_pods(&self) -> bool {
        let mut list = self.cri();
        let list = list.arg("static-pods").stderr(Stdio::null());
        workspace::output(list).is_some_and(|pods| !pods.trim().is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_opens_one_port_of_its_own_and_no_other() {
        let text = config("/t/a b");
        assert!(text.contains("staticPodPath: \"/t/a b\"\n"), "{text}");
        assert!(text.contains("enableServer: false\n"));
        assert!(text.contains("healthzPort: 20248\n"));
        let ports = text.matches("Port:").count() + text.matches("port:").count();
        assert_eq!(ports, 1, "{text}");
    }

    #[test]
    fn what_it_would_set_is_set_for_it() {
        for name in ["vm/overcommit_memory 1", "kernel/panic 10"] {
            assert!(MOUNT.contains(name), "{name}");
        }
    }
}
