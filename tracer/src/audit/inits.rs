//! What the usual PID 1s do with a stop signal, by their names and arguments. Pure.
//!
//! A name proves nothing. What is said of a known one holds for it as it is
//! shipped, and of all others nothing is said.

use schemars::JsonSchema;
use serde::Serialize;

use crate::diagnosis::{is_manager_name, is_shell_or_script};

/// To whom a PID 1 passes the stop signal on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Passes {
    /// To the one child that it started (tini, docker --init, catatonit).
    ToChild,
    /// To that child's process group (tini -g, dumb-init).
    ToGroup,
    /// It stops everybody by itself (systemd, s6).
    ToAll,
    /// To nobody: it does not get it, or is a shell without a trap.
    ToNobody,
    /// It has a handler of its own, and what that does is not known.
    Unknown,
    /// There is nobody else.
    Alone,
}

impl Passes {
    /// In a word or two.
    pub fn words(self) -> &'static str {
        match self {
            Self::ToChild => "to its child",
            Self::ToGroup => "to a group",
            Self::ToAll => "to all",
            Self::ToNobody => "to nobody",
            Self::Unknown => "unknown",
            Self::Alone => "-",
        }
    }
}

/// A kind of PID 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Init {
    Forwarder(Passes),
    /// systemd, which wants another signal than SIGTERM.
    Systemd,
    Shell,
    /// npm and its like.
    Manager,
    Other,
}

/// What PID 1s are told by their environment, beside their arguments.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Settings {
    /// TINI_KILL_PROCESS_GROUP is set, whatever to.
    tini_group: bool,
    /// DUMB_INIT_SETSID=0.
    dumb_single: bool,
}

impl Settings {
    /// From `/proc/PID/environ`.
    pub fn of(environ: &str) -> Self {
        // Of two by one name, getenv(3) takes the first.
        let value = |name: &str| {
            let mut all = environ
                .split('\0')
                .filter_map(|entry| entry.split_once('='));
            all.find(|(key, _)| *key == name).map(|(_, value)| value)
        };
        Self {
            tini_group: value("TINI_KILL_PROCESS_GROUP").is_some(),
            dumb_single: value("DUMB_INIT_SETSID") == Some("0"),
        }
    }
}

/// Which it is.
pub fn of(comm: &str, args: &[String], settings: Settings) -> Init {
    let flags = || flags(args);
    match comm {
        "tini" | "tini-static" | "docker-init" => {
            match settings.tini_group || flags().any(|flag| flag == 'g') {
                true => Init::Forwarder(Passes::ToGroup),
                false => Init::Forwarder(Passes::ToChild),
            }
        }
        "catatonit" => match flags().any(|flag| flag == 'g') {
            true => Init::Forwarder(Passes::ToGroup),
            false => Init::Forwarder(Passes::ToChild),
        },
        "dumb-init" => {
            let is_single = settings.dumb_single
                || flags().any(|flag| flag == 'c')
                || options(args).any(|arg| arg == "--single-child");
            match is_single {
                true => Init::Forwarder(Passes::ToChild),
                false => Init::Forwarder(Passes::ToGroup),
            }
        }
        "systemd" => Init::Systemd,
        "s6-svscan" => Init::Forwarder(Passes::ToAll),
        _ if is_manager_name(comm) => Init::Manager,
        _ if is_shell_or_script(comm) => Init::Shell,
        _ => Init::Other,
    }
}

/// What such a PID 1 passes on for a signal, by dumb-init's --rewrite; 0: nothing.
pub fn passed(comm: &str, args: &[String], signal: u32) -> u32 {
    if comm != "dumb-init" {
        return signal;
    }
    let mut last = None;
    let mut all = own(args);
    while let Some(arg) = all.next() {
        let rule = match arg {
            "-r" | "--rewrite" => all.next(),
            _ => arg
                .strip_prefix("--rewrite=")
                .or_else(|| arg.strip_prefix("-r")),
        };
        let rule = rule
            .and_then(|rule| rule.split_once(':'))
            .and_then(|(from, to)| Some((from.parse::<u32>().ok()?, to.parse::<u32>().ok()?)));
        // A later rule takes the place of an earlier one.
        if let Some((from, to)) = rule
            && from == signal
        {
            last = Some(to);
        }
    }
    last.unwrap_or(signal)
}

