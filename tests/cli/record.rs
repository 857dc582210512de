//! `record`, and what `replay` and `report` make of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use nix::sys::signal::Signal;
use serde_json::Value;

use super::live::{Live, sigwhy};
use super::story::{Story, of_type};
use crate::harness::slow;

type Outcome = anyhow::Result<()>;

/// A directory of a test's own.
struct Dir(PathBuf);

impl Dir {
    fn new(name: &str) -> anyhow::Result<Self> {
        let dir = std::env::temp_dir().join(format!("sigwhy-{}-{name}", std::process::id()));
        fs::create_dir_all(&dir).with_context(|| dir.display().to_string())?;
        Ok(Self(dir))
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A recorder, once it watches.
fn record(to: &Path, args: &[&str]) -> anyhow::Result<Live> {
    Live::text_of(sigwhy().arg("record").arg("-o").arg(to).args(args))
}

fn run(command: &str, file: &Path, args: &[&str]) -> anyhow::Result<Output> {
    sigwhy()
        .arg(command)
        .args(args)
        .arg(file)
        .env("TZ", "UTC")
        .output()
        .context("starting sigwhy")
}

fn stdout(output: &Output) -> anyhow::Result<String> {
    let err = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{}: {err}", output.status);
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn records(output: &Output) -> anyhow::Result<Vec<Value>> {
    let parse = |line: &str| serde_json::from_str(line).with_context(|| line.to_owned());
    stdout(output)?.lines().map(parse).collect()
}

#[test]
fn what_was_recorded_is_replayed_and_reported() -> Outcome {
    let dir = Dir::new("record")?;
    let file = dir.file("a.zst");
    let recorder = record(&file, &[])?;
    let story = Story::new("rec")?;
    story.tell()?;
    story.finish()?;
    let said = recorder.end()?;
    ensure!(said.out.is_empty(), "{:?}", said.out);
    assert_eq!(said.status.code(), Some(0));

    let replayed = records(&run("replay", &file, &["--format", "json"])?)?;
    assert_eq!(replayed[0]["type"], "start");
    assert_eq!(of_type(&replayed, "stop").count(), 1);
    assert_eq!(
        story.to(&story.init, &replayed),
        [
            "SIGTERM unkillable_init",
            "SIGUSR1 handler",
            "SIGUSR2 unkillable_init",
            "SIGKILL forced_on_init"
        ]
    );
    // Its filters are those of `live`.
    let filtered = run("replay", &file, &["--format", "json", "-s", "USR2"])?;
    let filtered = records(&filtered)?;
    let all = |record: &Value| record["signal"]["name"] == "SIGUSR2";
    ensure!(of_type(&filtered, "signal").count() >= 2 && of_type(&filtered, "signal").all(all));

    let inode = story.inode.to_string();
    let report = run("report", &file, &["--format", "json", "-c", &inode])?;
    let episodes = records(&report)?;
    ensure!(episodes.len() == 1, "{episodes:?}");
    let episode = &episodes[0];
    assert_eq!(episode["type"], "episode");
    assert_eq!(episode["init"]["pid"], story.init.pid());
    assert_eq!(episode["ending"], "killed");
    assert_eq!(episode["host"], replayed[0]["host"]);
    let text = stdout(&run("report", &file, &["-c", &inode])?)?;
    ensure!(text.contains("1 termination, 1 ungraceful"), "{text}");

    // Nobody else's.
    let none = run("report", &file, &["--format", "json", "-c", "1"])?;
    ensure!(records(&none)?.is_empty());
    Ok(())
}

#[test]
fn plain_json_is_as_good() -> Outcome {
    let dir = Dir::new("plain")?;
    let live = Live::json::<&str>([])?;
    let story = Story::new("plain")?;
    story.finish()?;
    let said = live.end()?;
    let file = dir.file("a.json");
    fs::write(&file, said.out.join("\n"))?;
    let inode = story.inode.to_string();
    let by_name = run("report", &file, &["--format", "json", "-c", &inode])?;
    assert_eq!(records(&by_name)?.len(), 1);
    let by_pipe = sigwhy()
        .args(["report", "--format", "json", "-c", &inode, "-"])
        .stdin(fs::File::open(&file)?)
        .output()?;
    assert_eq!(records(&by_pipe)?, records(&by_name)?);
    Ok(())
}

#[test]
fn a_bad_file_does_not_hide_the_others() -> Outcome {
    let dir = Dir::new("beside")?;
    let good = dir.file("good.zst");
    let recorder = record(&good, &[])?;
    let story = Story::new("beside")?;
    story.finish()?;
    recorder.end()?;
    let (empty, missing) = (dir.file("empty"), dir.file("missing"));
    fs::write(&empty, "")?;
    let both = ["-c", &story.inode.to_string()];
    let report = sigwhy()
        .arg("report")
        .args(both)
        .args([&empty, &good, &missing])
        .output()?;
    let text = stdout(&report)?;
    for word in ["1 termination", "holds no records", "No such file"] {
        ensure!(text.contains(word), "no {word:?} in {text}");
    }
    // A pipe is read once only.
    let pipe = sigwhy()
        .args(["report", "/dev/stdin"])
        .args(both)
        .stdin(fs::File::open(&good)?)
        .output()?;
    ensure!(stdout(&pipe)?.contains("1 termination"));
    Ok(())
}

#[test]
fn a_command_that_cannot_start_leaves_no_file() -> Outcome {
    let dir = Dir::new("typo")?;
    let file = dir.file("a");
    let output = sigwhy()
        .args(["record", "-o"])
        .arg(&file)
        .args(["--", "/no/such/command"])
        .output()?;
    assert_eq!(output.status.code(), Some(127));
    let err = String::from_utf8_lossy(&output.stderr);
    ensure!(err.contains("cannot start /no/such/command"), "{err}");
    ensure!(!file.exists());
    Ok(())
}

#[test]
fn a_narrow_recording_says_why_it_tells_nothing() -> Outcome {
    let dir = Dir::new("narrow")?;
    let file = dir.file("a");
    record(&file, &["-s", "USR1"])?.end()?;
    let text = stdout(&run("report", &file, &[])?)?;
    ensure!(text.contains("recorded with --signal SIGUSR1"), "{text}");
    Ok(())
}

/// How often a recorder is killed; 200 were, once, by SIGWHY_TEST_KILLS.
const KILLS: u32 = 4;

#[test]
fn a_killed_recorder_loses_half_a_second_at_most() -> Outcome {
    let kills = std::env::var("SIGWHY_TEST_KILLS").map_or(Ok(KILLS), |n| n.parse())?;
    let dir = Dir::new("kills")?;
    for n in 0..kills {
        let story = Story::new("kills")?;
        let file = dir.file(&format!("{n}.zst"));
        let recorder = record(&file, &[])?;
        story.tell()?;
        let told = Instant::now();
        // What is older must be there; what comes meanwhile may be.
        let wait =
            slow(Duration::from_millis(1_000)) + Duration::from_millis(u64::from(n * 37 % 500));
        while told.elapsed() < wait {
            story.host.kill(story.init.pid(), libc::SIGUSR1)?;
            thread::sleep(Duration::from_micros(200));
        }
        recorder.signal(Signal::SIGKILL)?;
        recorder.wait()?;
        let replay = run("replay", &file, &["--format", "json"])?;
        let seen = story.to(&story.inside, &records(&replay)?);
        ensure!(seen == ["SIGUSR2 ignored"], "{n}: {seen:?}");
        let notes = String::from_utf8_lossy(&replay.stderr);
        ensure!(notes.contains("it has no end"), "{notes}");
        ensure!(!notes.contains("could not be read"), "{n}: {notes}");
        fs::remove_file(&file)?;
    }
    Ok(())
}

#[test]
fn files_that_are_no_recordings_are_told_of_in_one_line() -> Outcome {
    let dir = Dir::new("foreign")?;
    let text = dir.file("text");
    fs::write(&text, "Dear diary,\nno signals today.\n")?;
    let empty = dir.file("empty");
    fs::write(&empty, "")?;
    let missing = dir.file("missing");
    for command in ["report", "replay"] {
        for file in [&text, &empty, &missing, &dir.0] {
            let output = run(command, file, &[])?;
            assert_eq!(output.status.code(), Some(1), "{}", file.display());
            let err = String::from_utf8_lossy(&output.stderr);
            assert_eq!(err.lines().count(), 1, "{err}");
            ensure!(output.stdout.is_empty(), "{err}");
        }
    }
    Ok(())
}

#[test]
fn an_existing_file_is_left_alone() -> Outcome {
    let dir = Dir::new("exists")?;
    let file = dir.file("a");
    fs::write(&file, "precious")?;
    let output = sigwhy()
        .args(["record", "--duration", "1s", "-o"])
        .arg(&file)
        .stdout(Stdio::piped())
        .output()?;
    assert_eq!(output.status.code(), Some(1));
    let err = String::from_utf8_lossy(&output.stderr);
    ensure!(err.contains("exists"), "{err}");
    assert_eq!(fs::read_to_string(&file)?, "precious");
    Ok(())
}
