//! `report --html` and `report --perfetto` of a termination that has just happened
//! here.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use anyhow::{Context as _, ensure};

use super::live::{Live, sigwhy};
use super::story::Story;

type Outcome = anyhow::Result<()>;

/// A recording of a stop that came to nothing, in a directory of its own.
struct Recorded {
    dir: PathBuf,
    file: PathBuf,
    story: Story,
}

impl Recorded {
    fn new(name: &str) -> anyhow::Result<Self> {
        let dir = std::env::temp_dir().join(format!("sigwhy-{}-{name}", std::process::id()));
        fs::create_dir_all(&dir)?;
        let file = dir.join("a.zst");
        let recorder = Live::text_of(sigwhy().arg("record").arg("-o").arg(&file))?;
        let story = Story::new(name)?;
        story.tell()?;
        story.finish()?;
        recorder.end()?;
        Ok(Self { dir, file, story })
    }

    fn report(&self, args: &[&str]) -> anyhow::Result<Output> {
        sigwhy()
            .arg("report")
            .args(["-c", &self.story.inode.to_string()])
            .args(args)
            .arg(&self.file)
            .current_dir(&self.dir)
            .env("TZ", "UTC")
            .output()
            .context("starting sigwhy")
    }

    fn written(&self, args: &[&str], name: &str) -> anyhow::Result<Vec<u8>> {
        let output = self.report(args)?;
        let err = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{}: {err}", output.status);
        fs::read(self.dir.join(name)).context(name.to_owned())
    }
}

impl Drop for Recorded {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.dir);
    }
}

#[test]
fn a_page_has_the_termination_and_its_picture() -> Outcome {
    let recorded = Recorded::new("page")?;
    let page = recorded.written(&["--html", "out.html"], "out.html")?;
    let page = String::from_utf8(page)?;
    let pid = recorded.story.init.pid();
    for words in [
        "<h1>1 termination, 1 ungraceful</h1>",
        "SIGTERM dropped</b>",
        "sig_task_ignored/unkillable",
        "class=\"ev dropped\"",
        "class=\"ev killed\"",
        &format!("PID 1, {pid} on the host").replace(", ", "<i class=\"host\">, "),
    ] {
        ensure!(page.contains(words), "no {words:?} in\n{page}");
    }
    // The same again, in place of the first; on standard output too.
    let again = recorded.written(&["--html", "out.html"], "out.html")?;
    ensure!(again == page.as_bytes(), "the same recording, another page");
    let printed = recorded.report(&["--html", "-"])?;
    ensure!(printed.stdout == page.as_bytes());
    // The text is printed too where it is asked for.
    let both = recorded.report(&["--html", "out.html", "--format", "text"])?;
    ensure!(String::from_utf8_lossy(&both.stdout).contains("1 termination, 1 ungraceful"));
    ensure!(recorded.report(&["--html", "out.html"])?.stdout.is_empty());
    let two = recorded.report(&["--html", "-", "--perfetto", "-"])?;
    assert_eq!(two.status.code(), Some(1));
    ensure!(two.stdout.is_empty());
    Ok(())
}

#[test]
fn a_trace_is_written_beside_it() -> Outcome {
    let recorded = Recorded::new("trace")?;
    let trace = recorded.written(
        &["--perfetto", "out.pftrace", "--html", "out.html"],
        "out.pftrace",
    )?;
    // The first packet names the root of all tracks.
    ensure!(trace.starts_with(b"\x0a"), "{:?}", &trace[..8]);
    let has = |text: &str| trace.windows(text.len()).any(|at| at == text.as_bytes());
    for text in [
        "sigwhy",
        "SIGTERM dropped",
        "unkillable_init",
        "ungraceful termination",
    ] {
        ensure!(has(text), "no {text:?}");
    }
    let name = format!("1[{}]", recorded.story.init.pid());
    ensure!(has(&name), "no track {name}");
    Ok(())
}

#[test]
fn no_recording_is_overwritten() -> Outcome {
    let recorded = Recorded::new("clobber")?;
    let before = fs::read(&recorded.file)?;
    for option in ["--html", "--perfetto"] {
        let output = recorded.report(&[option, "a.zst"])?;
        assert_eq!(output.status.code(), Some(1));
        let err = String::from_utf8_lossy(&output.stderr);
        ensure!(
            err.lines().count() == 1 && err.contains("a.zst exists"),
            "{err}"
        );
        ensure!(fs::read(&recorded.file)? == before);
    }
    // An error leaves nothing behind.
    let missing = recorded.report(&["--html", "no/such/dir"])?;
    assert_eq!(missing.status.code(), Some(1));
    let left: Vec<_> = fs::read_dir(Path::new(&recorded.dir))?.collect();
    assert_eq!(left.len(), 1, "{left:?}");
    Ok(())
}
