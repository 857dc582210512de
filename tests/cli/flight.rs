//! `record --flight-recorder`, and recordings that are damaged in the middle.

use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use nix::sys::signal::Signal;
use serde_json::Value;

use super::live::{Live, sigwhy};
use super::story::{Story, of_type};
use crate::harness::slow;

type Outcome = anyhow::Result<()>;

struct File(PathBuf);

impl File {
    fn new(name: &str) -> Self {
        Self(std::env::temp_dir().join(format!("sigwhy-{}-{name}", std::process::id())))
    }

    fn recorder(&self, args: &[&str]) -> anyhow::Result<Live> {
        Live::text_of(sigwhy().args(["record", "-o"]).arg(&self.0).args(args))
    }

    fn read(&self, command: &str, args: &[&str]) -> anyhow::Result<(String, String)> {
        let output = sigwhy().arg(command).args(args).arg(&self.0).output()?;
        let err = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(output.status.success(), "{err}");
        Ok((String::from_utf8_lossy(&output.stdout).into_owned(), err))
    }

    fn records(&self) -> anyhow::Result<Vec<Value>> {
        let (out, _) = self.read("replay", &["--format", "json"])?;
        let parse = |line: &str| serde_json::from_str(line).with_context(|| line.to_owned());
        out.lines().map(parse).collect()
    }

