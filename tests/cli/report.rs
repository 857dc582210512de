//! Which terminations `report` tells, and of the recordings of two hosts: its
//! filters, on four stops that are made of a real one (`tests/import/stop.zst`).

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

use super::live::sigwhy;

type Outcome = anyhow::Result<()>;

/// The PID namespace that was stopped, among what else happened on that machine.
const INODE: u64 = 4_026_532_180;

/// The hour in which that was.
const HOUR: u64 = 2;

/// The records of the stop: SIGTERM for a shell without a handler, SIGKILL two
/// seconds later, and three workers that die with it.
fn of_the_stop() -> anyhow::Result<Vec<Value>> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let nth = COUNT.fetch_add(1, Ordering::Relaxed);
    // In a guest the sources are not there.
    let file = format!("sigwhy-stop-{}-{nth}.zst", std::process::id());
    let file = std::env::temp_dir().join(file);
    fs::write(&file, include_bytes!("../import/stop.zst"))?;
    let output = sigwhy()
        .args(["replay", "--format", "json", "--all"])
        .arg(&file)
        .output()?;
    fs::remove_file(&file)?;
    let err = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{}: {err}", output.status);
    let inode = |record: &Value, at: &str| record.pointer(at).and_then(Value::as_u64);
    let is_of = |record: &Value| {
        let namespaces = ["/target/pid_ns", "/process/pid_ns", "/init/pid_ns"];
        record["type"] == "start"
            || (record["type"] != "episode"
                && namespaces.iter().any(|at| inode(record, at) == Some(INODE)))
    };
    let text = String::from_utf8(output.stdout)?;
    let records = text
        .lines()
        .map(serde_json::from_str)
        .collect::<Result<Vec<Value>, _>>()?;
    Ok(records.into_iter().filter(is_of).collect())
}

