//! The scenarios: one file each, and one row here, in chapters.

use super::scenario::Scenario;

mod abort_init;
mod bash_init;
mod blocked_init;
mod c_init;
mod catatonit;
mod coalescing;
mod docker_exec;
mod docker_stop;
mod dumb_init;
mod fault_init;
mod from_beside;
mod from_where;
mod global_init;
mod go_init;
mod go_init_proc;
mod go_init_stale;
mod handler;
mod init_exits;
mod kill_init;
mod kill_init_from_host;
mod masks;
mod never_generated;
mod orphans;
pub mod programs;
mod realtime;
mod shell_wrapper;
mod signal_dispositions;
mod sigwait_init;
mod terms;
mod tini;
mod tini_g;
mod trap_deferred;
mod unblock;
mod zombie_chain;
mod zombies;

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
            &from_where::SCENARIO,
            &from_beside::SCENARIO,
            &global_init::SCENARIO,
        ],
    },
    Chapter {
        title: "What a process has set",
        scenarios: &[
            &signal_dispositions::SCENARIO,
            &c_init::SCENARIO,
            &bash_init::SCENARIO,
            &go_init::SCENARIO,
            &masks::SCENARIO,
        ],
    },
    Chapter {
        title: "Stopping a container",
        scenarios: &[
            &docker_stop::SCENARIO,
            &init_exits::SCENARIO,
            &shell_wrapper::SCENARIO,
            &trap_deferred::SCENARIO,
            &docker_exec::SCENARIO,
        ],
    },
    Chapter {
        title: "Inits that pass signals on",
        scenarios: &[
            &tini::SCENARIO,
            &tini_g::SCENARIO,
            &dumb_init::SCENARIO,
            &catatonit::SCENARIO,
            &go_init_proc::SCENARIO,
            &go_init_stale::SCENARIO,
        ],
    },
    Chapter {
        title: "Children",
        scenarios: &[
            &orphans::SCENARIO,
            &zombie_chain::SCENARIO,
            &zombies::SCENARIO,
        ],
    },
    Chapter {
        title: "Signals that wait",
        scenarios: &[
            &unblock::SCENARIO,
            &blocked_init::SCENARIO,
            &sigwait_init::SCENARIO,
            &coalescing::SCENARIO,
            &realtime::SCENARIO,
        ],
    },
    Chapter {
        title: "Faults, and what never was",
        scenarios: &[
            &fault_init::SCENARIO,
            &abort_init::SCENARIO,
            &never_generated::SCENARIO,
        ],
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
