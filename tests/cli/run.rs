//! `run`: the command's own output and code, the verdict, and `--fail-on`.

use std::process::Command;

use anyhow::Context as _;
use libc::SIGTERM;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use sigwhy::lab::arena::{Arena, Disposition, Specimen};

use super::live::{Live, run, sigwhy};
use crate::arena::arena;

type Outcome = anyhow::Result<()>;

/// A container that a shell can stop: an init without a handler, and a server.
struct Victim {
    _arena: Arena,
    init: Specimen,
    inode: String,
}

impl Victim {
    fn new(init: &str) -> anyhow::Result<Self> {
        let arena = arena()?;
        let host = arena.spawn_host("host")?;
        let init = host.spawn_init(init)?;
        let server = init.spawn_child("server")?;
        server.dispose(SIGTERM, Disposition::Handler)?;
        let inode = init.pid_ns()?.to_string();
        Ok(Self {
            _arena: arena,
            init,
            inode,
        })
    }

    /// `sigwhy run` of this script, where `$P` is the init.
    fn run(&self, options: &[&str], script: &str) -> Command {
        let mut command = sigwhy();
        command
            .args(["run", "-c", &self.inode])
            .args(options)
            .args(["--", "sh", "-c", script])
            .env("P", self.init.pid().to_string());
        command
    }
}

const STOP: &str = "echo stopping; kill -TERM $P; sleep .2; kill -KILL $P; exit 7";

#[test]
fn a_verdict_and_the_code_of_the_command() -> Outcome {
    let victim = Victim::new("bash")?;
    let said = run(&mut victim.run(&[], STOP))?;
    assert_eq!(said.status.code(), Some(7), "{:?}", said.err);
    assert_eq!(
        said.out,
        ["stopping"],
        "the command's own, and nothing else"
    );
    let note = said.err();
    for words in [
        "stopped ungracefully",
        "sends SIGTERM, which the kernel dropped: PID 1 (bash) has no handler for it",
        "Time wasted: ",
        "Cause: pid1-shell-wrapper: ",
        "Fix: Start the application with exec",
        "Also: grace-expired-kill: ",
    ] {
        assert!(note.contains(words), "{words:?} is not in\n{note}");
    }
    Ok(())
}

#[test]
fn a_check_that_fails() -> Outcome {
    for (fail_on, code) in [
        ("ungraceful", 3),
        ("pid1-shell-wrapper", 3),
        ("OOM_INIT,GRACE_EXPIRED_KILL", 3),
        ("oom-init", 7),
    ] {
        let victim = Victim::new("bash")?;
        let said = run(&mut victim.run(&["--fail-on", fail_on], STOP))?;
        assert_eq!(said.status.code(), Some(code), "{fail_on}: {}", said.err());
    }
    Ok(())
}

#[test]
fn a_check_that_holds() -> Outcome {
    let victim = Victim::new("app")?;
    let said = run(&mut victim.run(&["--fail-on", "ungraceful"], "true"))?;
    assert_eq!(said.status.code(), Some(0));
    assert_eq!(said.err, ["sigwhy: no container was terminated"]);
    Ok(())
}

#[test]
fn what_is_still_ending_is_waited_for() -> Outcome {
    let victim = Victim::new("app")?;
    // The command ends at once; the SIGKILL comes later, from somebody else.
    let script = "kill -TERM $P; (sleep 1; kill -KILL $P) >&- 2>&- & exit 0";
    let said = run(&mut victim.run(&["--format", "json"], script))?;
    assert_eq!(said.status.code(), Some(0), "{}", said.err());
    let records = said.records()?;
    let episode = records.first().context("an episode")?;
    assert_eq!(records.len(), 1, "nothing but episodes");
    assert_eq!(episode["state"], "closed");
    assert_eq!(episode["exit_code"], 137);
    Ok(())
}

#[test]
fn waiting_has_an_end() -> Outcome {
    let victim = Victim::new("app")?;
    let options = ["--format", "json", "--grace-after", "300ms"];
    let said = run(&mut victim.run(&options, "kill -TERM $P"))?;
    let records = said.records()?;
    let episode = records.first().context("an episode")?;
    assert_eq!(
        (&episode["state"], &episode["ended"]),
        (&"open".into(), &Value::Null)
    );
    assert_eq!(episode["diagnoses"][0]["id"], "PID1_NO_HANDLER");
    assert_eq!(episode["ungraceful"], true);
    Ok(())
}

#[test]
fn a_command_that_is_left_behind() -> Outcome {
    let script = "echo $$; exec sleep 60 >&- 2>&-";
    let live = Live::spawn(sigwhy().args(["run", "--", "sh", "-c", script]))?;
    let pid = live.line("")?;
    live.signal(Signal::SIGTERM)?;
    let said = live.wait()?;
    kill(Pid::from_raw(pid.parse()?), Signal::SIGKILL).context("it does not run")?;
    assert_eq!(said.status.code(), Some(130));
    let words = format!("it still runs, as process {pid}");
    assert!(said.err().contains(&words), "{}", said.err());
    Ok(())
}

#[test]
fn bad_usage() -> Outcome {
    let said = run(sigwhy().args(["run", "--fail-on", "nonsense", "--", "true"]))?;
    assert_eq!(said.status.code(), Some(2));
    assert!(said.err().contains("pid1-no-handler"), "{}", said.err());
    let said = run(sigwhy().args(["run", "--", "/proc/nonexistent"]))?;
    assert_eq!(said.status.code(), Some(1));
    assert_eq!(
        said.err.last().map(String::as_str),
        Some("sigwhy: cannot start /proc/nonexistent: No such file or directory")
    );
    Ok(())
}
