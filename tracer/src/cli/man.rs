//! `sigwhy man`: the manual pages, made from the same text as `--help`.

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, anyhow};
use clap_mangen::Man;

/// Print the manual page.
///
/// `sigwhy man | man -l -` shows it. Packagers take `--out`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Write this page and one for each subcommand into DIR, which is created.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

/// Prints the main page, or writes all of them.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    match args.out {
        None => {
            let page = main_page()?;
            let mut out = io::stdout().lock();
            out.write_all(&page)
                .and_then(|()| out.flush())
                .context(super::WRITING)?;
        }
        Some(dir) => {
            std::fs::create_dir_all(&dir)
                .and_then(|()| clap_mangen::generate_to(super::command(), &dir))
                .map_err(|error| {
                    anyhow!("cannot write the manual to {dir:?}: {error}; name another directory")
                })?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn main_page() -> io::Result<Vec<u8>> {
    let mut command = super::command().disable_help_subcommand(true);
    command.build();
    let mut page = Vec::new();
    Man::new(command).render(&mut page)?;
    Ok(page)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_main_page_names_every_visible_subcommand() {
        let page = String::from_utf8(main_page().expect("a Vec takes everything"))
            .expect("a page is text");
        for command in super::super::command().get_subcommands() {
            let name = command.get_name();
            let is_there = page.contains(&format!("sigwhy\\-{}", name.replace('-', "\\-")));
            assert_eq!(is_there, !command.is_hide_set(), "{name}");
        }
        assert!(!page.contains("specimen"));
    }

    #[test]
    fn there_is_a_page_for_every_visible_subcommand() {
        let dir = std::env::temp_dir().join(format!("sigwhy-man-{}", std::process::id()));
        run(Args {
            out: Some(dir.join("man1")),
        })
        .expect("the temporary directory is writable");
        let page = |name: &str| dir.join("man1").join(name);
        assert!(page("sigwhy.1").is_file());
        for command in super::super::command().get_subcommands() {
            let file = page(&format!("sigwhy-{}.1", command.get_name()));
            assert_eq!(file.exists(), !command.is_hide_set(), "{file:?}");
        }
        std::fs::remove_dir_all(&dir).expect("it was made above");
    }

    #[test]
    fn a_directory_that_cannot_be_made_is_named() {
        let error = run(Args {
            out: Some("/proc/nowhere".into()),
        })
        .expect_err("/proc is read-only");
        assert!(error.to_string().contains("\"/proc/nowhere\""), "{error}");
    }
}
