//! The scenarios: one file each, and one row here.

use super::scenario::Scenario;

mod blocked_init;
mod docker_stop;
mod handler;
mod kill_init;
mod kill_init_from_host;
mod sigwait_init;

/// Every scenario, in the order in which they are best read.
pub const ALL: &[&Scenario] = &[
    &kill_init::SCENARIO,
    &kill_init_from_host::SCENARIO,
    &handler::SCENARIO,
    &docker_stop::SCENARIO,
    &blocked_init::SCENARIO,
    &sigwait_init::SCENARIO,
];

/// The scenario of that name.
pub fn find(name: &str) -> Option<&'static Scenario> {
    ALL.iter().copied().find(|scenario| scenario.name == name)
}

#[cfg(test)]
mod tests;
