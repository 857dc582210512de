//! `sigwhy __specimen`: a throw-away process of the laboratory. Not for people.

use std::process::ExitCode;

pub use crate::lab::arena::SpecimenArgs as Args;

use crate::lab::arena;

/// Obeys an arena until it hangs up.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    arena::run_specimen(args)
}
