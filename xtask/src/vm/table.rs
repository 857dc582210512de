//! What passed on which kernel, read from what libtest prints.

use std::collections::HashMap;
use std::fmt::Write as _;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Ok,
    Failed,
    Ignored,
    /// Never heard of: the guest ended before.
    Missing,
}

impl Verdict {
    const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Failed => "FAILED",
            Self::Ignored => "ignored",
            Self::Missing => "missing",
        }
    }

    const fn is_bad(self) -> bool {
        matches!(self, Self::Failed | Self::Missing)
    }
}

/// One kernel.
pub struct Column {
    label: String,
    verdicts: HashMap<String, Verdict>,
    /// Seconds, of the boot and of the two jobs.
    pub boot: Option<f64>,
    pub suite: Option<f64>,
    pub fuzz: Option<f64>,
    /// The test binary's exit code.
    pub suite_code: Option<u8>,
    /// What is wrong with the guest itself.
    pub broken: Option<&'static str>,
}

impl Column {
    pub fn new(label: &str) -> Self {
        Self {
            label: label.to_owned(),
            verdicts: HashMap::new(),
            boot: None,
            suite: None,
            fuzz: None,
            suite_code: None,
            broken: None,
        }
    }

    /// Reads a line of the test binary's output.
    pub fn see(&mut self, line: &str) {
        if let Some((name, verdict)) = verdict(line) {
            self.set(name, verdict);
        }
    }

    pub fn set(&mut self, name: &str, verdict: Verdict) {
        self.verdicts.insert(name.to_owned(), verdict);
    }

    fn get(&self, name: &str) -> Verdict {
        let known = self.verdicts.get(name).copied();
        known.unwrap_or(Verdict::Missing)
    }

    fn count(&self, tests: &[String], wanted: Verdict) -> usize {
        tests.iter().filter(|name| self.get(name) == wanted).count()
    }

    fn passed(&self, tests: &[String]) -> bool {
        self.broken.is_none()
            && self.suite_code == Some(0)
            && !tests.iter().any(|name| self.get(name).is_bad())
    }

    /// The kernel in one line, failures by name.
    pub fn line(&self, table: &Table) -> String {
        let tests = &table.tests;
        let seconds = |value: Option<f64>| value.map_or("-".into(), |s| format!("{s:.1} s"));
        let mut line = format!(
            "{:6} boot {}, suite {}, fuzz {}: {} passed",
            self.label,
            seconds(self.boot),
            seconds(self.suite),
            seconds(self.fuzz),
            self.count(tests, Verdict::Ok),
        );
        for bad in [Verdict::Failed, Verdict::Missing] {
            let names: Vec<&str> = tests
                .iter()
                .filter(|name| self.get(name) == bad)
                .map(String::as_str)
                .collect();
            if !names.is_empty() {
                let _ = write!(
                    line,
                    ", {} {}: {}",
                    names.len(),
                    bad.word(),
                    names.join(" ")
                );
            }
        }
        if let Some(broken) = self.broken {
            let _ = write!(line, "; {broken}");
        }
        line
    }
}

/// All kernels beside each other.
pub struct Table {
    tests: Vec<String>,
    columns: Vec<Column>,
}

impl Table {
    pub fn new(tests: Vec<String>) -> Self {
        Self {
            tests,
            columns: Vec::new(),
        }
    }

    pub fn add(&mut self, column: Column) {
        self.columns.push(column);
    }

    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    pub fn all_passed(&self) -> bool {
        self.columns.iter().all(|column| column.passed(&self.tests))
    }

    /// A row for each test, in the order of the test binary's own list.
    pub fn markdown(&self) -> String {
        let mut text = String::from("| test |");
        for column in &self.columns {
            let _ = write!(text, " {} |", column.label);
        }
        text += "\n|---|";
        text += &"---|".repeat(self.columns.len());
        text.push('\n');
        for name in &self.tests {
            let _ = write!(text, "| {name} |");
            for column in &self.columns {
                let _ = write!(text, " {} |", column.get(name).word());
            }
            text.push('\n');
        }
        text
    }
}

/// `test NAME ... ok`, and the other ends that libtest knows.
fn verdict(line: &str) -> Option<(&str, Verdict)> {
    let (name, end) = line.strip_prefix("test ")?.split_once(" ... ")?;
    let verdict = match end.split([' ', ',']).next()? {
        "ok" => Verdict::Ok,
        "FAILED" => Verdict::Failed,
        "ignored" => Verdict::Ignored,
        _ => return None,
    };
    Some((name, verdict))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libtests_lines_are_read() {
        assert_eq!(verdict("test a::b ... ok"), Some(("a::b", Verdict::Ok)));
        assert_eq!(
            verdict("test c ... ignored, takes minutes"),
            Some(("c", Verdict::Ignored))
        );
        assert_eq!(verdict("test d ... FAILED"), Some(("d", Verdict::Failed)));
        assert_eq!(verdict("test result: ok. 3 passed; 0 failed"), None);
        assert_eq!(verdict("test d has been running for over 60 seconds"), None);
    }

    #[test]
    fn a_test_that_was_never_heard_of_is_a_failure() {
        let mut table = Table::new(vec!["a".into(), "b".into()]);
        let mut column = Column::new("6.1");
        column.suite_code = Some(0);
        column.see("test a ... ok");
        let line = column.line(&table);
        assert!(line.contains("1 passed, 1 missing: b"), "{line}");
        table.add(column);
        assert!(!table.all_passed());
        let expected = "| test | 6.1 |\n|---|---|\n| a | ok |\n| b | missing |\n";
        assert_eq!(table.markdown(), expected);
    }

    #[test]
    fn a_suite_that_crashed_at_its_end_has_failed() {
        let mut table = Table::new(vec!["a".into()]);
        let mut column = Column::new("6.1");
        column.see("test a ... ok");
        column.suite_code = Some(101);
        table.add(column);
        assert!(!table.all_passed());
    }
}
