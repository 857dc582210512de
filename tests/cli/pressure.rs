//! What it costs when nothing happens, and what it says when too much does.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStdout, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use libc::SIGUSR2;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use super::live::{Live, ended, sigwhy};
use super::story::{Story, of_type};
use crate::harness::slow;

type Outcome = anyhow::Result<()>;

/// Ticks of processor time that a process has used, user and system.
fn ticks(pid: u32) -> anyhow::Result<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // Field 14 and 15; the second, which may hold anything, ends with ")".
    let (_, rest) = stat.rsplit_once(')').context("a stat line")?;
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    Ok(fields[11].parse::<u64>()? + fields[12].parse::<u64>()?)
}

#[test]
fn nothing_to_tell_costs_nothing() -> Outcome {
    let live = Live::json(["-c", "pidns-1"])?;
    let mut least = u64::MAX;
    // Other tests end PID namespaces, whose SIGKILLs pass every filter: one
    // quiet second is enough.
    for _ in 0..5 {
        let before = ticks(live.pid())?;
        thread::sleep(Duration::from_secs(1));
        least = least.min(ticks(live.pid())? - before);
        if least <= 1 {
            return Ok(());
        }
    }
    ensure!(least <= 1, "{least} ticks in the quietest second");
    Ok(())
}

#[test]
fn it_watches_within_a_second() -> Outcome {
    let mut best = Duration::MAX;
    for _ in 0..5 {
        let begun = Instant::now();
        let live = Live::json(["-c", "pidns-1"])?;
        best = best.min(begun.elapsed());
        live.end()?;
        // The unoptimized build reads the kernel's types many times slower.
        let limit = if cfg!(debug_assertions) { 3 } else { 1 };
        if best <= slow(Duration::from_secs(limit)) {
            return Ok(());
        }
    }
    ensure!(false, "the fastest of five starts took {best:?}");
    Ok(())
}

/// Signals of the flood: their records would fill the ring twice over, since
/// one of a container takes 464 bytes of its 4 MiB.
const FLOOD: usize = 25_000;

