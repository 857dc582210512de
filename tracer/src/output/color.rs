//! Whether to use colours.
//!
//! Decides, and styles nothing; the variables and the terminal are passed in.

use std::ffi::OsString;

use clap::ValueEnum;

/// When to use colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Color {
    #[default]
    Auto,
    Always,
    Never,
}

/// The environment's say, where the command line leaves it open.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Variables {
    /// `NO_COLOR`: none, when not empty (<https://no-color.org>).
    pub no_color: Option<OsString>,
    /// `CLICOLOR_FORCE`: colours even without a terminal, when neither empty nor
    /// 0 (<https://bixense.com/clicolors>).
    pub clicolor_force: Option<OsString>,
    /// `TERM`: a `dumb` one knows none.
    pub term: Option<OsString>,
}

impl Variables {
    /// Those of this process.
    pub fn from_env() -> Self {
        Self {
            no_color: std::env::var_os("NO_COLOR"),
            clicolor_force: std::env::var_os("CLICOLOR_FORCE"),
            term: std::env::var_os("TERM"),
        }
    }
}

impl Color {
    /// Whether colours are wanted: the command line counts most, then
    /// `NO_COLOR`, then `CLICOLOR_FORCE`, then the terminal.
    pub fn wanted(self, is_terminal: bool, variables: &Variables) -> bool {
        let is_set = |value: &Option<OsString>| value.as_ref().is_some_and(|v| !v.is_empty());
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Auto if is_set(&variables.no_color) => false,
            Self::Auto
                if is_set(&variables.clicolor_force)
                    && variables.clicolor_force.as_ref().is_some_and(|v| v != "0") =>
            {
                true
            }
            Self::Auto => is_terminal && variables.term.as_ref().is_none_or(|t| t != "dumb"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(no_color: Option<&str>, force: Option<&str>, term: Option<&str>) -> Variables {
        Variables {
            no_color: no_color.map(Into::into),
            clicolor_force: force.map(Into::into),
            term: term.map(Into::into),
        }
    }

    #[test]
    fn the_command_line_counts_most() {
        let no = variables(Some("1"), None, None);
        let force = variables(None, Some("1"), None);
        assert!(Color::Always.wanted(false, &no));
        assert!(!Color::Never.wanted(true, &force));
    }

    #[test]
    fn a_terminal_gets_colours_unless_told_otherwise() {
        let none = Variables::default();
        assert!(Color::Auto.wanted(true, &none));
        assert!(!Color::Auto.wanted(false, &none));
        assert!(Color::Auto.wanted(true, &variables(Some(""), None, None)));
        assert!(!Color::Auto.wanted(true, &variables(Some("1"), None, None)));
        assert!(!Color::Auto.wanted(true, &variables(None, None, Some("dumb"))));
    }

    #[test]
    fn force_needs_no_terminal_and_yields_to_no_color() {
        assert!(Color::Auto.wanted(false, &variables(None, Some("1"), None)));
        assert!(Color::Auto.wanted(false, &variables(None, Some("1"), Some("dumb"))));
        assert!(!Color::Auto.wanted(false, &variables(None, Some("0"), None)));
        assert!(!Color::Auto.wanted(false, &variables(None, Some(""), None)));
        assert!(!Color::Auto.wanted(true, &variables(Some("1"), Some("1"), None)));
    }
}
