//! What docker does in the place of a process of the scenario.

use std::time::{Duration, Instant};

use anyhow::{anyhow, bail};
use tracer_common::signals::SIGTERM;

use super::{Actor, Docker, Specimen, Stage, Stopping};

/// What docker stop may take beyond its grace period.
const SLACK: Duration = Duration::from_secs(20);

/// How often to look whether it has ended.
const LOOK: Duration = Duration::from_millis(20);

impl Stage<'_> {
    /// Has docker make a container.
    pub(super) fn spawn_container(
        &mut self,
        docker: &Docker,
        name: Actor,
    ) -> anyhow::Result<Specimen> {
        let (container, init) = docker.start(&self.company.arena, name)?;
        self.company.containers.insert(name, container);
        Ok(init)
    }

    /// docker stop, which begins where the scenario has SIGTERM sent, and is
    /// waited for where it has SIGKILL sent.
    pub(super) fn docker_stop(&mut self, init: Actor, signal: u32) -> anyhow::Result<()> {
        let grace = self.manner.grace;
        let container = self.company.containers.get(init);
        let container = container.ok_or_else(|| anyhow!("{init} is no container of docker's"))?;
        if signal == SIGTERM {
            let (seconds, name) = (grace.as_secs(), &container.name);
            self.tell(format!("docker stop -t {seconds} {name}"));
            self.stopping = Some(Stopping::begin(container, grace)?);
            // It takes docker a while, and what is done next is about what came of it.
            let end = Instant::now() + SLACK;
            while !self.backstage.was_sent(init, SIGTERM) {
                if Instant::now() >= end {
                    bail!("docker stop sent no SIGTERM within {} s", SLACK.as_secs());
                }
                self.backstage.pause(LOOK)?;
            }
            return Ok(());
        }
        self.tell("docker stop waits for the rest of its grace period".to_owned());
        let end = Instant::now() + grace + SLACK;
        let Some(mut stopping) = self.stopping.take() else {
            bail!("docker stop was never begun");
        };
        while !stopping.is_over()? {
            if Instant::now() >= end {
                bail!(
                    "docker stop did not end within {} s",
                    (grace + SLACK).as_secs()
                );
            }
            self.backstage.pause(LOOK)?;
        }
        Ok(())
    }
}
