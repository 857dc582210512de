//! Pages to look at: made by the real binary, of recordings.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};
use serde_json::Value;

use super::chromium::Browser;

/// A page in a directory of a test's own, and a browser.
pub struct Opened {
    pub browser: Browser,
    pub file: PathBuf,
    dir: PathBuf,
}

impl Drop for Opened {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// The recording that the documentation shows.
pub fn recording() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/browser/docker-stop.zst")
}

/// The same, a record for each line.
pub fn records() -> anyhow::Result<Vec<Value>> {
    let file = fs::File::open(recording())?;
    let text = std::io::read_to_string(zstd::Decoder::new(file)?)?;
    let parse = |line: &str| serde_json::from_str(line).with_context(|| line.to_owned());
    text.lines().map(parse).collect()
}

/// A page of that recording, opened in a window as on a desk.
pub fn open(name: &str) -> anyhow::Result<Opened> {
    open_of(name, &recording())
}

/// A page of these records.
pub fn open_records(name: &str, records: &[Value]) -> anyhow::Result<Opened> {
    let file = std::env::temp_dir().join(format!("sigwhy-{}-{name}.json", std::process::id()));
    let lines: String = records.iter().map(|record| format!("{record}\n")).collect();
    fs::write(&file, lines)?;
    let opened = open_of(name, &file);
    let _ = fs::remove_file(&file);
    opened
}

fn open_of(name: &str, recording: &Path) -> anyhow::Result<Opened> {
    let dir = std::env::temp_dir().join(format!("sigwhy-{}-{name}-page", std::process::id()));
    fs::create_dir_all(&dir)?;
    let file = dir.join("report.html");
    let output = Command::new(env!("CARGO_BIN_EXE_sigwhy"))
        .args(["report", "--html"])
        .arg(&file)
        .arg(recording)
        .env("TZ", "UTC")
        .stdin(Stdio::null())
        .output()
        .context("starting sigwhy")?;
    let err = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{}: {err}", output.status);
    ensure!(output.stdout.is_empty(), "a page is no text");
    let mut browser = Browser::new(name)?;
    browser.size(1280, 900, 1.0)?;
    browser.media("screen", "light")?;
    browser.open(&file)?;
    Ok(Opened { browser, file, dir })
}
