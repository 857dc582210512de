//! The stages of `cargo xtask test`: announced, timed, summed up at the end.

use std::time::{Duration, Instant};

use crate::failure::{Failure, Result};

/// How a stage ended.
enum Outcome {
    Passed,
    Failed(String),
    /// Could not run here; CI counts that as a failure.
    NotRun(String),
}

/// The stages so far.
pub struct Report {
    ci: bool,
    stages: Vec<(&'static str, Duration, Outcome)>,
}

impl Report {
    /// An empty one; in CI nothing may be left out.
    pub fn new(ci: bool) -> Self {
        Self {
            ci,
            stages: Vec::new(),
        }
    }

    /// Runs a stage. A failure does not keep the next ones from running, so
    /// that one run shows all there is to mend. Returns whether it passed, for a
    /// stage that the next ones cannot do without.
    pub fn stage(&mut self, name: &'static str, body: impl FnOnce() -> Result<()>) -> bool {
        eprintln!("\nxtask: === {name}");
        let start = Instant::now();
        let outcome = match body() {
            Ok(()) => Outcome::Passed,
            Err(Failure::Task(why) | Failure::Usage(why)) => Outcome::Failed(why),
        };
        let passed = matches!(outcome, Outcome::Passed);
        self.end(name, start.elapsed(), outcome);
        passed
    }

    /// Notes a stage that cannot run here.
    pub fn cannot_run(&mut self, name: &'static str, why: &str) {
        eprintln!("\nxtask: === {name}");
        let outcome = if self.ci {
            Outcome::Failed(format!("cannot run, and CI skips nothing: {why}"))
        } else {
            Outcome::NotRun(why.to_owned())
        };
        self.end(name, Duration::ZERO, outcome);
    }

    fn end(&mut self, name: &'static str, took: Duration, outcome: Outcome) {
        let line = line(name, took, &outcome);
        eprintln!("xtask: {line}");
        self.stages.push((name, took, outcome));
    }

    /// Prints the summary; true when nothing failed.
    pub fn finish(self) -> bool {
        let total: Duration = self.stages.iter().map(|(_, took, _)| *took).sum();
        eprintln!("\nxtask: === summary");
        for (name, took, outcome) in &self.stages {
            eprintln!("xtask: {}", line(name, *took, outcome));
        }
        let count =
            |wanted: fn(&Outcome) -> bool| self.stages.iter().filter(|(_, _, o)| wanted(o)).count();
        let failed = count(|o| matches!(o, Outcome::Failed(_)));
        let not_run = count(|o| matches!(o, Outcome::NotRun(_)));
        let passed = self.stages.len() - failed - not_run;
        eprintln!(
            "xtask: {passed} stages passed, {failed} failed, {not_run} not run, in {:.1} s",
            total.as_secs_f64()
        );
        failed == 0
    }
}

fn line(name: &str, took: Duration, outcome: &Outcome) -> String {
    let (word, why) = match outcome {
        Outcome::Passed => ("ok", ""),
        Outcome::Failed(why) => ("FAILED", why.as_str()),
        Outcome::NotRun(why) => ("NOT RUN", why.as_str()),
    };
    let line = format!("{word:8} {name:14} {:6.1} s  {why}", took.as_secs_f64());
    line.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::fail;

    #[test]
    fn a_failure_lets_the_rest_run_and_fails_the_whole() {
        let mut report = Report::new(false);
        let mut ran = false;
        assert!(!report.stage("one", || fail("broken")));
        assert!(report.stage("two", || {
            ran = true;
            Ok(())
        }));
        assert!(ran);
        assert!(!report.finish());
    }

    #[test]
    fn what_cannot_run_fails_in_ci_only() {
        for ci in [false, true] {
            let mut report = Report::new(ci);
            report.cannot_run("kernel tests", "not root");
            assert_eq!(report.finish(), !ci);
        }
    }
}
