//! Pods, as a kubelet makes and ends them through the CRI.

use std::time::Duration;

use serde_json::Value;

use super::engine::{Container, cri, done, image, said as output, unique};
use super::identity::{Identity, hold};
use super::live::{Live, run, sigwhy};
use super::said::{apart, lines, to};
use super::{KILL_FORCED, Outcome, TERM_DROPPED, TERM_ENDS};

const NAMESPACE: &str = "prod";

/// A pod with one container, `app`.
pub struct Pod {
    id: String,
    pub app: Container,
    /// Its sandbox; the last to go, and what removes the pod.
    pub pause: Container,
}

impl Pod {
    /// `pidns`: `container`, or `pod` for shareProcessNamespace.
    pub fn run(tag: &str, pidns: &str, image_of: &str) -> anyhow::Result<Self> {
        Self::run_in(NAMESPACE, tag, pidns, image_of)
    }

    /// The same in a namespace of Kubernetes.
    fn run_in(namespace: &str, tag: &str, pidns: &str, image_of: &str) -> anyhow::Result<Self> {
        let name = unique(tag);
        // A UID is what a kubelet makes up; any word does for cgroups.
        let id = output(cri()?.args(["run-pod", &name, namespace, &name, pidns]))?;
        let mut remove = cri()?;
        remove.args(["remove-pod", &id]);
        let of_pod = Identity {
            runtime: "containerd",
            id: id.clone(),
            // A sandbox has no name of its own.
            name: Some(format!("{name} (pause)")),
            pod: Some(name),
            pod_namespace: Some(namespace.into()),
            ..Identity::default()
        };
        let pid = output(cri()?.args(["pod-pid", &id]));
        let pause = Container::new(&pid.unwrap_or_default(), of_pod.clone(), vec![remove])?;
        let container = output(cri()?.args(["run", &id, "app", &image(image_of)]))?;
        let of_app = Identity {
            id: container.clone(),
            name: Some("app".into()),
            image: Some(image(image_of)),
            ..of_pod
        };
        let pid = output(cri()?.args(["pid", &container]))?;
        let app = Container::new(&pid, of_app, Vec::new())?;
        app.until_it_is(image_of)?;
        pause.until_it_handles(libc::SIGTERM)?;
        Ok(Self { id, app, pause })
    }

    fn exec(&self, shell: &str) -> Outcome {
        let bash = ["/bin/bash", "-c", shell];
        done(cri()?.args(["exec", &self.app.is.id]).args(bash))
    }

    fn stop_container(&self, seconds: &str) -> Outcome {
        done(cri()?.args(["stop", &self.app.is.id, seconds]))
    }

    fn stop(&self) -> Outcome {
        done(cri()?.args(["stop-pod", &self.id]))
    }
}

/// Records of a run in which sigwhy is there before the pod.
fn watch(
    tag: &str,
    pidns: &str,
    image: &str,
    body: impl FnOnce(&Pod) -> Outcome,
) -> anyhow::Result<(Pod, Vec<Value>)> {
    let live = Live::json([""; 0])?;
    let pod = Pod::run(tag, pidns, image)?;
    body(&pod)?;
    Ok((pod, live.records()?))
}

#[test]
fn stop_container_waits_and_kills() -> Outcome {
    let (pod, records) = watch("stop", "container", "bash-init", |pod| {
        pod.stop_container("2")
    })?;
    assert_eq!(lines(&pod.app, &records), [TERM_DROPPED, KILL_FORCED]);
    let grace = apart(&to(&pod.app, &records));
    assert!(grace > Duration::from_millis(1900), "{grace:?}");
    assert!(to(&pod.pause, &records).is_empty());
    Ok(())
}

#[test]
fn stop_pod_sandbox_kills_the_sandbox() -> Outcome {
    let (pod, records) = watch("pod", "container", "c-init", Pod::stop)?;
    // No grace period: a kubelet has stopped the containers before.
    assert_eq!(lines(&pod.app, &records), [KILL_FORCED]);
    assert_eq!(lines(&pod.pause, &records), [KILL_FORCED]);
    Ok(())
}

#[test]
fn inside_a_container_its_own_init_is_safe() -> Outcome {
    let (pod, records) = watch("exec", "container", "c-init", |pod| pod.exec("kill -9 1"))?;
    assert_eq!(
        lines(&pod.app, &records),
        ["SIGKILL dropped unkillable_init (ignored) by bash"]
    );
    hold(&to(&pod.app, &records)[0]["sender"]["container"], &pod.app);
    Ok(())
}

/// shareProcessNamespace: one PID namespace for the pod, in which the sandbox is
/// PID 1 and the container is not, so that only the cgroup tells them apart.
#[test]
fn in_a_shared_namespace_the_sandbox_is_the_init() -> Outcome {
    let (pod, records) = watch("share", "pod", "c-init", |pod| {
        pod.exec("kill -KILL 1")?;
        pod.stop_container("2")
    })?;
    assert_eq!(pod.app.pid_ns, pod.pause.pid_ns);
    let to_pause = to(&pod.pause, &records);
    assert_eq!(
        lines(&pod.pause, &records),
        ["SIGKILL dropped unkillable_init (ignored) by bash"]
    );
    hold(&to_pause[0]["sender"]["container"], &pod.app);
    assert_eq!(
        lines(&pod.app, &records),
        [format!("{TERM_ENDS}, ancestor")]
    );
    Ok(())
}

/// By the name of the pod, and by its namespace of Kubernetes.
#[test]
fn one_of_two_pods() -> Outcome {
    let namespace = unique("space");
    let wanted = Pod::run_in(&namespace, "wanted", "container", "c-init")?;
    let other = Pod::run("other", "container", "c-init")?;
    let name = wanted.app.is.pod.clone().unwrap_or_default();
    let whole = format!("{namespace}/{name}");
    let glob = format!("{namespace}/sigwhy-*");
    for filter in [
        &["--pod", &name][..],
        &["--pod", &whole],
        &["--pod", &glob],
        &["--namespace", &namespace],
        &["--namespace", &namespace, "--pod", "*wanted*"],
    ] {
        let said = run(sigwhy().args(["ps", "--format", "json"]).args(filter))?;
        let rows = said.records()?;
        let is_its = |row: &Value| row["pod"] == *name && row["pod_namespace"] == *namespace;
        assert!(rows.iter().all(is_its), "{filter:?}: {rows:#?}");
        let is_app = |row: &Value| row["id"] == *wanted.app.is.id;
        assert!(rows.iter().any(is_app), "{filter:?}: {rows:#?}");

        let live = Live::json(filter)?;
        other.exec("kill -TERM 1")?;
        wanted.exec("kill -TERM 1")?;
        let records = live.records()?;
        assert_eq!(
            lines(&wanted.app, &records),
            ["SIGTERM dropped unkillable_init (ignored) by bash"],
            "{filter:?}"
        );
        assert!(to(&other.app, &records).is_empty(), "{filter:?}");
    }
    Ok(())
}
