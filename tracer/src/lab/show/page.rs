//! A scenario that is read, not played.

use std::io::{self, Write};
use std::time::Duration;

use super::{Options, Show};
use crate::lab::scenario::{Scenario, Step};
use crate::output::wrap::wrap;

/// Prints what a scenario does, what it expects and why, without running
/// anything.
///
/// # Errors
/// Those of the writer.
pub fn page(
    out: &mut impl Write,
    scenario: &Scenario,
    grace: Duration,
    options: &Options,
) -> io::Result<()> {
    let mut show = Show::new(out, options);
    show.title(scenario)?;
    show.see(scenario)?;
    show.heading("WHO IS THERE", "")?;
    show.steps(scenario.setup, grace, |_| "  - ".to_owned())?;
    writeln!(show.out)?;
    show.heading("WHAT HAPPENS", "")?;
    show.steps(scenario.steps, grace, |number| format!("{number:>3}. "))?;
    writeln!(show.out)?;
    show.heading("PREDICTION", "")?;
    show.paragraph(scenario.prediction)?;
    writeln!(show.out)?;
    for expect in scenario.expected {
        let line = wrap(&expect.to_string(), options.columns, "  - ", "    ");
        writeln!(show.out, "{line}")?;
    }
    show.points(&["no other signal"])?;
    writeln!(show.out)?;
    show.heading("WHY", "")?;
    show.lesson(scenario)?;
    show.exercises(scenario)?;
    writeln!(show.out)?;
    let run = format!("sudo sigwhy lab run {}", scenario.name);
    show.heading("RUN IT", &run)?;
    show.out.flush()
}

impl<W: Write> Show<W> {
    /// The steps that there are words for.
    fn steps(
        &mut self,
        steps: &[Step],
        grace: Duration,
        mark: impl Fn(usize) -> String,
    ) -> io::Result<()> {
        let words = steps.iter().filter_map(|step| step.words(grace));
        for (number, words) in (1..).zip(words) {
            let first = mark(number);
            let rest = " ".repeat(first.len());
            let line = wrap(&words, self.options.columns, &first, &rest);
            writeln!(self.out, "{line}")?;
        }
        Ok(())
    }
}
