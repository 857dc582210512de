//! The command that is traced while it runs.

use std::{
    ffi::{OsStr, OsString},
    fmt, io,
};

use anyhow::Context as _;
use tokio::{
    process::{Child, Command},
    time::Instant,
};

/// It could not be started.
#[derive(Debug)]
pub struct NotStarted(String);

impl fmt::Display for NotStarted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot start {}", self.0)
    }
}

/// Starts it; `None` where there is none. With `to_stderr` its output goes there,
/// so that stdout has nothing but records.
///
/// # Errors
/// [`NotStarted`], with what the system said.
pub fn spawn(command: &[OsString], to_stderr: bool) -> anyhow::Result<Option<Child>> {
    let [program, arguments @ ..] = command else {
        return Ok(None);
    };
    let mut command = Command::new(program);
    if to_stderr {
        command.stdout(io::stderr());
    }
    command
        .args(arguments)
        .spawn()
        .with_context(|| NotStarted(shown_name(program)))
        .map(Some)
}

/// Its name, escaped for people.
pub fn shown_name(program: &OsStr) -> String {
    program.to_string_lossy().escape_debug().to_string()
}

/// Waits until then; `None` is never.
pub async fn until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
