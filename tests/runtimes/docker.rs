//! Docker: stop, kill and exec, with every kind of init, and shared namespaces.

use std::time::Duration;

use serde_json::Value;

use super::engine::{Container, docker, done, image, said as output, unique};
use super::identity::{Identity, filter, hold};
use super::live::Live;
use super::said::{apart, line, lines, to};
use super::verdicts::ids;
use super::{KILL_FORCED, Outcome, TERM_DROPPED, TERM_ENDS};

/// Seconds; the default of ten would only take longer.
const GRACE: &str = "2";

/// Starts one; `before` are docker's own arguments.
fn run(image_of: &str, before: &[&str], argv: &[&str]) -> anyhow::Result<Container> {
    run_as(image_of, image_of, before, argv)
}

/// The same, with `tag` in its name.
pub fn run_as(
    tag: &str,
    image_of: &str,
    before: &[&str],
    argv: &[&str],
) -> anyhow::Result<Container> {
    let name = unique(tag);
    let mut rm = docker()?;
    rm.args(["rm", "--force", &name]);
    let mut run = docker()?;
    run.args(["run", "--detach", "--network=none", "--name", &name]);
    run.args(before).arg(image(image_of)).args(argv);
    let id = output(&mut run)?;
    let is = Identity {
        runtime: "docker",
        id,
        name: Some(name.clone()),
        image: Some(image(image_of)),
        ..Identity::default()
    };
    let pid = output(docker()?.args(["inspect", "--format={{.State.Pid}}", &name]));
    Container::new(&pid.unwrap_or_default(), is, vec![rm])
}

/// Starts one as its image has it.
pub fn start(image_of: &str) -> anyhow::Result<Container> {
    run(image_of, &[], &[])
}

impl Container {
    /// The name that docker's commands take.
    fn docker_name(&self) -> &str {
        self.is.name.as_deref().unwrap_or(&self.is.id)
    }
}

pub fn stop(container: &Container) -> Outcome {
    done(docker()?.args(["stop", "--time", GRACE, container.docker_name()]))
}

/// The code that it ended with, once it has.
pub fn exit_code(container: &Container) -> anyhow::Result<Option<i32>> {
    // It may never end.
    let mut wait = std::process::Command::new("timeout");
    wait.arg("60").arg(docker()?.get_program()).arg("wait");
    let code = output(wait.arg(container.docker_name()))?;
    Ok(code.trim().parse().ok())
}

/// In the container, beside its init.
pub fn exec(container: &Container, shell: &str) -> Outcome {
    let bash = ["/bin/bash", "-c", shell];
    done(
        docker()?
            .arg("exec")
            .arg(container.docker_name())
            .args(bash),
    )
}

/// Everything that sigwhy says by default while `body` runs.
fn watch(body: impl FnOnce() -> Outcome) -> anyhow::Result<Vec<Value>> {
    let live = Live::json([""; 0])?;
    body()?;
    live.records()
}

#[test]
fn stop_waits_in_vain_for_an_init_without_a_handler() -> Outcome {
    for (image, comm) in [("c-init", "c-init"), ("bash-init", "bash-init")] {
        let container = run(image, &[], &[])?;
        container.until_it_is(comm)?;
        let records = watch(|| stop(&container))?;
        assert_eq!(lines(&container, &records), [TERM_DROPPED, KILL_FORCED]);
        let grace = apart(&to(&container, &records));
        assert!(grace > Duration::from_millis(1900), "{grace:?}");
    }
    Ok(())
}

#[test]
fn stop_reaches_an_init_with_a_handler() -> Outcome {
    let container = run("c-init-handler", &[], &[])?;
    container.until_it_handles(libc::SIGTERM)?;
    let records = watch(|| stop(&container))?;
    assert_eq!(
        lines(&container, &records),
        ["SIGTERM queued handler (delivered) by runc, ancestor"]
    );
    Ok(())
}