/// Its own arguments and their values, up to the program that it starts.
fn own(args: &[String]) -> impl Iterator<Item = &str> {
    let mut skip = false;
    args.iter()
        .skip(1)
        .map(String::as_str)
        .take_while(move |arg| {
            let takes = !skip && matches!(*arg, "-p" | "-e" | "-r" | "--rewrite");
            let is_value = std::mem::replace(&mut skip, takes);
            is_value || (arg.starts_with('-') && *arg != "--")
        })
}

/// The same without the values.
fn options(args: &[String]) -> impl Iterator<Item = &str> {
    own(args).filter(|arg| arg.starts_with('-'))
}

/// The letters of its short options.
fn flags(args: &[String]) -> impl Iterator<Item = char> {
    options(args)
        .filter(|arg| !arg.starts_with("--"))
        .flat_map(|arg| arg.chars().skip(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(line: &str) -> Init {
        let args: Vec<String> = line.split(' ').map(str::to_owned).collect();
        let comm = args[0].rsplit('/').next().unwrap_or_default();
        of(comm, &args, Settings::default())
    }

    #[test]
    fn by_name_and_option() {
        let (child, group) = (
            Init::Forwarder(Passes::ToChild),
            Init::Forwarder(Passes::ToGroup),
        );
        for (line, init) in [
            ("/sbin/docker-init -- app -g", child),
            ("tini -g -- app", group),
            ("tini -vg app", group),
            ("tini -p SIGTERM -- app -g", child),
            ("tini app -g", child),
            ("dumb-init app -c", group),
            ("dumb-init --single-child app", child),
            ("dumb-init -c -- app", child),
            ("dumb-init --rewrite 15:3 -c app", child),
            ("dumb-init -r 15:3 app -c", group),
            ("catatonit -- app", child),
            ("/lib/systemd/systemd --system", Init::Systemd),
            ("npm start", Init::Manager),
            ("bash -c app", Init::Shell),
            ("docker-entrypoi x", Init::Shell),
            ("nginx", Init::Other),
        ] {
            assert_eq!(kind(line), init, "{line}");
        }
    }

    #[test]
    fn by_the_environment() {
        let (child, group) = (
            Init::Forwarder(Passes::ToChild),
            Init::Forwarder(Passes::ToGroup),
        );
        for (comm, environ, init) in [
            ("tini", "A=b\0TINI_KILL_PROCESS_GROUP=1\0", group),
            ("tini", "TINI_KILL_PROCESS_GROUP=\0A=b\0", group),
            ("tini", "XTINI_KILL_PROCESS_GROUP=1\0", child),
            ("tini", "TINI_KILL_PROCESS_GROUP\0", child),
            ("dumb-init", "DUMB_INIT_SETSID=0\0", child),
            ("dumb-init", "DUMB_INIT_SETSID=1\0", group),
            ("dumb-init", "DUMB_INIT_SETSID=\0", group),
            (
                "dumb-init",
                "DUMB_INIT_SETSID=1\0DUMB_INIT_SETSID=0\0",
                group,
            ),
            ("dumb-init", "TINI_KILL_PROCESS_GROUP=1\0", group),
            ("tini", "", child),
        ] {
            assert_eq!(
                of(comm, &[], Settings::of(environ)),
                init,
                "{comm} {environ:?}"
            );
        }
    }

    #[test]
    fn a_signal_that_is_rewritten() {
        let made = |line: &str, signal| {
            let args: Vec<String> = line.split(' ').map(str::to_owned).collect();
            passed(&args[0], &args, signal)
        };
        for (line, signal, to) in [
            ("dumb-init app", 15, 15),
            ("dumb-init -r 15:3 app", 15, 3),
            ("dumb-init -r15:3 -- app", 15, 3),
            ("dumb-init --rewrite 15:3 app", 15, 3),
            ("dumb-init --rewrite=15:0 app", 15, 0),
            ("dumb-init -r 15:3 -r 15:2 app", 15, 2),
            ("dumb-init -r 1:3 -c -r 15:2 app", 1, 3),
            ("dumb-init app -r 15:3", 15, 15),
            ("dumb-init -r nonsense -r", 15, 15),
            ("tini -r 15:3 app", 15, 15),
        ] {
            assert_eq!(made(line, signal), to, "{line}");
        }
    }
}
