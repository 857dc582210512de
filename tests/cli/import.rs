//! What other tracers recorded of a run, held to what sigwhy recorded of the same
//! one. tests/import/README.md says how they were made.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, ensure};
use serde_json::Value;

use super::live::sigwhy;

type Outcome = anyhow::Result<()>;

const OWN: &[u8] = include_bytes!("../import/stop.zst");
const OTHERS: [(&str, &[u8]); 4] = [
    ("perf-script", include_bytes!("../import/stop.perf")),
    ("perf-script", include_bytes!("../import/stop.perf-ns")),
    ("ftrace", include_bytes!("../import/stop.ftrace")),
    ("bpftrace", include_bytes!("../import/stop.bpftrace")),
];

/// A file of a test's own.
struct Temp(PathBuf);

impl Temp {
    fn new(name: &str, bytes: &[u8]) -> anyhow::Result<Self> {
        let name = format!("sigwhy-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::write(&path, bytes).with_context(|| path.display().to_string())?;
        Ok(Self(path))
    }
}

impl Drop for Temp {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// Standard output of a report, and what it says on stderr.
fn report(file: &Temp, args: &[&str]) -> anyhow::Result<(bool, String, String)> {
    let output = sigwhy()
        .arg("report")
        .args(args)
        .arg(&file.0)
        .env("TZ", "UTC")
        .output()
        .context("starting sigwhy")?;
    Ok((
        output.status.success(),
        String::from_utf8_lossy(&output.stdout).into_owned(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    ))
}

/// The termination of the run, among others of the same time.
fn of_entry(json: &str) -> anyhow::Result<Value> {
    json.lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .find(|episode| episode["init"]["comm"] == "entry.sh")
        .with_context(|| json.to_owned())
}

#[test]
fn an_import_says_what_a_recording_does_and_no_more() -> Outcome {
    let (ok, own, err) = report(&Temp::new("own", OWN)?, &["--format", "json"])?;
    ensure!(ok, "{err}");
    let own = of_entry(&own)?;
    for (n, (from, text)) in OTHERS.into_iter().enumerate() {
        let file = Temp::new(&format!("import-{n}"), text)?;
        let (ok, out, err) = report(&file, &["--format", "json", "--from", from])?;
        ensure!(ok, "{err}");
        let theirs = of_entry(&out)?;
        for field in [
            "/init/pid",
            "/init/ns_pid",
            "/ending",
            "/state",
            "/ungraceful",
            "/exit_code",
            "/stop_signal/name",
            "/stop_sender/comm",
            "/kill_sender/comm",
            "/killed_by_zap_total",
        ] {
            assert_eq!(own.pointer(field), theirs.pointer(field), "{from} {field}");
        }
        // By each tracer's own clock.
        let grace = |episode: &Value| episode["grace_ns"].as_u64().unwrap_or(0);
        ensure!(
            grace(&own).abs_diff(grace(&theirs)) < 20_000_000,
            "{theirs}"
        );
        // What it cannot know.
        for field in [
            "/container",
            "/init/pid_ns",
            "/init/uid",
            "/killed_by_zap/0/had_sigterm_handler",
        ] {
            assert_eq!(theirs.pointer(field), Some(&Value::Null), "{from} {field}");
        }
        assert_eq!(own["complete"], true);
        assert_eq!(theirs["complete"], false);
        ensure!(
            err.contains("imported from") && err.contains("reasons are limited"),
            "{err}"
        );
    }
    Ok(())
}

/// The signals of the run by the kernel's result, as the two records have them.
#[test]
fn the_counts_are_those_of_the_results() -> Outcome {
    for (from, text) in OTHERS {
        let file = Temp::new("counts", text)?;
        let (ok, out, err) = report(&file, &["--from", from])?;
        ensure!(ok, "{err}");
        let mut counts = BTreeMap::new();
        for line in String::from_utf8_lossy(text).lines() {
            let result = match from {
                "bpftrace" => {
                    let words: Vec<&str> = line.split(' ').collect();
                    (words.get(1) == Some(&"G")).then(|| words[9].to_owned())
                }
                _ => line.rsplit_once(" res=").map(|(_, res)| res.to_owned()),
            };
            if let Some(result) = result {
                *counts.entry(result).or_insert(0) += 1;
            }
        }
        for (result, word) in [("0", "queued"), ("1", "dropped"), ("2", "pending already")] {
            if let Some(count) = counts.get(result) {
                ensure!(
                    out.contains(&format!("{count} {word}")),
                    "{from} {counts:?}: {out}"
                );
            }
        }
    }
    Ok(())
}

#[test]
fn a_text_without_a_date_says_so_and_takes_one() -> Outcome {
    let file = Temp::new("date", OTHERS[0].1)?;
    let (_, out, _) = report(&file, &["--from", "perf-script"])?;
    ensure!(
        out.contains("its clock has no date") && !out.contains("1970"),
        "{out}"
    );
    let boot = ["--from", "perf-script", "--boot", "2026-11-22T15:27:56Z"];
    let (_, out, _) = report(&file, &boot)?;
    ensure!(
        out.contains("2026-11-23 02:0") && !out.contains("no date"),
        "{out}"
    );
    Ok(())
}

#[test]
fn the_wrong_format_is_one_line_that_says_which_is_right() -> Outcome {
    let perf = Temp::new("wrong-perf", OTHERS[0].1)?;
    let (ok, _, err) = report(&perf, &["--from", "bpftrace"])?;
    ensure!(!ok && err.lines().count() == 1, "{err}");
    ensure!(err.contains("is perf script text"), "{err}");
    let (ok, _, err) = report(&perf, &[])?;
    ensure!(!ok && err.lines().count() == 1, "{err}");
    ensure!(err.contains("give --from perf-script"), "{err}");
    let text = Temp::new("wrong-text", b"Dear diary,\nno signals today.\n")?;
    for from in ["perf-script", "ftrace", "bpftrace"] {
        let (ok, _, err) = report(&text, &["--from", from])?;
        ensure!(
            !ok && err.lines().count() == 1 && err.contains("line 1"),
            "{err}"
        );
    }
    Ok(())
}
