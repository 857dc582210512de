//! Lines for people: colours, and text that is not sigwhy's own.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Context as _;

use super::live::{Live, run, sigwhy};
use super::story::{Story, of_type};

type Outcome = anyhow::Result<()>;

#[test]
fn colours_are_for_terminals_unless_asked_for() -> Outcome {
    let lines = |args: &[&str], env: &[(&str, &str)]| -> anyhow::Result<Vec<String>> {
        let story = Story::new("cli-color")?;
        let inode = story.inode.to_string();
        let mut command = sigwhy();
        command
            .args(["live", "-c", &inode, "-s", "TERM"])
            .args(args);
        command.envs(env.iter().copied());
        let live = Live::text_of(&mut command)?;
        story.tell()?;
        live.line("SIGTERM")?;
        let said = live.end()?;
        Ok(said.out.into_iter().chain(said.err).collect())
    };
    let is_coloured = |lines: &[String]| lines.iter().any(|line| line.contains('\u{1b}'));
    assert!(!is_coloured(&lines(&[], &[])?));
    assert!(!is_coloured(&lines(&["--color", "never"], &[])?));
    assert!(is_coloured(&lines(&["--color", "always"], &[])?));
    assert!(is_coloured(&lines(
        &["--color", "always"],
        &[("NO_COLOR", "1")]
    )?));
    assert!(!is_coloured(&lines(&[], &[("NO_COLOR", "1")])?));
    Ok(())
}

/// A directory that goes away with the test.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The name of a file becomes the `comm` of who runs it.
const HOSTILE: &str = "a\u{1b}[2J\n\"\\\u{9b}x";

/// Ignores a signal and gets it.
const IGNORES: &str = "trap '' USR2; kill -USR2 $$";

/// A shell whose `comm` is [`HOSTILE`]. `test`: a name for its directory.
fn hostile(test: &str, script: &str) -> anyhow::Result<(Scratch, Command)> {
    let dir = std::env::temp_dir().join(format!("sigwhy-{test}-{}", std::process::id()));
    fs::create_dir_all(&dir)?;
    let path = dir.join(HOSTILE);
    let shell = fs::canonicalize("/bin/sh")?;
    fs::copy(shell, &path)?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
    let mut command = Command::new(path);
    // Where sh is busybox, it has to be told which of its programs it is.
    command.arg0("sh").args(["-c", script]);
    Ok((Scratch(dir), command))
}

#[test]
fn a_hostile_name_cannot_write_to_the_terminal() -> Outcome {
    let live = Live::text(["--host", "-s", "USR2"])?;
    let (_scratch, mut shell) = hostile("text", IGNORES)?;
    assert!(shell.status().context("running the shell")?.success());
    let line = live.line("a\\x1b[2J")?;
    assert!(line.contains(r#"a\x1b[2J\x0a\"\\x9bx"#), "{line}");
    let said = live.end()?;
    for line in said.out.iter().chain(&said.err) {
        assert!(!line.contains(['\u{1b}', '\u{9b}', '\r']), "{line:?}");
    }
    Ok(())
}

#[test]
fn a_hostile_name_is_whole_in_json() -> Outcome {
    let live = Live::json(["--host", "-s", "USR2"])?;
    let (_scratch, mut shell) = hostile("json", IGNORES)?;
    assert!(shell.status().context("running the shell")?.success());
    let records = live.records()?;
    let found = of_type(&records, "signal").any(|r| r["target"]["comm"] == HOSTILE);
    assert!(found, "{records:#?}");
    Ok(())
}

#[test]
fn help_names_every_filter() -> Outcome {
    let said = run(sigwhy().args(["live", "--help"]))?;
    assert_eq!(said.status.code(), Some(0));
    let text = said.out.join("\n");
    for option in [
        "--signal",
        "--pid",
        "--container",
        "--reason",
        "--attach",
        "--btf",
    ] {
        assert!(text.contains(option), "{option}");
    }
    Ok(())
}
