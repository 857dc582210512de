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

/// Which it is. `group`: TINI_KILL_PROCESS_GROUP is in its environment.
pub fn of(comm: &str, args: &[String], group: bool) -> Init {
    let flags = || flags(args);
    match comm {
        "tini" | "tini-static" | "docker-init" => match group || flags().any(|flag| flag == 'g') {
            true => Init::Forwarder(Passes::ToGroup),
            false => Init::Forwarder(Passes::ToChild),
        },
        "catatonit" => match flags().any(|flag| flag == 'g') {
            true => Init::Forwarder(Passes::ToGroup),
            false => Init::Forwarder(Passes::ToChild),
        },
        "dumb-init" => {
            let is_single =
                flags().any(|flag| flag == 'c') || own(args).any(|arg| arg == "--single-child");
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

/// Its own arguments, up to the program that it starts.
fn own(args: &[String]) -> impl Iterator<Item = &str> {
    let mut skip = false;
    args.iter()
        .skip(1)
        .map(String::as_str)
        .take_while(move |arg| {
            let is_value = std::mem::replace(&mut skip, matches!(*arg, "-p" | "-e" | "-r"));
            is_value || (arg.starts_with('-') && *arg != "--")
        })
        .filter(|arg| arg.starts_with('-'))
}

/// The letters of its short options.
fn flags(args: &[String]) -> impl Iterator<Item = char> {
    own(args)
        .filter(|arg| !arg.starts_with("--"))
        .flat_map(|arg| arg.chars().skip(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(line: &str) -> Init {
        let args: Vec<String> = line.split(' ').map(str::to_owned).collect();
        let comm = args[0].rsplit('/').next().unwrap_or_default();
        of(comm, &args, false)
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
            ("catatonit -- app", child),
            ("/lib/systemd/systemd --system", Init::Systemd),
            ("npm start", Init::Manager),
            ("bash -c app", Init::Shell),
            ("docker-entrypoi x", Init::Shell),
            ("nginx", Init::Other),
        ] {
            assert_eq!(kind(line), init, "{line}");
        }
        assert_eq!(of("tini", &[], true), group);
    }
}
