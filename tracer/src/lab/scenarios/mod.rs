//! The scenarios: one file each, and one row here, in chapters.

use super::scenario::Scenario;

mod blocked_init;
mod docker_stop;
mod handler;
mod kill_init;
mod kill_init_from_host;
mod sigwait_init;

/// A chapter of the course.
#[derive(Debug)]
pub struct Chapter {
    pub title: &'static str,
    pub scenarios: &'static [&'static Scenario],
}

/// Every scenario, in the order in which they are best read.
pub const COURSE: &[Chapter] = &[
    Chapter {
        title: "PID 1 of a container",
        scenarios: &[
            &kill_init::SCENARIO,
            &kill_init_from_host::SCENARIO,
            &handler::SCENARIO,
            &docker_stop::SCENARIO,
        ],
    },
    Chapter {
        title: "Signals that wait",
        scenarios: &[&blocked_init::SCENARIO, &sigwait_init::SCENARIO],
    },
];

/// The same without the chapters.
pub const ALL: &[&Scenario] = &flat();

const COUNT: usize = {
    let (mut count, mut at) = (0, 0);
    while at < COURSE.len() {
        count += COURSE[at].scenarios.len();
        at += 1;
    }
    count
};

const fn flat() -> [&'static Scenario; COUNT] {
    let mut all = [COURSE[0].scenarios[0]; COUNT];
    let (mut at, mut chapter) = (0, 0);
    while chapter < COURSE.len() {
        let scenarios = COURSE[chapter].scenarios;
        let mut row = 0;
        while row < scenarios.len() {
            all[at] = scenarios[row];
            at += 1;
            row += 1;
        }
        chapter += 1;
    }
    all
}

/// The scenario of that name.
pub fn find(name: &str) -> Option<&'static Scenario> {
    ALL.iter().copied().find(|scenario| scenario.name == name)
}

#[cfg(test)]
mod tests;
