//! `docs/commands.md`: the help of every command, which has to be readable in 80
//! columns.

use clap::Command;

use super::hold;

const COLUMNS: usize = 80;

/// Every command that is shown, by its full name, with its long and its short help.
fn helps() -> Vec<(String, String, String)> {
    let mut root = crate::cli::command()
        .term_width(COLUMNS)
        .disable_help_subcommand(true);
    root.build();
    let mut all = Vec::new();
    add(&mut all, "", &mut root);
    all
}

fn add(all: &mut Vec<(String, String, String)>, before: &str, command: &mut Command) {
    let name = format!("{before}{}", command.get_name());
    let long = command.render_long_help().to_string();
    let short = command.render_help().to_string();
    all.push((name.clone(), long, short));
    for child in command.get_subcommands_mut() {
        if !child.is_hide_set() {
            add(all, &format!("{name} "), child);
        }
    }
}

fn reference() -> String {
    let sections = helps().into_iter().map(|(name, help, _)| {
        let lines: Vec<_> = help.lines().map(str::trim_end).collect();
        format!(
            "## {name}\n\n```text\n{}\n```\n\n",
            lines.join("\n").trim_end()
        )
    });
    sections.collect()
}

#[test]
fn the_page_of_commands_is_that_of_the_code() {
    hold(
        "commands.md",
        "the commands",
        "docs::commands",
        &reference(),
    );
}

#[test]
fn every_help_fits_a_terminal() {
    let helps = helps();
    assert!(helps.len() > 14, "{}", helps.len());
    for (name, long, short) in &helps {
        for line in long.lines().chain(short.lines()) {
            assert!(line.chars().count() <= COLUMNS, "{name}: {line}");
        }
    }
}

#[test]
fn every_help_begins_with_one_sentence_and_tells_every_option() {
    let mut root = crate::cli::command();
    root.build();
    let mut commands = vec![&root];
    while let Some(command) = commands.pop() {
        commands.extend(command.get_subcommands().filter(|c| !c.is_hide_set()));
        let name = command.get_name();
        if name == "help" {
            continue;
        }
        let about = command
            .get_about()
            .map(ToString::to_string)
            .unwrap_or_default();
        // As a line of the list of commands.
        assert!(
            !about.is_empty() && !about.ends_with('.'),
            "{name}: {about}"
        );
        for argument in command.get_arguments().filter(|a| !a.is_hide_set()) {
            let id = argument.get_id();
            let help = argument
                .get_help()
                .map(ToString::to_string)
                .unwrap_or_default();
            assert!(!help.is_empty(), "{name} does not tell what {id} is for");
        }
    }
}