/// The same in another hour of that day.
fn at(hour: u64, record: &mut Value) {
    let later = (hour - HOUR) * 3_600_000_000_000;
    match record {
        Value::Object(fields) => {
            for (key, value) in fields {
                match (key.as_str(), value.as_u64()) {
                    ("mono_ns" | "start_ns" | "generated_mono_ns", Some(ns)) => {
                        *value = json!(ns + later);
                    }
                    _ => at(hour, value),
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(|value| at(hour, value)),
        Value::String(text) => {
            let (old, new) = (format!("T{HOUR:02}:09:"), format!("T{hour:02}:09:"));
            *text = text.replace(&old, &new);
        }
        _ => {}
    }
}

/// How a stop goes.
#[derive(Clone, Copy, PartialEq)]
enum How {
    /// SIGTERM is dropped, and SIGKILL follows, as it was.
    Killed,
    /// A handler takes SIGQUIT and ends; its workers are cut off.
    CutOff,
    /// The same, and no worker minds.
    Healthy,
}

fn goes(how: How, record: &mut Value) -> bool {
    if how == How::Killed {
        return true;
    }
    let to_init = record["target"]["ns_pid"] == 1 && record["type"] == "signal";
    if to_init && record["signal"]["number"] == 9 {
        return false;
    }
    if to_init {
        record["signal"]["number"] = json!(3);
        record["signal"]["name"] = json!("SIGQUIT");
        record["target"]["disposition"] = json!("handler");
        record["result"] = json!("delivered");
        record["outcome"] = json!("queued");
        record["reason"] = json!("handler");
    }
    if record["type"] == "exit" && record["process"]["ns_pid"] == 1 {
        record["exit_code"] = json!(0);
        record["signal"] = Value::Null;
    }
    if let Some(victims) = record.get_mut("killed").and_then(Value::as_array_mut) {
        for victim in victims {
            victim["had_sigterm_handler"] = json!(how == How::CutOff);
        }
    }
    true
}

/// Recordings of a host each, in a directory of a test's own.
struct Recordings {
    dir: PathBuf,
    files: Vec<PathBuf>,
}

impl Recordings {
    /// `node-a` at 10 and 12 o'clock, `node-b` at 11 and 13; given with the later one
    /// first.
    fn new(name: &str) -> anyhow::Result<Self> {
        let dir = std::env::temp_dir().join(format!("sigwhy-{}-{name}", std::process::id()));
        fs::create_dir_all(&dir)?;
        let mut recordings = Self {
            dir,
            files: Vec::new(),
        };
        recordings.write("node-b", &[(11, How::Killed), (13, How::CutOff)])?;
        recordings.write("node-a", &[(10, How::Killed), (12, How::Healthy)])?;
        Ok(recordings)
    }

    fn write(&mut self, host: &str, stops: &[(u64, How)]) -> Outcome {
        let mut text = String::new();
        for (hour, how) in stops {
            for mut record in of_the_stop()? {
                // One recording, with one begin.
                if record["type"] == "start" && !text.is_empty() {
                    continue;
                }
                at(*hour, &mut record);
                if record["type"] == "start" {
                    record["host"] = json!(host);
                }
                if goes(*how, &mut record) {
                    text.push_str(&format!("{record}\n"));
                }
            }
        }
        let file = self.dir.join(format!("{host}.json"));
        fs::write(&file, text)?;
        self.files.push(file);
        Ok(())
    }

    fn report(&self, args: &[&str]) -> anyhow::Result<String> {
        let output = sigwhy()
            .arg("report")
            .args(args)
            .args(&self.files)
            .env("TZ", "UTC")
            .output()
            .context("starting sigwhy")?;
        let err = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{}: {err}", output.status);
        Ok(String::from_utf8(output.stdout)?)
    }

    /// What is told under these filters: `HOST HOUR CAUSE`, the worst first.
    fn told(&self, args: &[&str]) -> anyhow::Result<Vec<String>> {
        let json = ["--format", "json"];
        let text = self.report(&[&json, args].concat())?;
        let line = |line: &str| {
            let episode: Value = serde_json::from_str(line)?;
            let word = |at: &str| episode.pointer(at).and_then(Value::as_str);
            let host = word("/host").context("a host")?;
            let began = word("/began/ts").context("a time")?;
            let cause = word("/diagnoses/0/id").unwrap_or("-");
            Ok(format!("{host} {} {cause}", &began[11..13]))
        };
        text.lines().map(line).collect()
    }
}

impl Drop for Recordings {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.dir);
    }
}

const TEN: &str = "node-a 10 PID1_SHELL_WRAPPER";
const ELEVEN: &str = "node-b 11 PID1_SHELL_WRAPPER";
const TWELVE: &str = "node-a 12 -";
const THIRTEEN: &str = "node-b 13 SHELL_EXITS_FIRST";

/// Equal waste is told by time, whichever recording was given first.
#[test]
fn the_recordings_of_two_hosts_are_one() -> Outcome {
    let recordings = Recordings::new("merge")?;
    assert_eq!(recordings.told(&[])?, [TEN, ELEVEN, THIRTEEN, TWELVE]);
    assert_eq!(recordings.told(&["--limit", "1"])?, [TEN]);
    let text = recordings.report(&[])?;
    for words in [
        "node-a.json: ",
        " records of node-a (",
        " records of node-b (",
        "4 terminations, 3 ungraceful",
        "\n2      4.0 s   pid1-shell-wrapper ",
        "\n1      -       shell-exits-first ",
    ] {
        ensure!(text.contains(words), "no {words:?} in\n{text}");
    }
    Ok(())
}

#[test]
fn by_time() -> Outcome {
    let recordings = Recordings::new("time")?;
    let noon = "2026-11-23T12:00Z";
    assert_eq!(recordings.told(&["--since", noon])?, [THIRTEEN, TWELVE]);
    assert_eq!(recordings.told(&["--until", noon])?, [TEN, ELEVEN]);
    // Here TZ is UTC.
    let between = ["--since", "2026-11-23 10:30", "--until", "2026-11-23 11:30"];
    assert_eq!(recordings.told(&between)?, [ELEVEN]);
    // What was under way counts for both: it was from 25 to 28 seconds.
    let during = "2026-11-23T10:09:26Z";
    assert_eq!(recordings.told(&["--until", during])?, [TEN]);
    assert_eq!(recordings.told(&["--since", during])?.len(), 4);
    let after = "2026-11-23T10:09:29Z";
    assert_eq!(recordings.told(&["--since", after])?.len(), 3);
    // An hour before now, which is long after.
    assert!(recordings.told(&["--since", "1h"])?.is_empty());
    Ok(())
}

#[test]
fn by_what_was_wrong() -> Outcome {
    let recordings = Recordings::new("wrong")?;
    for (filters, told) in [
        (
            &["--diagnosis", "pid1-shell-wrapper"][..],
            &[TEN, ELEVEN][..],
        ),
        // A consequence counts as well as a cause, and the record's name.
        (&["--diagnosis", "GRACE_EXPIRED_KILL"], &[TEN, ELEVEN]),
        (
            &["--diagnosis", "grace-expired-kill,shell-exits-first"],
            &[TEN, ELEVEN, THIRTEEN],
        ),
        (&["--diagnosis", "oom-init"], &[]),
        (&["--ungraceful"], &[TEN, ELEVEN, THIRTEEN]),
    ] {
        assert_eq!(recordings.told(filters)?, told, "{filters:?}");
    }
    Ok(())
}

#[test]
fn by_the_stop_signal() -> Outcome {
    let recordings = Recordings::new("signal")?;
    for (signal, told) in [
        ("TERM", &[TEN, ELEVEN][..]),
        ("SIGQUIT", &[THIRTEEN, TWELVE]),
        ("3", &[THIRTEEN, TWELVE]),
        ("INT,TERM", &[TEN, ELEVEN]),
        // What ended it after all is no stop signal.
        ("KILL", &[]),
    ] {
        assert_eq!(recordings.told(&["--signal", signal])?, told, "{signal}");
    }
    Ok(())
}

/// Each narrows what the others leave.
#[test]
fn by_several_at_once() -> Outcome {
    let recordings = Recordings::new("several")?;
    let both = ["--signal", "QUIT", "--ungraceful"];
    assert_eq!(recordings.told(&both)?, [THIRTEEN]);
    let noon = "2026-11-23T12:00Z";
    let none = ["--signal", "QUIT", "--ungraceful", "--until", noon];
    assert!(recordings.told(&none)?.is_empty());
    let of = format!("pidns-{INODE}");
    let some = ["-c", &of, "--since", noon, "--ungraceful"];
    assert_eq!(recordings.told(&some)?, [THIRTEEN]);
    assert!(
        recordings
            .told(&["-c", "pidns-1", "--ungraceful"])?
            .is_empty()
    );
    // The text counts only those.
    let text = recordings.report(&both)?;
    ensure!(text.contains("1 termination, 1 ungraceful"), "{text}");
    Ok(())
}
