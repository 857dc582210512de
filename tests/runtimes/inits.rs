//! Every usual kind of PID 1, and what becomes of a SIGTERM to it that comes from
//! inside, from `docker stop`, and from the host.
//!
//! The expectations are a table; `cargo xtask runtimes test --report FILE` writes
//! what was seen, for docs/containers.md. The lab plays some of them by actors, whose
//! masks `actors` holds to the real ones.

use std::fs::File;
use std::io::Write as _;
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::Value;

use super::Outcome;
use super::docker::{child_of, exec, exit_code, run_as, stop};
use super::engine::{Container, done};
use super::live::Live;
use super::said::{self, is_noise, is_target};

mod actors;

/// Where the tests add to what the documentation shows.
const REPORT: &str = "SIGWHY_TEST_REPORT";

/// The host's own programs, in a container of no image of theirs: they need the
/// libraries of the host, and are too large for an image.
const HOSTS: &[&str] = &["--volume=/usr:/usr:ro"];

/// A child for the C inits, and one for the child of an init that forwards.
const CHILDREN: &[&str] = &["--env=CHILDREN=1"];

/// A kind of PID 1, and what it does.
struct Init {
    name: &'static str,
    image: &'static str,
    /// Docker's own arguments.
    before: &'static [&'static str],
    argv: &'static [&'static str],
    /// What it is called once it is up.
    comm: &'static str,
    /// It has a handler for SIGTERM once it is up.
    handles: bool,
    /// How many processes are below it, each the child of the one above.
    below: usize,
    /// What a SIGTERM becomes, in order; `BY` is who sent it.
    becomes: &'static [&'static str],
    /// The exit code of the container; `None`: it runs on.
    code: Option<i32>,
}

const DROPPED: &str = "init SIGTERM dropped unkillable_init by BY";
const HANDLED: &str = "init SIGTERM queued handler by BY";
const WAITED_FOR: &str = "init SIGTERM queued sigwait by BY";
const READ: &str = "init SIGTERM queued blocked by BY";
const KILLED: &str = "init SIGKILL fatal forced_on_init by BY";
const ZAPPED: &str = "child SIGKILL fatal kill by zap";

const PYTHON: &str = "import os, time\nos.fork()\nwhile True: time.sleep(60)";
const NODE: &str = "setInterval(() => {}, 60000)";

const INITS: &[Init] = &[
    Init {
        name: "bash",
        image: "bash-init",
        before: &[],
        argv: &[],
        comm: "bash-init",
        handles: false,
        below: 0,
        becomes: &[DROPPED],
        code: None,
    },
    Init {
        name: "C without a handler",
        image: "c-init",
        before: CHILDREN,
        argv: &[],
        comm: "c-init",
        handles: false,
        below: 1,
        becomes: &[DROPPED],
        code: None,
    },
    Init {
        name: "C with a handler",
        image: "c-init-handler",
        before: CHILDREN,
        argv: &[],
        comm: "c-init-handler",
        handles: true,
        below: 1,
        becomes: &[HANDLED, ZAPPED],
        code: Some(0),
    },
    Init {
        name: "tini",
        image: "tini",
        before: CHILDREN,
        argv: &[],
        comm: "tini",
        handles: false,
        below: 2,
        becomes: &[
            WAITED_FOR,
            "child SIGTERM fatal default_terminate by tini (own_init)",
            "grandchild SIGKILL fatal kill by zap",
        ],
        code: Some(143),
    },
    Init {
        name: "tini -g",
        image: "tini-g",
        before: CHILDREN,
        argv: &[],
        comm: "tini",
        handles: false,
        below: 2,
        becomes: &[
            WAITED_FOR,
            "grandchild SIGTERM fatal default_terminate by tini (own_init)",
            "child SIGTERM fatal default_terminate by tini (own_init)",
        ],
        code: Some(143),
    },
    Init {
        name: "dumb-init",
        image: "dumb-init",
        before: CHILDREN,
        argv: &[],
        comm: "dumb-init",
        handles: false,
        below: 2,
        becomes: &[
            WAITED_FOR,
            "grandchild SIGTERM fatal default_terminate by dumb-init (own_init)",
            "child SIGTERM fatal default_terminate by dumb-init (own_init)",
        ],
        code: Some(143),
    },
    Init {
        name: "catatonit",
        image: "catatonit",
        before: CHILDREN,
        argv: &[],
        comm: "catatonit",
        handles: false,
        below: 2,
        becomes: &[
            READ,
            "child SIGTERM fatal default_terminate by catatonit (own_init)",
            "grandchild SIGKILL fatal kill by zap",
        ],
        code: Some(143),
    },
    Init {
        name: "Python",
        image: "busybox",
        before: HOSTS,
        argv: &["/usr/bin/python3", "-c", PYTHON],
        comm: "python3",
        handles: false,
        below: 1,
        becomes: &[DROPPED],
        code: None,
    },
    // Its own handler is for once, and raises the signal again to end by it.
    Init {
        name: "Node",
        image: "busybox",
        before: HOSTS,
        argv: &["/usr/bin/node", "-e", NODE],
        comm: "node",
        handles: true,
        below: 0,
        becomes: &[
            HANDLED,
            "init SIGTERM queued blocked by node (itself)",
            "init SIGTERM dropped unkillable_init_at_dequeue when taken",
        ],
        code: None,
    },
    // The language's own handler raises the signal again, and exits when that
    // does not end it.
    Init {
        name: "Go without Notify",
        image: "go-init",
        before: &[],
        argv: &[],
        comm: "go-init",
        handles: true,
        below: 0,
        becomes: &[
            HANDLED,
            "init SIGTERM queued handler by go-init (itself)",
            "init SIGTERM dropped unkillable_init by go-init (itself)",
        ],
        code: Some(2),
    },
    Init {
        name: "Go with Notify",
        image: "go-init-notify",
        before: &[],
        argv: &[],
        comm: "go-init-notify",
        handles: true,
        below: 0,
        becomes: &[HANDLED],
        code: Some(0),
    },
];

