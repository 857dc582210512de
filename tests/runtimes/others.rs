//! Podman, containerd without the CRI, and plain runc and crun.

use std::time::Duration;

use super::engine::{Container, client, ctr, dir, done, image, podman, said as output, unique};
use super::harness::{own_machine, skip};
use super::identity::Identity;
use super::live::Live;
use super::said::{apart, lines, to};
use super::{KILL_FORCED, Outcome, TERM_DROPPED};

/// Why crun starts nothing here, if that is so.
fn crun_cannot() -> Option<&'static str> {
    let unified = std::fs::read_to_string("/sys/fs/cgroup/unified/cgroup.controllers");
    if unified.is_ok_and(|controllers| !controllers.trim().is_empty()) {
        return Some("crun refuses controllers of cgroup v1 and v2 beside each other");
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let effective = u64::from_str_radix(effective.unwrap_or_default().trim(), 16);
    let may_set_limits = effective.is_ok_and(|all| all & (1 << CAP_SYS_RESOURCE) != 0);
    let is_v2 = std::path::Path::new("/sys/fs/cgroup/cgroup.controllers").exists();
    (is_v2 && !may_set_limits)
        .then_some("with cgroup v2 crun sets limits, which takes CAP_SYS_RESOURCE")
}

/// capability.h
const CAP_SYS_RESOURCE: u32 = 24;

/// crun by its name, whatever the kernel calls its copy of itself.
fn by_name(lines: Vec<String>) -> Vec<String> {
    let plain = |line: String| line.replace("memfd:crun_clon", "crun");
    lines.into_iter().map(plain).collect()
}

fn podman_stop_with(tool: &str) -> Outcome {
    podman_stops(tool, &[])
}

/// With these options of `podman run` too.
fn podman_stops(tool: &str, options: &[&str]) -> Outcome {
    let name = unique("podman");
    let mut remove = podman()?;
    remove.args(["rm", "--force", "--time=0", &name]);
    let mut run = podman()?;
    run.args(["--runtime", tool]);
    run.args(["run", "--detach", "--network=none", "--name", &name]);
    let id = output(run.args(options).arg(image("c-init")))?;
    let pid = output(podman()?.args(["inspect", "--format={{.State.Pid}}", &name]));
    let is = Identity {
        runtime: "podman",
        id,
        name: Some(name.clone()),
        image: Some(image("c-init")),
        ..Identity::default()
    };
    let container = Container::new(&pid.unwrap_or_default(), is, vec![remove])?;
    container.until_it_is("c-init")?;
    let live = Live::json([""; 0])?;
    done(podman()?.args(["stop", "--time=2", &name]))?;
    let records = live.records()?;
    let by = |line: &str| line.replace("runc", tool);
    assert_eq!(
        by_name(lines(&container, &records)),
        [by(TERM_DROPPED), by(KILL_FORCED)]
    );
    let grace = apart(&to(&container, &records));
    assert!(grace > Duration::from_millis(1900), "{grace:?}");
    let words = format!("podman ({tool})");
    for record in to(&container, &records) {
        assert_eq!(record["sender"]["role_words"], *words, "{record:#}");
    }
    Ok(())
}

#[test]
fn podman_stop() -> Outcome {
    podman_stop_with("runc")
}

/// Its root is another user of the host, so the sender has no name for itself in
/// there either: what the kernel asks is the PID namespace alone.
#[test]
fn podman_stop_in_a_user_namespace() -> Outcome {
    let maps = ["--uidmap=0:200000:65536", "--gidmap=0:200000:65536"];
    podman_stops("runc", &maps)
}

#[test]
fn podman_stop_by_crun() -> Outcome {
    if let Some(why) = crun_cannot() {
        skip(why);
        return Ok(());
    }
    podman_stop_with("crun")
}

/// runc or crun, with nobody above it.
fn kill_by(tool: &'static str) -> Outcome {
    let command = || client(tool);
    let id = unique(tool);
    let pid_file = dir()?.join(format!("{id}.pid"));
    let mut remove = command()?;
    remove.args(["delete", "--force", &id]);
    let mut run = command()?;
    run.args(["run", "--detach", "--pid-file"]).arg(&pid_file);
    // The root of a guest is an initramfs, which pivot_root(2) refuses.
    run.args(own_machine().then_some("--no-pivot"));
    run.arg("--bundle").arg(dir()?.join("bundle")).arg(&id);
    done(&mut run)?;
    let pid = std::fs::read_to_string(&pid_file);
    let is = Identity {
        runtime: tool,
        id: id.clone(),
        name: Some(id.clone()),
        ..Identity::default()
    };
    let container = Container::new(&pid.unwrap_or_default(), is, vec![remove])?;
    std::fs::remove_file(pid_file)?;
    container.until_it_is("bash-init")?;
    let live = Live::json([""; 0])?;
    done(command()?.args(["kill", &id, "TERM"]))?;
    done(command()?.args(["exec", &id, "/bin/bash", "-c", "kill -KILL 1"]))?;
    done(command()?.args(["kill", &id, "KILL"]))?;
    let records = live.records()?;
    let by = |line: &str| line.replace("runc", tool);
    assert_eq!(
        by_name(lines(&container, &records)),
        [
            by(TERM_DROPPED),
            "SIGKILL dropped unkillable_init (ignored) by bash".to_owned(),
            by(KILL_FORCED)
        ]
    );
    Ok(())
}

#[test]
fn runc_kill() -> Outcome {
    kill_by("runc")
}

#[test]
fn crun_kill() -> Outcome {
    if let Some(why) = crun_cannot() {
        skip(why);
        return Ok(());
    }
    kill_by("crun")
}

#[test]
fn ctr_task_kill() -> Outcome {
    let id = unique("ctr");
    let mut end = ctr()?;
    end.args(["tasks", "delete", "--force", &id]);
    let mut remove = ctr()?;
    remove.args(["containers", "delete", &id]);
    let name = image("c-init");
    done(ctr()?.args(["run", "--detach", &name, &id]))?;
    let tasks = output(ctr()?.args(["tasks", "list"]))?;
    let pid = tasks.lines().find_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        (words.first() == Some(&&*id)).then(|| words.get(1).copied())?
    });
    let is = Identity {
        runtime: "containerd",
        id: id.clone(),
        name: Some(id.clone()),
        // containerd keeps it in no file that others read.
        image: None,
        ..Identity::default()
    };
    let container = Container::new(pid.unwrap_or_default(), is, vec![end, remove])?;
    container.until_it_is("c-init")?;
    let live = Live::json([""; 0])?;
    done(ctr()?.args(["tasks", "kill", "--signal=SIGTERM", &id]))?;
    done(ctr()?.args(["tasks", "kill", "--signal=SIGKILL", &id]))?;
    let records = live.records()?;
    assert_eq!(lines(&container, &records), [TERM_DROPPED, KILL_FORCED]);
    Ok(())
}
