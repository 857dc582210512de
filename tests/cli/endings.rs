//! How `live` ends, and with which exit code.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use nix::sys::signal::Signal::{SIGINT, SIGKILL, SIGTERM};
use nix::sys::signal::kill;
use nix::unistd::Pid;

use crate::harness::slow;

use super::live::{Live, Said, ended, run, run_into, sigwhy};
use super::story::{Story, of_type};

type Outcome = anyhow::Result<()>;

/// A filter that lets nothing through: no PID namespace has this inode.
const NOTHING: [&str; 2] = ["-c", "pidns-1"];

#[test]
fn after_so_many_signals() -> Outcome {
    let story = Story::new("cli-count")?;
    let inode = story.inode.to_string();
    let live = Live::json(["-c", &inode, "--count", "1"])?;
    story.tell()?;
    let said = live.wait()?;
    assert_eq!(said.status.code(), Some(0));
    let records = said.records()?;
    assert_eq!(of_type(&records, "signal").count(), 1);
    Ok(())
}

#[test]
fn after_so_long() -> Outcome {
    let begun = Instant::now();
    let live = Live::json(["--duration", "300ms", "-c", "pidns-1"])?;
    let said = live.wait()?;
    assert_eq!(said.status.code(), Some(0));
    let took = begun.elapsed();
    assert!(
        took >= Duration::from_millis(300) && took < slow(Duration::from_secs(5)),
        "{took:?}"
    );
    assert_eq!(said.records()?.len(), 3, "start, loss, stop");
    Ok(())
}