/// Where a SIGTERM comes from.
#[derive(Clone, Copy, PartialEq)]
enum Way {
    Inside,
    Stop,
    Host,
}

impl Way {
    fn title(self) -> &'static str {
        match self {
            Self::Inside => "docker exec C bash -c 'kill -TERM 1'",
            Self::Stop => "docker stop --time 2 C",
            Self::Host => "kill -TERM PID, on the host",
        }
    }

    fn sender(self) -> &'static str {
        match self {
            Self::Inside => "bash (exec)",
            Self::Stop => "runc (runtime)",
            Self::Host => "kill (host)",
        }
    }

    fn send(self, container: &Container) -> Outcome {
        match self {
            // Where the init ends, it takes the shell with it.
            Self::Inside => exec(container, "kill -TERM 1").or(Ok(())),
            Self::Stop => stop(container),
            Self::Host => {
                let pid = container.pid.to_string();
                done(Command::new("/bin/kill").args(["-TERM", &pid]))
            }
        }
    }

    /// What is to be seen, and the exit code.
    fn expected(self, init: &Init) -> (Vec<String>, Option<i32>) {
        let mut lines: Vec<&str> = init.becomes.to_vec();
        let mut code = init.code;
        if self == Self::Stop && code.is_none() {
            lines.push(KILLED);
            lines.extend((init.below > 0).then_some(ZAPPED));
            code = Some(128 + libc::SIGKILL);
        }
        let by = |line: &&str| line.replace("BY", self.sender());
        (lines.iter().map(by).collect(), code)
    }
}

/// A running one.
struct Running {
    init: &'static Init,
    container: Container,
    below: Vec<Container>,
}

impl Running {
    fn start(init: &'static Init) -> anyhow::Result<Self> {
        let tag = init.name.replace(' ', "-").to_lowercase();
        let container = run_as(&tag, init.image, init.before, init.argv)?;
        container.until_it_is(init.comm)?;
        if init.handles {
            container.until_it_handles(libc::SIGTERM)?;
        }
        if init.before == HOSTS || init.image.starts_with("go-") {
            // A language's runtime has more to do before it is ready.
            container.until_it_rests()?;
        }
        let mut below: Vec<Container> = Vec::new();
        for _ in 0..init.below {
            below.push(child_of(below.last().unwrap_or(&container))?);
        }
        Ok(Self {
            init,
            container,
            below,
        })
    }

