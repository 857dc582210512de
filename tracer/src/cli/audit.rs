//! `sigwhy audit`: what a stop would do to each container, before anything
//! happens.

use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use anyhow::Context as _;

use super::live::plan::parse_duration;
use super::looking::Looking;
use super::which::{Which, tell_unseen};
use crate::audit::{Audit, KNOWN, look, text};
use crate::container::{Root, Wanted};
use crate::diagnosis::Id;
use crate::snapshot;
use crate::trouble::Trouble;

/// Exit code where `--fail-on` found something.
const FOUND: u8 = 3;

/// Say what a stop would do to each container, before anything happens.
///
/// Who hears the stop signal and who passes it on, which processes with a handler
/// would be killed without having heard it, who does not reap its dead, whose
/// STOPSIGNAL is not what PID 1 handles. Reads /proc and the runtimes' files, sends
/// no signal and loads nothing into the kernel: fit for a CI of images. What a
/// program does in its handler cannot be seen from outside, and is no finding.
///
/// Exits with 0, or with 3 where --fail-on found something.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    pub which: Which,

    #[command(flatten)]
    pub looking: Looking,

    /// Exit with 3 where this was found: any (problem, for which a stop would be
    /// ungraceful: run --fail-on calls it that), or diagnoses such as
    /// pid1-shell-wrapper, notes too; also a list with commas. Fails with 1 where no
    /// such container runs.
    #[arg(long, value_name = "WHAT", value_delimiter = ',', value_parser = parse_fail_on)]
    pub fail_on: Vec<FailOn>,

    /// First wait until every one of them has run for so long: one that has just
    /// started may not have set its handlers yet.
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub settle: Option<Duration>,
}

/// What makes the exit code 3.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailOn {
    Any,
    Diagnosis(Id),
}

fn parse_fail_on(text: &str) -> Result<FailOn, String> {
    // The second is what `run` calls a stop that went as a problem foretells.
    if matches!(text, "any" | "ungraceful") {
        return Ok(FailOn::Any);
    }
    let found = Id::find(text).filter(|id| KNOWN.contains(id));
    found.map(FailOn::Diagnosis).ok_or_else(|| {
        let ids: Vec<_> = KNOWN.iter().map(|id| id.cli()).collect();
        format!("there are any, {}", ids.join(", "))
    })
}

impl FailOn {
    fn is_met(self, audit: &Audit) -> bool {
        match self {
            Self::Any => audit.has_problem(),
            Self::Diagnosis(id) => audit.has(id),
        }
    }
}

/// Looks and prints.
///
/// # Errors
/// When there is no `/proc` to read, when a check finds nothing to check, or when
/// the output cannot be written.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let (root, wanted) = (args.looking.root()?, args.which.wanted());
    let patience = args.looking.asking.patience();
    if let Some(settle) = args.settle {
        settled(&root, &wanted, settle, patience);
    }
    let audits = look::look(&root, &wanted, patience);
    let unseen = snapshot::unseen(&root);
    tell_unseen(unseen);
    // A check of an image that is not there must not pass, nor one of what may not
    // be looked at.
    if !args.fail_on.is_empty() {
        if audits.is_empty() {
            let line = "no such container runs, so nothing was checked";
            return Err(Trouble::NoSuchContainer.error(line));
        }
        if unseen > 0 && wanted.is_all() {
            let line = "not every process may be looked at, so not every container was checked: run with sudo";
            return Err(Trouble::HiddenProcesses.error(line));
        }
    }
    if audits.is_empty() && !wanted.is_all() && args.looking.is_text() {
        super::tell(&format!(
            "none of these containers runs{}",
            Trouble::NoSuchContainer.more()
        ));
        return Ok(ExitCode::SUCCESS);
    }
    args.looking
        .print(&audits, |mut out, colour| {
            text::render(&audits, &mut out, colour)
        })
        .context(super::WRITING)?;
    let is_met = |fail_on: &FailOn| audits.iter().any(|audit| fail_on.is_met(audit));
    Ok(match args.fail_on.iter().any(is_met) {
        true => ExitCode::from(FOUND),
        false => ExitCode::SUCCESS,
    })
}

/// Waits until the youngest is old enough, but once only: others may start all
/// the time.
fn settled(root: &Root, wanted: &Wanted, settle: Duration, patience: Option<Duration>) {
    if let Some(age) = look::youngest_ns(root, wanted, patience) {
        thread::sleep(settle.saturating_sub(Duration::from_nanos(age)));
    }
}
