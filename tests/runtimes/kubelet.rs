//! Pods that a real kubelet makes and deletes.
//!
//! There is no cluster above it: its pods are files ("static pods"), and a pod
//! whose file is removed is deleted as any other. A kubelet must be compiled
//! first, so these run where `cargo xtask runtimes test --kubelet` asks for them,
//! or `cargo xtask test --full`.

use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use serde_json::{Value, json};

use super::engine::{Container, cri, dir, image, said as output, unique};
use super::harness::slow;
use super::identity::{Identity, hold};
use super::live::{Live, run, sigwhy};
use super::said::{apart, line, to};
use super::verdicts::ids;
use super::{KILL_FORCED, Outcome, TERM_DROPPED};

/// Set where there is one.
const TOLD: &str = "SIGWHY_TEST_KUBELET";

/// What it calls this machine, and puts behind the names of static pods.
const NODE: &str = "sigwhy-test-node";

const NAMESPACE: &str = "shop";

/// How long a pod may take to come up, or to end beyond its grace period.
const PATIENCE: Duration = Duration::from_secs(60);

/// A static pod with one container, `app`.
struct Pod {
    app: Container,
    pause: Container,
    manifest: PathBuf,
}

/// `terminationGracePeriodSeconds`, and more of the container.
struct Wanted {
    image: &'static str,
    grace: u64,
    more: Value,
    /// Without a volume this kubelet does not wait for a static pod to end: it
    /// takes what is left of its cgroups for an orphan, and kills it.
    volume: bool,
}

impl Default for Wanted {
    fn default() -> Self {
        Self {
            image: "c-init",
            grace: 3,
            more: json!({}),
            volume: true,
        }
    }
}

impl Wanted {
    fn manifest(&self, name: &str) -> Value {
        let mut app = json!({
            "name": "app",
            "image": image(self.image),
            "imagePullPolicy": "Never",
        });
        let mut spec = json!({
            "hostNetwork": true,
            "terminationGracePeriodSeconds": self.grace,
        });
        if self.volume {
            app["volumeMounts"] = json!([{"name": "data", "mountPath": "/tmp"}]);
            spec["volumes"] = json!([{"name": "data", "emptyDir": {}}]);
        }
        if let (Some(app), Some(more)) = (app.as_object_mut(), self.more.as_object()) {
            app.extend(more.clone());
        }
        spec["containers"] = json!([app]);
        json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "namespace": NAMESPACE, "labels": {"sigwhy-test": "1"}},
            "spec": spec,
        })
    }

    fn start(&self, tag: &str) -> anyhow::Result<Pod> {
        std::env::var_os(TOLD).with_context(|| {
            format!("{TOLD} is not set: run these tests by `cargo xtask runtimes test --kubelet`")
        })?;
        let name = unique(tag);
        let of_kubelet = dir()?.join("kubelet");
        // It reads what is there: all at once.
        let new = of_kubelet.join(format!("{name}.new"));
        let manifest = of_kubelet.join(format!("manifests/{name}.json"));
        std::fs::write(&new, self.manifest(&name).to_string())?;
        std::fs::rename(&new, &manifest)?;
        let mut remove = Command::new("rm");
        remove.arg("-f").arg(&manifest);

        let pod = format!("{name}-{NODE}");
        let found = until("the pod to run", || {
            let said = output(cri().ok()?.args(["find", &pod])).ok()?;
            let mut ids = said.split(' ').map(str::to_owned);
            Some((ids.next()?, ids.next()?))
        });
        if found.is_err() {
            // Nobody else will.
            let _ = remove.status();
        }
        let (id, app) = found?;
        let of_pod = Identity {
            runtime: "containerd",
            id: id.clone(),
            name: Some(format!("{pod} (pause)")),
            pod: Some(pod),
            pod_namespace: Some(NAMESPACE.into()),
            ..Identity::default()
        };
        let pid = output(cri()?.args(["pod-pid", &id]));
        let pause = Container::new(&pid.unwrap_or_default(), of_pod.clone(), vec![remove])?;
        let of_app = Identity {
            id: app.clone(),
            name: Some("app".into()),
            image: Some(image(self.image)),
            ..of_pod
        };
        let app = Container::new(&output(cri()?.args(["pid", &app]))?, of_app, Vec::new())?;
        app.until_it_is(self.image)?;
        if self.image == "c-init-handler" {
            app.until_it_handles(libc::SIGTERM)?;
        }
        Ok(Pod {
            app,
            pause,
            manifest,
        })
    }
}