    /// The terminations of one PID namespace. Where the story is told slowly, its
    /// SIGTERM from inside is an episode of its own, which is no end.
    fn episodes(&self, inode: u64) -> anyhow::Result<Vec<Value>> {
        let args = ["--format", "json", "-c", &inode.to_string()];
        let (out, _) = self.read("report", &args)?;
        let parse = |line: &str| serde_json::from_str(line).with_context(|| line.to_owned());
        let mut all: Vec<Value> = out.lines().map(parse).collect::<anyhow::Result<_>>()?;
        all.retain(|episode| episode["ending"] != "lives_on");
        Ok(all)
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

const FLY: [&str; 2] = ["--flight-recorder=5m", "--flight-memory=4M"];

#[test]
fn a_flight_recorder_writes_what_came_before_a_bad_end_and_nobody_elses() -> Outcome {
    let file = File::new("flight");
    let recorder = file.recorder(&FLY)?;
    let (bad, other) = (Story::new("fly-bad")?, Story::new("fly-good")?);
    bad.tell()?;
    other.tell()?;
    // Half a second and more before the end: a plain recorder has written it by now.
    // And less than the five seconds after which it is told that it lives on.
    thread::sleep(Duration::from_millis(700));
    bad.finish()?;
    // Told 1.2 s after the end, while the recorder still runs.
    let end = Instant::now() + slow(Duration::from_secs(20));
    loop {
        let records = file.records()?;
        if bad.to(&bad.init, &records).len() == 4 {
            break;
        }
        ensure!(Instant::now() < end, "not written: {records:?}");
        thread::sleep(Duration::from_millis(200));
    }
    let said = recorder.end()?;
    assert_eq!(said.status.code(), Some(0), "{}", said.err());
    let records = file.records()?;
    let start = of_type(&records, "start").next().context("no start")?;
    assert_eq!(start["flight_recorder"]["window_ns"], 300_000_000_000u64);
    let all = [
        "SIGTERM unkillable_init",
        "SIGUSR1 handler",
        "SIGUSR2 unkillable_init",
        "SIGKILL forced_on_init",
    ];
    assert_eq!(bad.to(&bad.init, &records), all);
    let preroll = of_type(&records, "preroll")
        .find(|record| record["container"]["pid_ns"] == bad.inode)
        .context("no preroll")?;
    ensure!(
        preroll["whole"] == true && preroll["forgotten"] == 0,
        "{preroll}"
    );
    let episodes = file.episodes(bad.inode)?;
    ensure!(
        episodes.len() == 1 && episodes[0]["complete"] == true,
        "{episodes:?}"
    );
    let (text, _) = file.read("report", &[])?;
    ensure!(
        text.contains("a flight recorder, with the last 5 min"),
        "{text}"
    );
    drop(other);
    Ok(())
}

#[test]
fn a_flight_recorder_that_saw_nothing_bad_has_nothing_until_it_is_asked() -> Outcome {
    let file = File::new("flight-ask");
    // Other tests end containers badly: an occasion that none of them makes.
    let only = [FLY[0], FLY[1], "--occasion=zap-wait-pidref"];
    let recorder = file.recorder(&only)?;
    let story = Story::new("fly-ask")?;
    story.tell()?;
    story.finish()?;
    thread::sleep(slow(Duration::from_secs(2)));
    let to_init = |records: &[Value]| story.to(&story.init, records).len();
    assert_eq!(to_init(&file.records()?), 0);
    recorder.signal(Signal::SIGUSR1)?;
    let end = Instant::now() + slow(Duration::from_secs(20));
    while to_init(&file.records()?) != 4 {
        ensure!(Instant::now() < end, "not written");
        thread::sleep(Duration::from_millis(200));
    }
    // Whatever ends the recorder, what was written can be read.
    recorder.signal(Signal::SIGKILL)?;
    recorder.wait()?;
    assert_eq!(to_init(&file.records()?), 4);
    let episodes = file.episodes(story.inode)?;
    ensure!(episodes.len() == 1, "{episodes:#?}");
    Ok(())
}

/// Whether this process has SIGHUP ignored, and so whatever it starts.
fn ignores_hangups() -> anyhow::Result<bool> {
    let status = fs::read_to_string("/proc/self/status")?;
    let mask = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .context("no SigIgn")?;
    Ok(u64::from_str_radix(mask.trim(), 16)? & 1 != 0)
}

#[test]
fn a_hangup_ends_a_recorder_with_its_end() -> Outcome {
    let file = File::new("hangup");
    let recorder = file.recorder(&[])?;
    recorder.signal(Signal::SIGHUP)?;
    // Under nohup, which it inherits from whoever runs the tests, it goes on.
    if ignores_hangups()? {
        recorder.signal(Signal::SIGTERM)?;
    }
    let said = recorder.wait()?;
    assert_eq!(said.status.code(), Some(0), "{}", said.err());
    assert_eq!(of_type(&file.records()?, "stop").count(), 1);
    Ok(())
}

#[test]
fn damage_in_the_middle_makes_what_is_over_it_incomplete() -> Outcome {
    let file = File::new("middle");
    let recorder = file.recorder(&["--sync"])?;
    let story = Story::new("middle")?;
    story.tell()?;
    story.finish()?;
    recorder.end()?;
    let whole = file.episodes(story.inode)?;
    ensure!(
        whole.len() == 1 && whole[0]["complete"] == true,
        "{whole:?}"
    );
    // As lines, of which one is damaged before the SIGKILL.
    let (text, _) = file.read("replay", &["--format", "json", "--no-episodes", "--all"])?;
    let mut lines: Vec<&str> = text.lines().collect();
    let pid = format!("\"pid\":{}", story.init.pid());
    let kill = lines
        .iter()
        .position(|line| line.contains(&pid) && line.contains("forced_on_init"))
        .context("no SIGKILL")?;
    lines.insert(kill, "{\"type\":\"signal\",\"ts\":cut");
    fs::write(&file.0, lines.join("\n"))?;
    let damaged = file.episodes(story.inode)?;
    ensure!(
        damaged.len() == 1 && damaged[0]["complete"] == false,
        "{damaged:?}"
    );
    Ok(())
}

/// The stop signal of httpd's images.
#[test]
fn a_sigwinch_to_an_init_is_recorded_and_one_to_others_is_not() -> Outcome {
    let file = File::new("winch");
    let recorder = file.recorder(&[])?;
    let story = Story::new("winch")?;
    story.host.kill(story.init.pid(), libc::SIGWINCH)?;
    story.host.kill(story.inside.pid(), libc::SIGWINCH)?;
    story.finish()?;
    recorder.end()?;
    let records = file.records()?;
    let to = |target| story.to(target, &records);
    assert_eq!(to(&story.init)[0], "SIGWINCH default_ignore");
    ensure!(
        !to(&story.inside)
            .iter()
            .any(|line| line.starts_with("SIGWINCH"))
    );
    Ok(())
}
