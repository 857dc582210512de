//! Test targets that must run as root: a command for each, built as who we are.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::failure::{Context as _, Result, fail};
use crate::privilege;
use crate::workspace::{ContextNone as _, Workspace};

/// A command that runs the test target `name` of sigwhy as root. As root it is
/// `cargo test` itself; otherwise cargo builds it as the user, and only the
/// binary runs under sudo. Arguments added to it go to the test binary.
pub fn command(ws: &Workspace, name: &str) -> Result<Command> {
    if privilege::is_root() {
        let mut cargo = cargo_test(ws, name);
        cargo.arg("--");
        return Ok(cargo);
    }
    if let Some(missing) = privilege::missing() {
        return fail(missing);
    }
    let binary = build(ws, name)?;
    let why = "these tests load BPF programs and make PID namespaces";
    let mut command = privilege::command(ws, "env", why)?;
    // insta finds its snapshots through cargo, which root may not have.
    let mut workspace_root = std::ffi::OsString::from("INSTA_WORKSPACE_ROOT=");
    workspace_root.push(&ws.root);
    command.arg(workspace_root).arg(binary);
    // Where `cargo test` would run it.
    command.current_dir(ws.root.join("tracer"));
    Ok(command)
}

fn cargo_test(ws: &Workspace, name: &str) -> Command {
    let mut cargo = ws.host_cargo();
    cargo.args(["test", "--release", "--package", "sigwhy", "--test", name]);
    cargo
}

/// Builds the target and returns its binary.
pub fn build(ws: &Workspace, name: &str) -> Result<PathBuf> {
    let mut cargo = cargo_test(ws, name);
    cargo.args(["--no-run", "--message-format=json-render-diagnostics"]);
    let output = cargo
        .stderr(Stdio::inherit())
        .output()
        .context(|| "cannot run rustup".into())?;
    if !output.status.success() {
        return fail(format!("building the {name} tests failed"));
    }
    executable(&String::from_utf8_lossy(&output.stdout), name)
        .context_none("cargo built the tests and named no binary")
}

/// The binary of test target `name` out of cargo's JSON messages.
fn executable(messages: &str, name: &str) -> Option<PathBuf> {
    let named = format!("\"name\":\"{name}\"");
    messages
        .lines()
        .filter(|line| line.contains("\"reason\":\"compiler-artifact\"") && line.contains(&named))
        .find_map(|line| {
            let after = line.split_once("\"executable\":\"")?.1;
            unescape(after)
        })
        .map(PathBuf::from)
}

/// A JSON string up to its closing quote; paths hold no other escapes than
/// these two.
fn unescape(text: &str) -> Option<String> {
    let mut out = String::new();
    let mut chars = text.chars();
    loop {
        match chars.next()? {
            '"' => return Some(out),
            '\\' => out.push(chars.next()?),
            other => out.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_binary_is_found_among_cargos_messages() {
        let messages = concat!(
            r#"{"reason":"compiler-artifact","target":{"name":"sigwhy"},"executable":"/t/sigwhy"}"#,
            "\n",
            r#"{"reason":"compiler-artifact","target":{"name":"integration"},"executable":"/t/a \"b\"/integration-1"}"#,
            "\n",
            r#"{"reason":"build-finished","success":true}"#,
        );
        assert_eq!(
            executable(messages, "integration"),
            Some(PathBuf::from("/t/a \"b\"/integration-1"))
        );
        assert_eq!(executable(messages, "fuzz_kernel"), None);
    }

    #[test]
    fn a_target_without_a_binary_is_none() {
        let line = r#"{"reason":"compiler-artifact","target":{"name":"x"},"executable":null}"#;
        assert_eq!(executable(line, "x"), None);
    }
}
