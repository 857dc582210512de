//! What the commands share that look at the machine as it is, and trace nothing:
//! where it is, how to print, and whom to ask for names.

use std::io::{self, IsTerminal as _, Write};
use std::path::PathBuf;

use anyhow::Context as _;
use clap::ValueEnum;
use serde::Serialize;

use super::which::Asking;
use crate::container::Root;
use crate::output::color::{Color, Variables};
use crate::trouble::Trouble;

/// Options of `ps`, `why` and `audit`.
#[derive(Debug, clap::Args)]
pub struct Looking {
    #[command(flatten)]
    pub asking: Asking,

    /// How to print: text, or one JSON object per line.
    #[arg(short, long, value_enum, default_value_t = Format::Text)]
    pub format: Format,

    /// Colour: auto is for terminals, and respects NO_COLOR.
    #[arg(long, value_enum, default_value_t = Color::Auto)]
    pub color: Color,

    /// Where the machine's file system is mounted, for a sigwhy that runs in a
    /// container.
    #[arg(long, value_name = "DIR", default_value = "/")]
    pub root: PathBuf,
}

/// How to print.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Text,
    Json,
}

impl Looking {
    /// The machine.
    ///
    /// # Errors
    /// When there is no `/proc` to read.
    pub fn root(&self) -> anyhow::Result<Root> {
        let proc = self.root.join("proc");
        std::fs::read_dir(&proc).with_context(|| {
            Trouble::InContainer.known(format!(
                "cannot list {}: mount a procfs there",
                proc.display()
            ))
        })?;
        Ok(Root::new(&self.root))
    }

    pub fn is_text(&self) -> bool {
        self.format == Format::Text
    }

    /// Prints what was found; `text` is told whether to use colours.
    ///
    /// # Errors
    /// Those of standard output.
    pub fn print<T: Serialize>(
        &self,
        found: &[T],
        text: impl FnOnce(&mut dyn Write, bool) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut out = io::stdout().lock();
        match self.format {
            Format::Json => {
                for one in found {
                    // Through a String: an error of the writer must stay an
                    // io::Error, which tells a closed pipe from a failure.
                    let json = serde_json::to_string(one)?;
                    writeln!(out, "{json}")?;
                }
            }
            Format::Text => {
                let colour = self.color.wanted(out.is_terminal(), &Variables::from_env());
                text(&mut out, colour)?;
            }
        }
        out.flush()
    }
}
