//! The command that is traced while it runs.

use std::{
    ffi::{OsStr, OsString},
    fmt, io,
};

use tokio::{
    process::{Child, Command},
    time::Instant,
};

/// It could not be started: its name, and the exit code for that.
#[derive(Debug)]
pub struct NotStarted(String, u8);

impl NotStarted {
    /// As a shell has it: 127 where there is no such command, else 126.
    fn new(program: &OsStr, error: &io::Error) -> Self {
        let code = match error.kind() {
            io::ErrorKind::NotFound => 127,
            _ => 126,
        };
        Self(shown_name(program), code)
    }

    /// The exit code of who was to start it.
    pub fn code(&self) -> u8 {
        self.1
    }
}

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
    command.args(arguments).spawn().map(Some).map_err(|error| {
        let what = NotStarted::new(program, &error);
        anyhow::Error::new(error).context(what)
    })
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
