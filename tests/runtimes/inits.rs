//! Every usual kind of PID 1, and what becomes of a SIGTERM to it that comes from
//! inside, from `docker stop`, and from the host.
//!
//! The expectations are a table; `cargo xtask runtimes test --report FILE` writes
//! what was seen, for docs/containers.md.

use std::fs::File;
use std::io::Write as _;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::Value;

use super::Outcome;
use super::docker::{child_of, exec, exit_code, run_as, stop};
use super::engine::{Container, done};
use super::live::Live;
use super::said::{self, is_noise, is_to};

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
    /// Waited for until it is so called, and handles SIGTERM where it does.
    comm: &'static str,
    handles: bool,
    /// How many processes are below it, each the child of the one above.
    below: usize,
    inside: Expected,
    stop: Expected,
    host: Expected,
}

/// What is said of the signals, in order, and the container's exit code; `None`
/// while it runs on.
struct Expected(&'static [&'static str], Option<i32>);

const KILLED_LATER: &str = "init SIGKILL fatal forced_on_init by runc (runtime)";
const ZAPPED: &str = "child SIGKILL fatal namespace_ended by zap";

const INITS: &[Init] = &[
    Init {
        name: "bash",
        image: "bash-init",
        before: &[],
        argv: &[],
        comm: "bash-init",
        handles: false,
        below: 0,
        inside: Expected(
            &["init SIGTERM dropped unkillable_init by bash (exec)"],
            None,
        ),
        stop: Expected(
            &[
                "init SIGTERM dropped unkillable_init by runc (runtime)",
                KILLED_LATER,
            ],
            Some(137),
        ),
        host: Expected(
            &["init SIGTERM dropped unkillable_init by kill (host)"],
            None,
        ),
    },
    Init {
        name: "C without a handler",
        image: "c-init",
        before: CHILDREN,
        argv: &[],
        comm: "c-init",
        handles: false,
        below: 1,
        inside: Expected(
            &["init SIGTERM dropped unkillable_init by bash (exec)"],
            None,
        ),
        stop: Expected(
            &[
                "init SIGTERM dropped unkillable_init by runc (runtime)",
                KILLED_LATER,
                ZAPPED,
            ],
            Some(137),
        ),
        host: Expected(
            &["init SIGTERM dropped unkillable_init by kill (host)"],
            None,
        ),
    },
    Init {
        name: "C with a handler",
        image: "c-init-handler",
        before: CHILDREN,
        argv: &[],
        comm: "c-init-handler",
        handles: true,
        below: 1,
        inside: Expected(&["?"], Some(0)),
        stop: Expected(&["?"], Some(0)),
        host: Expected(&["?"], Some(0)),
    },
    Init {
        name: "tini",
        image: "tini",
        before: CHILDREN,
        argv: &[],
        comm: "tini",
        handles: false,
        below: 2,
        inside: Expected(&["?"], Some(143)),
        stop: Expected(&["?"], Some(143)),
        host: Expected(&["?"], Some(143)),
    },
    Init {
        name: "tini -g",
        image: "tini-g",
        before: CHILDREN,
        argv: &[],
        comm: "tini",
        handles: false,
        below: 2,
        inside: Expected(&["?"], Some(143)),
        stop: Expected(&["?"], Some(143)),
        host: Expected(&["?"], Some(143)),
    },
    Init {
        name: "dumb-init",
        image: "dumb-init",
        before: CHILDREN,
        argv: &[],
        comm: "dumb-init",
        handles: false,
        below: 2,
        inside: Expected(&["?"], Some(143)),
        stop: Expected(&["?"], Some(143)),
        host: Expected(&["?"], Some(143)),
    },
    Init {
        name: "catatonit",
        image: "catatonit",
        before: CHILDREN,
        argv: &[],
        comm: "catatonit",
        handles: false,
        below: 2,
        inside: Expected(&["?"], Some(143)),
        stop: Expected(&["?"], Some(143)),
        host: Expected(&["?"], Some(143)),
    },
    Init {
        name: "Python",
        image: "busybox",
        before: HOSTS,
        argv: &[
            "/usr/bin/python3",
            "-c",
            "import os, time\nos.fork()\nwhile True: time.sleep(60)",
        ],
        comm: "python3",
        handles: false,
        below: 1,
        inside: Expected(&["?"], None),
        stop: Expected(&["?"], Some(137)),
        host: Expected(&["?"], None),
    },
    Init {
        name: "Node",
        image: "busybox",
        before: HOSTS,
        argv: &["/usr/bin/node", "-e", "setInterval(() => {}, 60000)"],
        comm: "node",
        handles: true,
        below: 0,
        inside: Expected(&["?"], None),
        stop: Expected(&["?"], Some(137)),
        host: Expected(&["?"], None),
    },
    // containerd's client, waiting for a socket that nobody makes: a Go program
    // without a signal.Notify.
    Init {
        name: "Go",
        image: "busybox",
        before: HOSTS,
        argv: &["/usr/bin/ctr", "--connect-timeout=1h", "version"],
        comm: "ctr",
        handles: true,
        below: 0,
        inside: Expected(&["?"], Some(2)),
        stop: Expected(&["?"], Some(2)),
        host: Expected(&["?"], Some(2)),
    },
];

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
            let at = all.iter().position(|one| is_to(record, one))?;
            names.get(at).copied()
        };
        let signals = records.iter().filter(|record| !is_noise(record));
        signals
            .filter_map(|record| Some(format!("{} {}", name(record)?, line(record))))
            .collect()
    }
}

