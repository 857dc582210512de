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
fn a_check_of_nobody_does_not_pass() -> Outcome {
    let nobody = ["run", "-c", "no-such-container"];
    let said = run(sigwhy().args(nobody).args(["--", "true"]))?;
    assert_eq!(said.status.code(), Some(0));
    let what = "sigwhy: no container is or was one of --container no-such-container";
    let more = " (more: sigwhy explain no-such-container)";
    assert_eq!(said.err, [format!("{what}{more}")]);
    let check = |code: &str, expected: i32| -> Outcome {
        let mut command = sigwhy();
        command.args(nobody).args(["--fail-on", "ungraceful", "--"]);
        let said = run(command.args(["sh", "-c", &format!("exit {code}")]))?;
        assert_eq!(said.status.code(), Some(expected), "{}", said.err());
        let whole = format!("{what}: --fail-on had nothing to judge{more}");
        assert_eq!(said.err, [whole]);
        Ok(())
    };
    check("0", 1)?;
    // The command's own failure says more.
    check("7", 7)
}

#[test]
fn a_container_that_comes_and_goes_with_the_command_is_judged() -> Outcome {
    let dir = std::env::temp_dir().join(format!("sigwhy-brief-{}", std::process::id()));
    std::fs::create_dir_all(&dir)?;
    let name = "brief-life";
    let program = dir.join(name);
    // Any program that ends by itself: a busybox would go by the name.
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_sigwhy"), &program)?;
    let said = run(sigwhy()
        .args(["run", "-c", name, "--fail-on", "ungraceful", "--"])
        .args(["unshare", "-fp"])
        .arg(&program)
        .args(["lab", "list"]));
    std::fs::remove_dir_all(&dir)?;
    let said = said?;
    assert_eq!(said.status.code(), Some(0), "{}", said.err());
    Ok(())
}

#[test]
fn a_command_that_cannot_be_run_has_a_shells_code() -> Outcome {
    for (command, code, why) in [
        ("/proc/nonexistent", 127, "No such file or directory"),
        ("/proc/version", 126, "Permission denied"),
    ] {
        let said = run(sigwhy().args(["run", "--", command]))?;
        assert_eq!(said.status.code(), Some(code), "{}", said.err());
        assert_eq!(said.err, [format!("sigwhy: cannot start {command}: {why}")]);
    }
    Ok(())
}

#[test]
fn an_open_story_and_its_end_have_one_diagnosis() -> Outcome {
    let victim = Victim::new("bash")?;
    let options = ["--format", "json", "--grace-after", "300ms"];
    let said = run(&mut victim.run(&options, "kill -TERM $P"))?;
    let records = said.records()?;
    let episode = records.first().context("an episode")?;
    assert_eq!(episode["state"], "open");
    assert_eq!(episode["diagnoses"][0]["id"], "PID1_SHELL_WRAPPER");
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
    Ok(())
}