/// Sends the flood, slowly enough for the watchers of other tests.
fn flood(target: i32) -> anyhow::Result<()> {
    for _ in 0..FLOOD / 250 {
        for _ in 0..250 {
            kill(Pid::from_raw(target), Signal::SIGUSR2).context("flooding")?;
        }
        thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}

#[test]
fn a_reader_that_stopped_costs_records_but_not_the_count_of_them() -> Outcome {
    let story = Story::new("cli-flood")?;
    let inode = story.inode.to_string();
    let mut child = sigwhy()
        .args(["live", "--format", "json", "-c", &inode])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("starting sigwhy")?;
    let mut out = BufReader::new(child.stdout.take().context("no stdout")?);
    let mut first = String::new();
    out.read_line(&mut first)?;
    assert!(first.contains("\"start\""), "{first}");

    // Nobody reads from here on. USR2 is ignored by `inside`: every one leaves
    // a record and nothing else.
    flood(story.inside.pid())?;
    story.finish()?;

    let pid = Pid::from_raw(i32::try_from(child.id())?);
    let reader = thread::spawn(move || {
        let lines: Vec<String> = out.lines().map_while(Result::ok).collect();
        lines
    });
    // Long enough for the loss to be told while it still runs.
    thread::sleep(Duration::from_millis(2500));
    kill(pid, Signal::SIGINT).context("ending sigwhy")?;
    let status = ended(&mut child)?;
    assert_eq!(status.code(), Some(0));
    let lines = reader.join().expect("the reader does not panic");
    let records: Vec<Value> = lines
        .iter()
        .map(|line| serde_json::from_str(line).with_context(|| line.clone()))
        .collect::<Result<_, _>>()?;
    let err = std::io::read_to_string(child.stderr.take().context("no stderr")?)?;

    let loss = of_type(&records, "loss").last().context("a loss record")?;
    let of = |name: &str| loss[name].as_u64().expect("a count");
    assert!(of("ring_full") > 0, "{loss}");
    assert_eq!(
        of("kernel_seen"),
        of("filtered") + of("submitted") + of("ring_full"),
        "{loss}"
    );
    assert_eq!(of("received"), of("submitted"), "{loss}");
    let shown = of_type(&records, "signal")
        .filter(|r| r["target"]["pid"] == story.inside.pid())
        .filter(|r| r["signal"]["number"] == SIGUSR2)
        .count();
    assert!(shown > FLOOD / 8 && shown < FLOOD, "{shown}");
    assert!(err.contains("events are lost"), "{err:?}");

    // What matters has a ring of its own.
    let fatal = |r: &&Value| {
        r["target"]["pid"] == story.init.pid()
            && r["signal"]["name"] == "SIGKILL"
            && r["outcome"] == "fatal"
    };
    assert!(
        of_type(&records, "signal").any(|r| fatal(&r)),
        "the SIGKILL was lost"
    );
    Ok(())
}

/// How long after a Ctrl-C nobody may be kept waiting for a reader that reads
/// nothing.
const STUCK: Duration = Duration::from_secs(3);

/// A `sigwhy` with more to write than its pipe takes, whose reader has stopped
/// after the `start` record.
fn stuck(tag: &str) -> anyhow::Result<(Child, BufReader<ChildStdout>)> {
    let story = Story::new(tag)?;
    let mut child = sigwhy()
        .args(["live", "--format", "json", "-c", &story.inode.to_string()])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("starting sigwhy")?;
    let mut out = BufReader::new(child.stdout.take().context("no stdout")?);
    out.read_line(&mut String::new())?;
    flood(story.inside.pid())?;
    Ok((child, out))
}

fn signal(child: &Child, signal: Signal) -> anyhow::Result<()> {
    kill(Pid::from_raw(i32::try_from(child.id())?), signal).context("signalling sigwhy")
}

/// The one line that it says at the end, after those about losses.
fn last_word(child: &mut Child) -> anyhow::Result<String> {
    let err = std::io::read_to_string(child.stderr.take().context("no stderr")?)?;
    let rest: Vec<&str> = err
        .lines()
        .filter(|line| !line.contains("events are lost so far"))
        .collect();
    ensure!(rest.len() <= 1, "{err}");
    Ok(rest.concat())
}

#[test]
fn a_reader_that_stopped_does_not_keep_it_from_ending() -> Outcome {
    let (mut child, _out) = stuck("cli-stuck")?;
    let before = ticks(child.id())?;
    thread::sleep(Duration::from_millis(500));
    let used = ticks(child.id())? - before;
    ensure!(used <= 1, "{used} ticks while there is nothing to do");

    let begun = Instant::now();
    signal(&child, Signal::SIGINT)?;
    let status = ended(&mut child)?;
    let took = begun.elapsed();
    ensure!(took < slow(STUCK), "{took:?}");
    assert_eq!(status.code(), Some(0));
    let word = last_word(&mut child)?;
    let bytes: usize = word
        .strip_prefix("sigwhy: up to ")
        .and_then(|rest| rest.split_once(" bytes were not written"))
        .with_context(|| word.clone())?
        .0
        .parse()?;
    // The queue, and at most one batch more.
    ensure!((1 << 20..6 << 20).contains(&bytes), "{word}");
    ensure!(word.ends_with(": nobody reads the output"), "{word}");
    Ok(())
}

#[test]
fn a_second_signal_ends_it_at_once() -> Outcome {
    let (mut child, _out) = stuck("cli-twice")?;
    signal(&child, Signal::SIGINT)?;
    // So short that the first one's patience cannot be over.
    thread::sleep(Duration::from_millis(200));
    let begun = Instant::now();
    signal(&child, Signal::SIGTERM)?;
    let status = ended(&mut child)?;
    let took = begun.elapsed();
    ensure!(took < slow(Duration::from_millis(800)), "{took:?}");
    assert_eq!(status.code(), Some(0));
    ensure!(last_word(&mut child)?.contains("bytes were not written"));
    Ok(())
}

#[test]
fn a_reader_that_leaves_after_a_stop() -> Outcome {
    let (mut child, out) = stuck("cli-leave")?;
    drop(out);
    assert_eq!(ended(&mut child)?.code(), Some(0));
    assert_eq!(last_word(&mut child)?, "");
    Ok(())
}

#[test]
fn one_full_pipe_for_both_outputs() -> Outcome {
    let story = Story::new("cli-both")?;
    let (reader, pipe) = std::io::pipe()?;
    let mut child = sigwhy()
        .args(["live", "-c", &story.inode.to_string()])
        .stdout(pipe.try_clone()?)
        .stderr(pipe)
        .spawn()
        .context("starting sigwhy")?;
    let mut out = BufReader::new(reader);
    out.read_line(&mut String::new())?;
    flood(story.inside.pid())?;
    let begun = Instant::now();
    signal(&child, Signal::SIGINT)?;
    let status = ended(&mut child)?;
    let took = begun.elapsed();
    ensure!(took < slow(STUCK), "{took:?}");
    assert_eq!(status.code(), Some(0));
    Ok(())
}