/// What `found` gives, once it gives something.
fn until<T>(what: &str, found: impl Fn() -> Option<T>) -> anyhow::Result<T> {
    let end = Instant::now() + slow(PATIENCE);
    loop {
        if let Some(value) = found() {
            return Ok(value);
        }
        if Instant::now() > end {
            bail!("waited for {what} for {PATIENCE:?}");
        }
        thread::sleep(Duration::from_millis(100));
    }
}

/// What `sigwhy run` says of a pod: what was sent to its container, the episode of
/// that, and what it prints for a person.
struct Told {
    signals: Vec<Value>,
    episode: Value,
}

impl Told {
    fn lines(&self) -> Vec<String> {
        self.signals.iter().map(line).collect()
    }

    fn apart(&self) -> Duration {
        apart(&self.signals.iter().collect::<Vec<_>>())
    }

    fn summary(&self) -> &str {
        self.episode["summary"].as_str().unwrap_or_default()
    }
}

/// Removes the pod's file, or only waits until the kubelet ends its container for
/// a reason of its own.
fn told(pod: &Pod, remove: bool) -> anyhow::Result<Told> {
    let name = pod.app.is.pod.as_deref().context("it has a name")?;
    let [init, sandbox] = [&pod.app, &pod.pause].map(|one| one.pid.to_string());
    let script = if remove {
        "rm \"$0\"; while [ -e /proc/$1 ] || [ -e /proc/$2 ]; do sleep 0.1; done"
    } else {
        "while [ -e /proc/$1 ]; do sleep 0.1; done"
    };
    let mut command = sigwhy();
    command.args(["run", "--format", "json", "-c", name, "--"]);
    command.args(["timeout", "60", "sh", "-c", script]);
    command.arg(&pod.manifest).args([init, sandbox]);
    let live = Live::json([""; 0])?;
    let said = run(&mut command)?;
    assert_eq!(said.status.code(), Some(0), "{}", said.err());
    let signals = live.records()?;
    let signals = to(&pod.app, &signals).into_iter().cloned().collect();
    let records = said.records()?;
    let is_its =
        |record: &&Value| record["type"] == "episode" && record["init"]["pid"] == pod.app.pid;
    let episode = records.iter().find(is_its).context("no episode")?.clone();
    hold(&episode["container"], &pod.app);
    Ok(Told { signals, episode })
}

#[test]
#[ignore = "takes a kubelet: cargo xtask runtimes test --kubelet"]
fn a_deleted_pod_is_asked_waited_for_and_killed() -> Outcome {
    let pod = Wanted::default().start("deleted")?;
    let told = told(&pod, true)?;
    assert_eq!(told.lines(), [TERM_DROPPED, KILL_FORCED]);
    let grace = told.apart();
    assert!(grace > Duration::from_millis(2900), "{grace:?}");
    for record in &told.signals {
        assert_eq!(record["sender"]["role"], "runtime", "{record:#}");
        assert_eq!(record["sender"]["role_words"], "kubernetes (runc)");
        let shim = record.pointer("/sender/ancestors/0/comm");
        assert_eq!(shim, Some(&json!("containerd-shim")), "{record:#}");
    }
    assert_eq!(
        ids(&told.episode),
        ["PID1_NO_HANDLER", "GRACE_EXPIRED_KILL", "PROBE_OR_EVICTION"],
        "{:#}",
        told.episode
    );
    assert_eq!(told.episode["exit_code"], 137);
    assert!(
        told.summary()
            .contains("kubernetes (runc) sent SIGTERM, which the kernel dropped"),
        "{}",
        told.summary()
    );
    Ok(())
}

