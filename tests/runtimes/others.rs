//! Podman, containerd without the CRI, and plain runc.

use std::time::Duration;

use super::engine::{Container, ctr, dir, done, image, podman, runc, said as output, unique};
use super::identity::Identity;
use super::live::Live;
use super::said::{apart, lines, to};
use super::{KILL_FORCED, Outcome, TERM_DROPPED};

#[test]
fn podman_stop() -> Outcome {
    let name = unique("podman");
    let mut remove = podman()?;
    remove.args(["rm", "--force", "--time=0", &name]);
    let mut run = podman()?;
    run.args(["run", "--detach", "--network=none", "--name", &name]);
    let id = output(run.arg(image("c-init")))?;
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
    assert_eq!(lines(&container, &records), [TERM_DROPPED, KILL_FORCED]);
    let grace = apart(&to(&container, &records));
    assert!(grace > Duration::from_millis(1900), "{grace:?}");
    Ok(())
}

#[test]
fn runc_kill() -> Outcome {
    let id = unique("runc");
    let pid_file = dir()?.join(format!("{id}.pid"));
    let mut remove = runc()?;
    remove.args(["delete", "--force", &id]);
    let mut run = runc()?;
    run.args(["run", "--detach", "--pid-file"]).arg(&pid_file);
    run.arg("--bundle").arg(dir()?.join("bundle")).arg(&id);
    done(&mut run)?;
    let pid = std::fs::read_to_string(&pid_file);
    let is = Identity {
        runtime: "runc",
        id: id.clone(),
        name: Some(id.clone()),
        ..Identity::default()
    };
    let container = Container::new(&pid.unwrap_or_default(), is, vec![remove])?;
    std::fs::remove_file(pid_file)?;
    container.until_it_is("bash-init")?;
    let live = Live::json([""; 0])?;
    done(runc()?.args(["kill", &id, "TERM"]))?;
    done(runc()?.args(["exec", &id, "/bin/bash", "-c", "kill -KILL 1"]))?;
    done(runc()?.args(["kill", &id, "KILL"]))?;
    let records = live.records()?;
    assert_eq!(
        lines(&container, &records),
        [
            TERM_DROPPED,
            "SIGKILL dropped unkillable_init (ignored) by bash",
            KILL_FORCED
        ]
    );
    Ok(())
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
