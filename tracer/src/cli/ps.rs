//! `sigwhy ps`: the containers that run now, by name, with the fate of the
//! signal that stops each.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::ValueEnum;

use crate::container::Root;
use crate::output::color::{Color, Variables};
use crate::snapshot::{self, Dead, Row};

use super::which::{Asking, Which};

/// List the containers that run now, and what would become of their stop signal.
///
/// Names, images and pods come from the runtimes' files, and where those do not
/// tell, from the runtimes, which have half a second to answer. PID namespaces that no
/// runtime claims are listed too. The last column says what would happen to the
/// signal that `docker stop` and its like send: a container whose PID 1 has no
/// handler for it drops it, and is killed when the grace period is over. Loads
/// nothing into the kernel; without root only what may be read is listed.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    pub which: Which,

    #[command(flatten)]
    pub asking: Asking,

    /// How to print the list: text, or one JSON object per line.
    #[arg(short, long, value_enum, default_value_t = Format::Text)]
    pub format: Format,

    /// When to use colours. `auto`: on a terminal, unless NO_COLOR is set.
    #[arg(long, value_enum, default_value_t = Color::Auto, value_name = "WHEN")]
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

/// Looks and prints.
///
/// # Errors
/// When there is no `/proc` to read, or the output cannot be written.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let proc = args.root.join("proc");
    std::fs::read_dir(&proc)
        .with_context(|| format!("cannot list {}: mount a procfs there", proc.display()))?;
    let wanted = args.which.wanted();
    let mut rows = snapshot::list(&Root::new(&args.root), Dead::Out, args.asking.patience());
    rows.retain(|row| wanted.takes(row));
    super::which::tell_unseen(snapshot::unseen(&Root::new(&args.root)));
    if rows.is_empty() && !wanted.is_all() && args.format == Format::Text {
        super::tell("none of these containers runs");
        return Ok(ExitCode::SUCCESS);
    }
    print(&args, &rows).context(super::WRITING)?;
    Ok(ExitCode::SUCCESS)
}

fn print(args: &Args, rows: &[Row]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match args.format {
        Format::Json => {
            for row in rows {
                // Through a String: an error of the writer must stay an
                // io::Error, which tells a closed pipe from a failure.
                let json = serde_json::to_string(row)?;
                writeln!(out, "{json}")?;
            }
        }
        Format::Text => {
            let colour = args.color.wanted(out.is_terminal(), &Variables::from_env());
            snapshot::text::render(rows, &mut out, colour)?;
        }
    }
    out.flush()
}
