//! `sigwhy completions`: the script that lets a shell complete sigwhy's words.

use std::io::{self, Write as _};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Command;
use clap_complete::Shell;

/// Print the completion script for a shell.
///
/// For bash, in ~/.bashrc: `source <(sigwhy completions bash)`. For zsh and fish,
/// write it to a file of the shell's completion directory.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The shell.
    #[arg(value_enum)]
    pub shell: Shell,
}

/// Prints the script.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let script = script(args.shell);
    let mut out = io::stdout().lock();
    out.write_all(&script)
        .and_then(|()| out.flush())
        .context(super::WRITING)?;
    Ok(ExitCode::SUCCESS)
}

fn script(shell: Shell) -> Vec<u8> {
    // Through a Vec: the generators panic when writing fails, as it does when
    // the reader of a pipe went away.
    let mut script = Vec::new();
    clap_complete::generate(
        shell,
        &mut visible(&super::command()),
        "sigwhy",
        &mut script,
    );
    script
}

/// The command line without hidden subcommands, which clap_complete would offer
/// and clap cannot remove: so all that completion needs is copied.
fn visible(command: &Command) -> Command {
    let mut copy = Command::new(forever(command.get_name()))
        .disable_help_subcommand(command.is_disable_help_subcommand_set())
        .args(command.get_arguments().filter(|arg| !arg.is_hide_set()))
        .subcommands(
            command
                .get_subcommands()
                .filter(|c| !c.is_hide_set())
                .map(visible),
        );
    if let Some(version) = command.get_version() {
        copy = copy.version(forever(version));
    }
    if let Some(about) = command.get_about() {
        copy = copy.about(about.clone());
    }
    for alias in command.get_visible_aliases() {
        copy = copy.visible_alias(forever(alias));
    }
    copy
}

/// clap takes names that live forever, and hands out those it has without saying
/// so. A few bytes leak, once, in a process that prints a script and ends.
fn forever(text: &str) -> &'static str {
    text.to_owned().leak()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shell_is_offered_the_visible_subcommands_only() {
        use clap::ValueEnum as _;
        for shell in Shell::value_variants() {
            let script = String::from_utf8(script(*shell)).expect("a script is text");
            for command in super::super::command().get_subcommands() {
                let name = command.get_name();
                assert_eq!(
                    script.contains(name),
                    !command.is_hide_set(),
                    "{shell}: {name}"
                );
            }
            assert!(!script.contains("specimen"), "{shell}");
            assert!(script.contains("verbose"), "{shell}");
        }
    }

    #[test]
    fn the_copy_is_sound_and_keeps_options() {
        let copy = visible(&super::super::command());
        copy.clone().debug_assert();
        let doctor = copy.find_subcommand("doctor").expect("it is visible");
        assert!(
            doctor
                .get_arguments()
                .any(|arg| arg.get_long() == Some("format"))
        );
    }
}
