//! The little command-line parsing that xtask needs; a library for it would be
//! built before anything else is.

use std::ffi::OsString;

use crate::failure::{Failure, Result};

/// What is left of the command line.
pub struct Args(Vec<OsString>);

impl Args {
    /// The arguments of this process, without its name.
    pub fn from_env() -> Self {
        Self(std::env::args_os().skip(1).collect())
    }

    /// Takes the first argument, the command's name.
    pub fn command(&mut self) -> Option<String> {
        if self.0.is_empty() {
            return None;
        }
        Some(self.0.remove(0).to_string_lossy().into_owned())
    }

    /// Takes a switch; true when it was there.
    pub fn flag(&mut self, name: &str) -> bool {
        let before = self.0.len();
        self.0.retain(|arg| arg != name);
        self.0.len() != before
    }

    /// Takes `name VALUE` or `name=VALUE`.
    pub fn value(&mut self, name: &str) -> Result<Option<String>> {
        let with_equals = format!("{name}=");
        for at in 0..self.0.len() {
            let text = self.0[at].to_string_lossy().into_owned();
            if let Some(value) = text.strip_prefix(&with_equals) {
                self.0.remove(at);
                return Ok(Some(value.to_owned()));
            }
            if text == name {
                if at + 1 == self.0.len() {
                    return Err(Failure::Usage(format!("{name} needs a value")));
                }
                self.0.remove(at);
                return Ok(Some(self.0.remove(at).to_string_lossy().into_owned()));
            }
        }
        Ok(None)
    }

    /// Takes a number that follows `name`.
    pub fn number(&mut self, name: &str) -> Result<Option<u64>> {
        self.value(name)?
            .map(|text| {
                text.parse()
                    .map_err(|_| Failure::Usage(format!("{name} needs a number, not {text:?}")))
            })
            .transpose()
    }

    /// Takes the one argument that is no option.
    pub fn positional(&mut self) -> Option<String> {
        let at = self.0.iter().position(|arg| {
            let text = arg.to_string_lossy();
            !text.starts_with('-')
        })?;
        Some(self.0.remove(at).to_string_lossy().into_owned())
    }

    /// Takes everything, less one leading `--`.
    pub fn rest(&mut self) -> Vec<OsString> {
        if self.0.first().is_some_and(|arg| arg == "--") {
            self.0.remove(0);
        }
        std::mem::take(&mut self.0)
    }

    /// Takes everything, and divides it at the first `--`: ours, and a command
    /// line that is somebody else's.
    pub fn split_at_dashes(&mut self) -> (Self, Vec<OsString>) {
        let mut ours = std::mem::take(&mut self.0);
        let Some(at) = ours.iter().position(|arg| arg == "--") else {
            return (Self(ours), Vec::new());
        };
        let theirs = ours.split_off(at + 1);
        ours.truncate(at);
        (Self(ours), theirs)
    }

    /// Refuses whatever nobody took.
    pub fn finish(&self) -> Result<()> {
        match self.0.first() {
            None => Ok(()),
            Some(arg) => Err(Failure::Usage(format!(
                "{:?} means nothing here",
                arg.to_string_lossy()
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(words: &[&str]) -> Args {
        Args(words.iter().map(OsString::from).collect())
    }

    #[test]
    fn options_are_found_in_any_order_and_both_spellings() {
        let mut args = args(&["test", "--deny", "name", "--seed=7", "--runs", "3"]);
        assert_eq!(args.command().as_deref(), Some("test"));
        assert_eq!(args.number("--runs"), Ok(Some(3)));
        assert_eq!(args.number("--seed"), Ok(Some(7)));
        assert!(args.flag("--deny"));
        assert!(!args.flag("--deny"));
        assert_eq!(args.positional().as_deref(), Some("name"));
        assert_eq!(args.finish(), Ok(()));
    }

    #[test]
    fn bad_input_is_a_usage_error() {
        assert!(matches!(
            args(&["--runs"]).number("--runs"),
            Err(Failure::Usage(_))
        ));
        assert!(matches!(
            args(&["--runs", "x"]).number("--runs"),
            Err(Failure::Usage(_))
        ));
        assert!(matches!(args(&["--what"]).finish(), Err(Failure::Usage(_))));
    }

    #[test]
    fn what_is_behind_the_dashes_is_not_ours() {
        let (ours, theirs) = args(&["--timeout", "3", "--", "ls", "--", "-l"]).split_at_dashes();
        assert_eq!(ours.0, ["--timeout", "3"]);
        assert_eq!(theirs, ["ls", "--", "-l"]);
        assert!(args(&["ls"]).split_at_dashes().1.is_empty());
    }

    #[test]
    fn only_the_first_dashes_are_ours() {
        let rest = args(&["--", "run", "--", "ls"]).rest();
        assert_eq!(rest, ["run", "--", "ls"]);
    }
}
