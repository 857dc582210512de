//! How a task ends badly: one line for the person, and an exit code.

use std::fmt;

/// The result of anything here.
pub type Result<T> = std::result::Result<T, Failure>;

/// Why xtask stops.
#[derive(Debug, PartialEq, Eq)]
pub enum Failure {
    /// The command line makes no sense: exit code 2, and the usage is printed.
    Usage(String),
    /// Something did not work: exit code 1. One line: what, why, what to do.
    Task(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(message) | Self::Task(message) => f.write_str(message),
        }
    }
}

/// A task failure out of anything that prints.
pub fn fail<T>(message: impl fmt::Display) -> Result<T> {
    Err(Failure::Task(message.to_string()))
}

/// Adds what was being done to an error of the system.
pub trait Context<T> {
    /// Turns the error into `"<what>: <error>"`.
    fn context(self, what: impl FnOnce() -> String) -> Result<T>;
}

impl<T, E: fmt::Display> Context<T> for std::result::Result<T, E> {
    fn context(self, what: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|error| Failure::Task(format!("{}: {error}", what())))
    }
}