#[test]
#[ignore = "takes a kubelet: cargo xtask runtimes test --kubelet"]
fn a_deleted_pod_that_listens_ends_by_itself() -> Outcome {
    let wanted = Wanted {
        image: "c-init-handler",
        grace: 30,
        ..Wanted::default()
    };
    let pod = wanted.start("listens")?;
    let told = told(&pod, true)?;
    assert_eq!(
        told.lines(),
        ["SIGTERM queued handler (delivered) by runc, ancestor"]
    );
    assert_eq!(ids(&told.episode), [""; 0], "{:#}", told.episode);
    assert_eq!(told.episode["exit_code"], 0);
    assert_eq!(told.episode["ungraceful"], false);
    Ok(())
}

/// The hook uses up the grace period, and the kubelet leaves two seconds for
/// SIGTERM.
#[test]
#[ignore = "takes a kubelet: cargo xtask runtimes test --kubelet"]
fn a_pre_stop_hook_eats_the_grace_period() -> Outcome {
    let wanted = Wanted {
        grace: 4,
        more: json!({"lifecycle": {"preStop": {"exec": {"command": ["/bin/sleep", "60"]}}}}),
        ..Wanted::default()
    };
    let pod = wanted.start("prestop")?;
    let told = told(&pod, true)?;
    assert_eq!(told.lines(), [TERM_DROPPED, KILL_FORCED]);
    let grace = told.apart();
    assert!(grace > Duration::from_millis(1900), "{grace:?}");
    assert!(grace < slow(Duration::from_millis(2900)), "{grace:?}");
    assert!(
        ids(&told.episode).contains(&"PRESTOP_ATE_GRACE"),
        "{:#}",
        told.episode
    );
    Ok(())
}

/// A container whose liveness probe fails is stopped as one of a deleted pod.
#[test]
#[ignore = "takes a kubelet: cargo xtask runtimes test --kubelet"]
fn a_failed_probe_stops_the_container_and_not_the_pod() -> Outcome {
    let wanted = Wanted {
        more: json!({"livenessProbe": {
            "exec": {"command": ["/bin/false"]},
            "initialDelaySeconds": 8, "periodSeconds": 1, "failureThreshold": 1,
        }}),
        ..Wanted::default()
    };
    let pod = wanted.start("probe")?;
    let told = told(&pod, false)?;
    assert_eq!(told.lines(), [TERM_DROPPED, KILL_FORCED]);
    let grace = told.apart();
    assert!(grace > Duration::from_millis(2900), "{grace:?}");
    assert!(pod.pause.runs());
    assert_eq!(
        ids(&told.episode),
        ["PID1_NO_HANDLER", "GRACE_EXPIRED_KILL", "PROBE_OR_EVICTION"],
        "{:#}",
        told.episode
    );
    Ok(())
}

/// The kubelet's own SIGKILL, long before the grace period is over.
#[test]
#[ignore = "takes a kubelet: cargo xtask runtimes test --kubelet"]
fn an_orphaned_cgroup_is_killed_by_the_kubelet_itself() -> Outcome {
    let wanted = Wanted {
        grace: 30,
        volume: false,
        ..Wanted::default()
    };
    let pod = wanted.start("orphan")?;
    let told = told(&pod, true)?;
    assert_eq!(
        told.lines(),
        [
            TERM_DROPPED,
            "SIGKILL fatal forced_on_init (delivered) by kubelet, ancestor"
        ]
    );
    let kill = &told.signals[1];
    assert_eq!(kill["sender"]["role"], "runtime", "{kill:#}");
    assert_eq!(kill["sender"]["role_words"], "the kubelet");
    let grace = told.apart();
    assert!(grace < slow(Duration::from_secs(20)), "{grace:?}");
    Ok(())
}