    /// What is said of its processes.
    fn lines(&self, records: &[Value]) -> Vec<String> {
        let names = ["init", "child", "grandchild"];
        let all: Vec<&Container> = std::iter::once(&self.container)
            .chain(&self.below)
            .collect();
        let name = |record: &Value| {
            let at = all.iter().position(|one| is_target(record, one))?;
            names.get(at).copied()
        };
        let told = |record: &&Value| match said::word(record, "/type") {
            // One that comes while its target ends comes or not: dumb-init sends
            // its signal again when its child has ended, and the zap is for all.
            "signal" => !is_noise(record) && record["reason"] != "target_exiting",
            "deliver" => record["outcome"] == "dropped",
            _ => false,
        };
        let signals = records.iter().filter(told);
        let mut lines: Vec<String> = signals
            .filter_map(|record| Some(format!("{} {}", name(record)?, line(record))))
            .collect();
        // How often Go tries again is Go's affair.
        lines.dedup();
        lines
    }
}

/// `NAME OUTCOME REASON by COMM (ROLE)`, or `when taken` from the queue.
fn line(record: &Value) -> String {
    let word = |pointer| said::word(record, pointer);
    let how = match (word("/type"), word("/sender/kind")) {
        ("deliver", _) => "when taken".to_owned(),
        (_, "process") => {
            // Whether a person's shell is above depends on who runs the tests.
            let role = match word("/sender/role") {
                "shell_on_host" => "host",
                role => role,
            };
            format!("by {} ({role})", word("/sender/comm"))
        }
        (_, kind) => format!("by {kind}"),
    };
    let reason = match (word("/reason"), word("/target/comm")) {
        // Between two rounds of sigtimedwait the signal is blocked only.
        ("blocked", "tini" | "dumb-init") => "sigwait",
        (reason, _) => reason,
    };
    let (name, outcome) = (word("/signal/name"), word("/outcome"));
    format!("{name} {outcome} {reason} {how}")
}

/// One way to send it, to every kind of init.
fn play(way: Way) -> Outcome {
    let report = std::env::var_os(REPORT);
    let text = report.as_ref().map(|_| Live::text(["--color", "never"]));
    let text = text.transpose()?;
    let live = Live::json([""; 0])?;
    let mut all = Vec::new();
    for init in INITS {
        let running = Running::start(init).with_context(|| init.name)?;
        way.send(&running.container).with_context(|| init.name)?;
        let code = match way.expected(init).1 {
            Some(_) => exit_code(&running.container).with_context(|| init.name)?,
            None => None,
        };
        all.push((running, code));
    }
    // Time for one that should run on to end all the same.
    std::thread::sleep(Duration::from_millis(200));
    let runs: Vec<bool> = all.iter().map(|(one, _)| one.container.runs()).collect();
    let records = live.records()?;
    let mut wrong = Vec::new();
    let mut table = String::new();
    for ((running, code), runs) in all.iter().zip(runs) {
        let name = running.init.name;
        let seen = (running.lines(&records), *code);
        let end = code.map_or("runs on".to_owned(), |code| format!("exit code {code}"));
        table += &format!("| {name} | {} | {end} |\n", seen.0.join("<br>"));
        let wanted = way.expected(running.init);
        if seen != wanted || runs != wanted.1.is_none() {
            wrong.push(format!(
                "{name}: {seen:#?} runs: {runs}, wanted {wanted:#?}"
            ));
        }
    }
    if let (Some(report), Some(text)) = (report, text) {
        let said = text.end()?.out;
        let mut out = format!(
            "\n## `{}`\n\n| PID 1 | SIGTERM | container |\n|---|---|---|\n{table}",
            way.title()
        );
        for (running, _) in &all {
            let container = running.container.is.name.clone().unwrap_or_default();
            let lines = said.iter().filter(|line| line.contains(&container));
            let lines: Vec<String> = lines.map(|line| format!("{line}\n")).collect();
            out += &format!("\n{}:\n\n```\n{}```\n", running.init.name, lines.concat());
        }
        static TURN: Mutex<()> = Mutex::new(());
        let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let mut file = File::options().append(true).create(true).open(report)?;
        file.write_all(out.as_bytes())?;
    }
    ensure!(wrong.is_empty(), "{}: {}", way.title(), wrong.join("\n"));
    Ok(())
}

#[test]
fn sigterm_from_inside() -> Outcome {
    play(Way::Inside)
}

#[test]
fn docker_stop() -> Outcome {
    play(Way::Stop)
}

#[test]
fn sigterm_from_the_host() -> Outcome {
    play(Way::Host)
}