#[test]
fn when_its_reader_has_seen_enough() -> Outcome {
    let mut child = sigwhy()
        .args(["live", "--all", "--format", "json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("starting sigwhy")?;
    let mut out = BufReader::new(child.stdout.take().context("no stdout")?);
    let mut first = String::new();
    out.read_line(&mut first)?;
    assert!(first.contains("\"start\""), "{first}");
    drop(out);
    // Something to write: what it then learns is that nobody reads.
    let story = Story::new("cli-head")?;
    story.tell()?;
    let status = ended(&mut child)?;
    assert_eq!(status.code(), Some(0));
    let err = std::io::read_to_string(child.stderr.take().context("no stderr")?)?;
    assert_eq!(err, "");
    Ok(())
}

#[test]
fn with_the_exit_code_of_the_command() -> Outcome {
    for (script, code) in [("exit 7", 7), ("kill -9 $$", 137), ("exit 0", 0)] {
        let said = run(sigwhy()
            .arg("live")
            .args(NOTHING)
            .args(["--", "sh", "-c", script]))?;
        assert_eq!(said.status.code(), Some(code), "{script}: {:?}", said.err);
    }
    Ok(())
}

#[test]
fn a_command_is_traced_from_its_first_signal_on() -> Outcome {
    let script = "kill -USR1 $$; exit 3";
    let said = run(sigwhy()
        .args(["live", "--format", "json", "--host"])
        .args(["--signal", "USR1", "--", "sh", "-c", script]))?;
    // USR1 ends the shell before it exits by itself.
    assert_eq!(said.status.code(), Some(128 + 10));
    let records = said.records()?;
    let own = |r: &&serde_json::Value| {
        r["target"]["comm"] == "sh" && r["target"]["pid"] == r["sender"]["pid"]
    };
    let fatal = of_type(&records, "signal")
        .find(own)
        .context("its own signal")?;
    assert_eq!(fatal["outcome"], "fatal");
    Ok(())
}

#[test]
fn a_command_that_is_not_there() -> Outcome {
    let said = run(sigwhy()
        .arg("live")
        .args(NOTHING)
        .args(["--", "/proc/nonexistent"]))?;
    assert_eq!(said.status.code(), Some(127));
    let last = said.err.last().context("it says something")?;
    assert_eq!(
        last,
        "sigwhy: cannot start /proc/nonexistent: No such file or directory"
    );
    Ok(())
}

#[test]
fn ctrl_c_before_anything_came() -> Outcome {
    let said = Live::text(NOTHING)?.end()?;
    assert_eq!(said.status.code(), Some(130));
    assert_eq!(said.out, [""; 0]);
    assert!(
        said.err().contains("no signals\nnothing lost"),
        "{:?}",
        said.err
    );
    Ok(())
}

#[test]
fn ctrl_c_after_something_came_that_is_no_signal() -> Outcome {
    let story = Story::new("cli-deliv")?;
    let inode = story.inode.to_string();
    // No signal is `handled` when it is sent.
    let live = Live::json(["--all", "--outcome", "handled", "-c", &inode])?;
    story.tell()?;
    live.record(|record| record["type"] == "deliver")?;
    let said = live.end()?;
    assert_eq!(said.status.code(), Some(0));
    assert_eq!(of_type(&said.records()?, "signal").count(), 0);
    Ok(())
}

#[test]
fn ctrl_c_and_sigterm_after_something_came() -> Outcome {
    for signal in [SIGINT, SIGTERM] {
        let story = Story::new("cli-ctrlc")?;
        let live = Live::text(["-c", &story.inode.to_string()])?;
        story.tell()?;
        live.line("SIGTERM")?;
        live.signal(signal)?;
        let said = live.wait()?;
        assert_eq!(said.status.code(), Some(0), "{signal}");
        let err = said.err();
        assert!(
            err.contains("DROPPED") && err.contains("nothing lost"),
            "{err}"
        );
        assert!(err.contains(&format!("pidns-{}", story.inode)), "{err}");
    }
    Ok(())
}

#[test]
fn a_full_disk_starts_no_command() -> Outcome {
    let full = File::options().write(true).open("/dev/full")?;
    let said = run_into(
        sigwhy()
            .args(["live", "--format", "json"])
            .args(NOTHING)
            .args(["--", "sh", "-c", "echo started >&2"]),
        full,
    )?;
    assert_eq!(said.status.code(), Some(1));
    // Behind it, perhaps, that the filter takes nobody.
    let error = "sigwhy: writing the output: No space left on device";
    assert_eq!(said.err.last().map(String::as_str), Some(error));
    Ok(())
}

/// A command that outlives the tracing, hears no Ctrl-C, and does not hold the
/// pipes that a test reads to their ends.
const LONG: [&str; 4] = [
    "--",
    "sh",
    "-c",
    "trap '' INT; exec sleep 60 >/dev/null 2>&1",
];

/// The command of which it said that it still runs, as the last of its words;
/// it does, until here.
fn still_runs(said: &Said) -> Outcome {
    assert_eq!(said.status.code(), Some(0), "{:?}", said.err);
    let last = said.err.last().context("it says something")?;
    let pid: i32 = last
        .strip_prefix("sigwhy: sh (pid ")
        .and_then(|rest| rest.strip_suffix(") still runs"))
        .with_context(|| last.clone())?
        .parse()?;
    kill(Pid::from_raw(pid), SIGKILL).context("it does not run")
}

#[test]
fn by_time_while_the_command_still_runs() -> Outcome {
    let args = ["live", "-d", "500ms"];
    still_runs(&run(sigwhy().args(args).args(NOTHING).args(LONG))?)
}

#[test]
fn by_count_while_the_command_still_runs() -> Outcome {
    let story = Story::new("cli-count2")?;
    let inode = story.inode.to_string();
    let live = Live::text(["-n", "1", "-c", &inode].iter().chain(&LONG))?;
    story.tell()?;
    let said = live.wait()?;
    assert_eq!(said.out.len(), 1, "{:?}", said.out);
    still_runs(&said)
}

#[test]
fn by_signals_while_the_command_still_runs() -> Outcome {
    // The `start` record comes just before the command.
    let soon = Duration::from_millis(300);
    let live = Live::json(NOTHING.iter().chain(&LONG))?;
    thread::sleep(soon);
    live.signal(SIGTERM)?;
    still_runs(&live.wait()?)?;

    let live = Live::json(NOTHING.iter().chain(&LONG))?;
    thread::sleep(soon);
    live.signal(SIGINT)?;
    thread::sleep(soon);
    // The first one is the command's: a process that has ended has no file.
    fs::read_link(format!("/proc/{}/exe", live.pid())).context("the first one ended it")?;
    live.signal(SIGINT)?;
    still_runs(&live.wait()?)
}
