//! `sigwhy ps`: the containers that run now, by name, with the fate of the
//! signal that stops each.

use std::process::ExitCode;

use anyhow::Context as _;

use crate::snapshot::{self, Dead};

use super::looking::Looking;
use super::which::{Which, tell_unseen};

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
    pub looking: Looking,
}

/// Looks and prints.
///
/// # Errors
/// When there is no `/proc` to read, or the output cannot be written.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let (root, wanted) = (args.looking.root()?, args.which.wanted());
    let mut rows = snapshot::list(&root, Dead::Out, args.looking.asking.patience());
    rows.retain(|row| wanted.takes(row));
    tell_unseen(snapshot::unseen(&root));
    if rows.is_empty() && !wanted.is_all() && args.looking.is_text() {
        super::tell("none of these containers runs");
        return Ok(ExitCode::SUCCESS);
    }
    args.looking
        .print(&rows, |mut out, colour| {
            snapshot::text::render(&rows, &mut out, colour)
        })
        .context(super::WRITING)?;
    Ok(ExitCode::SUCCESS)
}
