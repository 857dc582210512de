//! What `sigwhy run` says about real stops: who stopped whom, by their names, and
//! what was wrong.

use anyhow::Context as _;
use serde_json::Value;

use super::Outcome;
use super::docker::start;
use super::engine::{Container, docker};
use super::identity::hold;
use super::live::{run, sigwhy};

/// The episode of a container that `docker ARGS NAME` ends.
fn told(container: &Container, args: &[&str]) -> anyhow::Result<Value> {
    let name = container.is.name.as_deref().context("it has a name")?;
    let docker = docker()?;
    let mut command = sigwhy();
    command
        .args(["run", "--format", "json", "-c", name, "--"])
        .arg(docker.get_program())
        .args(docker.get_args())
        .args(args)
        .arg(name);
    for (key, _) in docker.get_envs().filter(|(_, value)| value.is_none()) {
        command.env_remove(key);
    }
    let said = run(&mut command)?;
    assert_eq!(said.status.code(), Some(0), "{}", said.err());
    let records = said.records()?;
    let episode = records.last().context("no episode")?;
    assert_eq!(episode["init"]["pid"], container.pid, "{episode:#}");
    hold(&episode["container"], container);
    Ok(episode.clone())
}

/// Its diagnoses.
pub fn ids(episode: &Value) -> Vec<&str> {
    let list = episode["diagnoses"].as_array();
    list.into_iter()
        .flatten()
        .filter_map(|diagnosis| diagnosis["id"].as_str())
        .collect()
}

#[test]
fn docker_stop_of_what_does_not_listen() -> Outcome {
    for (image, comm, cause) in [
        ("c-init", "c-init", "PID1_NO_HANDLER"),
        ("bash-init", "bash-init", "PID1_NO_HANDLER"),
    ] {
        let container = start(image)?;
        container.until_it_is(comm)?;
        let episode = told(&container, &["stop", "--time", "2"])?;
        assert_eq!(ids(&episode), [cause, "GRACE_EXPIRED_KILL"], "{episode:#}");
        assert_eq!(episode["exit_code"], 137);
        let summary = episode["summary"].as_str().unwrap_or_default();
        assert!(
            summary.contains("docker (runc) sent SIGTERM, which the kernel dropped"),
            "{summary}"
        );
    }
    Ok(())
}

#[test]
fn docker_stop_of_what_listens() -> Outcome {
    let container = start("c-init-handler")?;
    container.until_it_handles(libc::SIGTERM)?;
    let episode = told(&container, &["stop"])?;
    assert_eq!(ids(&episode), [""; 0], "{episode:#}");
    assert_eq!(episode["ungraceful"], false);
    for (image, comm) in [
        ("tini", "tini"),
        ("dumb-init", "dumb-init"),
        ("catatonit", "catatonit"),
    ] {
        let container = start(image)?;
        container.until_it_is(comm)?;
        let episode = told(&container, &["stop"])?;
        assert_eq!(ids(&episode), [""; 0], "{image}: {episode:#}");
    }
    Ok(())
}

#[test]
fn docker_kill_asks_nobody() -> Outcome {
    let container = start("c-init")?;
    container.until_it_is("c-init")?;
    let episode = told(&container, &["kill"])?;
    assert_eq!(ids(&episode), ["KILL_WITHOUT_STOP"], "{episode:#}");
    assert_eq!(episode["kill_sender"]["role"], "runtime");
    Ok(())
}