/// The inits that pass signals on, and how each of them takes its own.
#[test]
fn stop_reaches_the_child_of_an_init_that_forwards() -> Outcome {
    for (image, comm, taken) in [
        // Between two rounds of sigtimedwait the signal is blocked only.
        ("tini", "tini", &["sigwait", "blocked"][..]),
        ("dumb-init", "dumb-init", &["sigwait", "blocked"]),
        ("catatonit", "catatonit", &["blocked"]),
    ] {
        let init = run(image, &[], &[])?;
        init.until_it_is(comm)?;
        let child = child_of(&init)?;
        child.until_it_is("c-init")?;
        let live = Live::json([""; 0])?;
        stop(&init)?;
        let records = live.records()?;
        let to_init = lines(&init, &records);
        let wanted = |how: &&str| {
            to_init[0] == format!("SIGTERM queued {how} (delivered) by runc, ancestor")
        };
        assert_eq!(to_init.len(), 1, "{image}: {to_init:?}");
        assert!(taken.iter().any(wanted), "{image}: {to_init:?}");
        assert_eq!(
            lines(&child, &records)[0],
            format!("SIGTERM fatal default_terminate (delivered) by {comm}"),
            "{image}"
        );
    }
    Ok(())
}

/// The one child of an init, as a process of the same container.
pub fn child_of(init: &Container) -> anyhow::Result<Container> {
    let path = format!("/proc/{0}/task/{0}/children", init.pid);
    let is = init.is.clone();
    for _ in 0..1000 {
        let children = std::fs::read_to_string(&path)?;
        if let Some(pid) = children.split_whitespace().next() {
            let child = Container::new(pid, is, Vec::new())?;
            return Ok(child);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    anyhow::bail!("it has no child")
}

#[test]
fn kill_is_forced_on_an_init() -> Outcome {
    let container = run("c-init", &[], &[])?;
    container.until_it_is("c-init")?;
    let records = watch(|| {
        let name = container.docker_name();
        done(docker()?.args(["kill", "--signal=TERM", name]))?;
        done(docker()?.args(["kill", "--signal=HUP", name]))?;
        done(docker()?.args(["kill", name]))
    })?;
    assert_eq!(
        lines(&container, &records),
        [
            TERM_DROPPED,
            "SIGHUP dropped unkillable_init (ignored) by runc, ancestor",
            KILL_FORCED
        ]
    );
    Ok(())
}

#[test]
fn no_signal_from_inside_reaches_an_init() -> Outcome {
    let container = run("c-init", &[], &[])?;
    container.until_it_is("c-init")?;
    let records = watch(|| exec(&container, "kill -KILL 1; kill -STOP 1; kill -TERM 1"))?;
    assert_eq!(
        lines(&container, &records),
        [
            "SIGKILL dropped unkillable_init (ignored) by bash",
            "SIGSTOP dropped unkillable_init (ignored) by bash",
            "SIGTERM dropped unkillable_init (ignored) by bash"
        ]
    );
    for record in to(&container, &records) {
        hold(&record["sender"]["container"], &container);
    }
    Ok(())
}

/// The laboratory has docker make its container and stop it, and leaves nothing.
#[test]
fn a_scenario_in_a_container_of_dockers() -> Outcome {
    let leftovers = || {
        let ours = ["ps", "--all", "--quiet", "--filter=name=sigwhy-lab-"];
        let empty = ["images", "--quiet", "--filter=reference=sigwhy-lab"];
        Ok::<_, anyhow::Error>((
            output(docker()?.args(ours))?,
            output(docker()?.args(empty))?,
        ))
    };
    let before = leftovers()?;
    let mut lab = std::process::Command::new(env!("CARGO_BIN_EXE_sigwhy"));
    lab.args([
        "lab",
        "run",
        "docker-stop",
        "handler",
        "trap-deferred",
        "--docker",
        "--format=json",
    ]);
    let reports = output(&mut lab)?;
    let reports: Vec<Value> = reports
        .lines()
        .map(serde_json::from_str)
        .collect::<Result<_, _>>()?;
    for report in &reports {
        assert_eq!(report["verdict"], "held", "{:#}", report["checks"]);
    }
    assert_eq!(reports.len(), 3);
    // It was docker that stopped it, and a container of docker's that was stopped.
    let records = reports[0]["records"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let of_init = |r: &&Value| r["type"] == "signal" && r["target"]["is_init"] == true;
    let stopped: Vec<&Value> = records.iter().filter(of_init).collect();
    assert_eq!(stopped.len(), 2, "{stopped:#?}");
    for record in stopped {
        assert_eq!(record["sender"]["comm"], "runc");
        assert_eq!(record["target"]["container"]["runtime"], "docker");
    }
    assert_eq!(leftovers()?, before);
    Ok(())
}

/// The container is made while sigwhy runs, and is gone before it ends.
#[test]
fn a_container_that_comes_and_goes() -> Outcome {
    let mut seen = None;
    let records = watch(|| {
        let script = "kill -KILL $$; sleep 2";
        let container = run("busybox", &[], &["/bin/bash", "-c", script])?;
        done(docker()?.args(["wait", container.docker_name()]))?;
        seen = Some(container);
        Ok(())
    })?;
    let container = seen.ok_or_else(|| anyhow::anyhow!("it never ran"))?;
    assert_eq!(
        lines(&container, &records),
        ["SIGKILL dropped unkillable_init (ignored) by bash"]
    );
    Ok(())
}

#[test]
fn a_guest_in_another_containers_namespace_is_itself() -> Outcome {
    let host = run("c-init", &[], &[])?;
    host.until_it_is("c-init")?;
    let into = format!("--pid=container:{}", host.docker_name());
    let guest = run("c-init", &[&into], &[])?;
    guest.until_it_is("c-init")?;
    assert_eq!(guest.pid_ns, host.pid_ns);
    let records = watch(|| {
        exec(&guest, "kill -KILL 1")?;
        stop(&guest)
    })?;
    // It is no init there, so what would be dropped ends it.
    assert_eq!(lines(&guest, &records), [format!("{TERM_ENDS}, ancestor")]);
    let to_host = to(&host, &records);
    assert_eq!(
        to_host.iter().copied().map(line).collect::<Vec<_>>(),
        ["SIGKILL dropped unkillable_init (ignored) by bash"]
    );
    hold(&to_host[0]["sender"]["container"], &guest);
    Ok(())
}

#[test]
fn a_container_in_the_hosts_namespace_has_no_init() -> Outcome {
    let container = run("c-init", &["--pid=host"], &[])?;
    container.until_it_is("c-init")?;
    let live = Live::json(["--all"])?;
    stop(&container)?;
    let records = live.records()?;
    assert_eq!(lines(&container, &records), [TERM_ENDS]);
    Ok(())
}

/// What is wrong with the stop of one that has a child, and no PID namespace of its
/// own whose end would take that along: runc kills it.
fn left_over(pid: &str) -> anyhow::Result<Vec<String>> {
    let container = run("c-init", &[pid, "--env=CHILDREN=1"], &[])?;
    container.until_it_is("c-init")?;
    let left = child_of(&container)?;
    left.until_it_is("c-init")?;
    let live = Live::json(["--episodes-only"])?;
    stop(&container)?;
    let records = live.records()?;
    assert!(!left.runs());
    let is_its = |r: &&Value| r["type"] == "episode" && r["init"]["pid"] == container.pid;
    let episode = records.iter().rfind(is_its);
    let episode = episode.ok_or_else(|| anyhow::anyhow!("no episode: {records:#?}"))?;
    hold(&episode["container"], &container);
    assert_eq!(episode["stop_signal"]["name"], "SIGTERM", "{episode:#}");
    Ok(ids(episode).into_iter().map(str::to_owned).collect())
}

#[test]
fn what_a_container_leaves_in_the_hosts_namespace() -> Outcome {
    assert_eq!(left_over("--pid=host")?, ["HOST_PIDNS"]);
    Ok(())
}

#[test]
fn what_a_guest_leaves_in_another_containers_namespace() -> Outcome {
    let host = run("c-init", &[], &[])?;
    host.until_it_is("c-init")?;
    let into = format!("--pid=container:{}", host.docker_name());
    assert_eq!(left_over(&into)?, ["SHARED_PIDNS"]);
    assert!(host.runs());
    Ok(())
}

#[test]
fn one_container_by_its_name() -> Outcome {
    let wanted = run("c-init", &[], &[])?;
    let other = run("c-init", &[], &[])?;
    for container in [&wanted, &other] {
        container.until_it_is("c-init")?;
    }
    let live = Live::json(filter(&wanted))?;
    exec(&other, "kill -TERM 1")?;
    exec(&wanted, "kill -TERM 1")?;
    let records = live.records()?;
    assert_eq!(
        lines(&wanted, &records),
        ["SIGTERM dropped unkillable_init (ignored) by bash"]
    );
    assert!(to(&other, &records).is_empty());
    Ok(())
}