/// `NAME OUTCOME REASON by COMM (ROLE)`.
fn line(record: &Value) -> String {
    let word = |pointer| said::word(record, pointer);
    let by = match word("/sender/kind") {
        "process" => {
            // Whether a shell of a person's is above depends on who runs the tests.
            let role = match word("/sender/role") {
                "shell_on_host" => "host",
                role => role,
            };
            format!("{} ({role})", word("/sender/comm"))
        }
        kind => kind.to_owned(),
    };
    // Between two rounds of sigtimedwait the signal is blocked only.
    let reason = match word("/reason") {
        "blocked" => "sigwait",
        reason => reason,
    };
    let (name, outcome) = (word("/signal/name"), word("/outcome"));
    format!("{name} {outcome} {reason} by {by}")
}

/// One way to send it to every kind of init.
fn play(
    way: &str,
    send: impl Fn(&Container) -> Outcome,
    expected: impl Fn(&Init) -> &Expected,
) -> Outcome {
    let report = std::env::var_os(REPORT);
    let text = report.as_ref().map(|_| Live::text(["--color", "never"]));
    let text = text.transpose()?;
    let live = Live::json([""; 0])?;
    let mut all = Vec::new();
    let mut wrong = Vec::new();
    for init in INITS {
        let running = Running::start(init).with_context(|| init.name)?;
        send(&running.container).with_context(|| init.name)?;
        let code = match expected(init).1 {
            Some(_) => exit_code(&running.container).with_context(|| init.name)?,
            None => None,
        };
        all.push((running, code));
    }
    // Time for one that should run on to end all the same.
    std::thread::sleep(Duration::from_millis(200));
    for (running, code) in &all {
        let wanted = expected(running.init).1;
        let runs = running.container.runs();
        if *code != wanted || runs != wanted.is_none() {
            wrong.push(format!(
                "{}: exit code {code:?}, runs: {runs}",
                running.init.name
            ));
        }
    }
    let records = live.records()?;
    let mut table = String::new();
    for (running, code) in &all {
        let lines = running.lines(&records);
        let end = code.map_or("runs on".to_owned(), |code| format!("exit code {code}"));
        table += &format!(
            "| {} | {} | {end} |\n",
            running.init.name,
            lines.join("<br>")
        );
        if lines != expected(running.init).0 {
            wrong.push(format!("{}: {lines:#?}", running.init.name));
        }
    }
    if let (Some(report), Some(text)) = (report, text) {
        let said = text.end()?.out;
        let mut out =
            format!("\n## {way}\n\n| PID 1 | SIGTERM | container |\n|---|---|---|\n{table}");
        for (running, _) in &all {
            let name = running.container.is.name.clone().unwrap_or_default();
            let lines = said.iter().filter(|line| line.contains(&name));
            let lines: Vec<String> = lines.map(|line| format!("{line}\n")).collect();
            out += &format!("\n{}:\n\n```\n{}```\n", running.init.name, lines.concat());
        }
        static TURN: Mutex<()> = Mutex::new(());
        let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let mut file = File::options().append(true).create(true).open(report)?;
        file.write_all(out.as_bytes())?;
    }
    ensure!(wrong.is_empty(), "{way}: {wrong:#?}");
    Ok(())
}

#[test]
fn sigterm_from_inside() -> Outcome {
    play(
        "docker exec C kill -TERM 1",
        |container| exec(container, "kill -TERM 1"),
        |init| &init.inside,
    )
}

#[test]
fn docker_stop() -> Outcome {
    play("docker stop --time 2 C", stop, |init| &init.stop)
}

#[test]
fn sigterm_from_the_host() -> Outcome {
    let kill = |container: &Container| {
        let pid = container.pid.to_string();
        done(std::process::Command::new("/bin/kill").args(["-TERM", &pid]))
    };
    play("kill -TERM PID, on the host", kill, |init| &init.host)
}
