//! What one kernel and ladder had to say: a column of the report, read from
//! what the guest prints.
//!
//! libtest's lines, the `start` record of a `sigwhy live`, and the facts that
//! the tests leave in files, which init.sh prints behind `fact`.

use std::collections::HashMap;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Ok,
    Failed,
    /// Could not be played there, and why.
    Skipped(String),
    /// Never heard of: the guest ended before.
    Missing,
}

impl Verdict {
    pub const fn is_bad(&self) -> bool {
        matches!(self, Self::Failed | Self::Missing)
    }
}

/// How large the kernel found a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    pub name: String,
    /// Instructions that the verifier walked; "-" before 5.16.
    pub verified: String,
    /// Bytes after the verifier's rewriting.
    pub xlated: String,
}

/// One kernel, one ladder.
pub struct Column {
    pub kernel: String,
    pub version: String,
    pub ladder: &'static str,
    /// The fuzzer's seed and random experiments.
    pub seed: u64,
    pub runs: u64,
    /// `(hook, how)`, from the `start` record.
    pub hooks: Vec<(String, String)>,
    pub programs: Vec<Program>,
    verdicts: HashMap<String, Verdict>,
    /// Seconds.
    pub boot: Option<f64>,
    pub suite: Option<f64>,
    pub fuzz: Option<f64>,
    /// The test binary's exit code.
    pub suite_code: Option<u8>,
    /// What is wrong with the guest itself.
    pub broken: Option<&'static str>,
}

impl Column {
    pub fn new(kernel: &str, version: &str, ladder: &'static str, seed: u64, runs: u64) -> Self {
        Self {
            kernel: kernel.to_owned(),
            version: version.to_owned(),
            ladder,
            seed,
            runs,
            hooks: Vec::new(),
            programs: Vec::new(),
            verdicts: HashMap::new(),
            boot: None,
            suite: None,
            fuzz: None,
            suite_code: None,
            broken: None,
        }
    }

    /// Such as `6.1/kprobe`.
    pub fn label(&self) -> String {
        format!("{}/{}", self.kernel, self.ladder)
    }

    /// Reads a line of the output.
    pub fn see(&mut self, line: &str) {
        if let Some(fact) = line.strip_prefix("fact ") {
            self.fact(fact);
        } else if let Some(hooks) = hooks(line) {
            self.hooks = hooks;
        } else if let Some((name, verdict)) = verdict(line) {
            self.set(name, verdict);
        }
    }

    fn fact(&mut self, fact: &str) {
        match fact.split('\t').collect::<Vec<_>>()[..] {
            ["skip", name, why] => {
                // libtest calls it passed. One that failed after all has failed.
                if self.get(name) != Verdict::Failed {
                    self.set(name, Verdict::Skipped(why.to_owned()));
                }
            }
            ["insns", name, verified, xlated] => self.programs.push(Program {
                name: name.to_owned(),
                verified: verified.to_owned(),
                xlated: xlated.to_owned(),
            }),
            _ => {}
        }
    }

    pub fn set(&mut self, name: &str, verdict: Verdict) {
        self.verdicts.insert(name.to_owned(), verdict);
    }

    pub fn get(&self, name: &str) -> Verdict {
        let known = self.verdicts.get(name).cloned();
        known.unwrap_or(Verdict::Missing)
    }

    /// The names of the tests that ended so.
    pub fn named<'a>(
        &self,
        tests: &'a [String],
        wanted: impl Fn(&Verdict) -> bool,
    ) -> Vec<&'a str> {
        tests
            .iter()
            .filter(|name| wanted(&self.get(name)))
            .map(String::as_str)
            .collect()
    }

    pub fn passed(&self, tests: &[String]) -> bool {
        self.broken.is_none()
            && self.suite_code == Some(0)
            && self.named(tests, Verdict::is_bad).is_empty()
    }

    /// The column in one line, failures by name.
    pub fn line(&self, tests: &[String]) -> String {
        let count = |wanted: fn(&Verdict) -> bool| self.named(tests, wanted).len();
        let mut line = format!(
            "{:14} boot {}, suite {}, fuzz {}: {} passed, {} skipped",
            self.label(),
            seconds(self.boot),
            seconds(self.suite),
            seconds(self.fuzz),
            count(|verdict| *verdict == Verdict::Ok),
            count(|verdict| matches!(verdict, Verdict::Skipped(_))),
        );
        for (bad, word) in [(Verdict::Failed, "FAILED"), (Verdict::Missing, "missing")] {
            let names = self.named(tests, |verdict| *verdict == bad);
            // A guest that died early misses nearly all of them.
            let few = &names[..names.len().min(20)];
            if !names.is_empty() {
                line += &format!(", {} {word}: {}", names.len(), few.join(" "));
            }
        }
        if let Some(broken) = self.broken {
            line += &format!("; {broken}");
        }
        line
    }
}

/// Seconds for a person.
pub fn seconds(value: Option<f64>) -> String {
    value.map_or("-".into(), |s| format!("{s:.1} s"))
}

/// `test NAME ... ok`, and the other ends that libtest knows.
fn verdict(line: &str) -> Option<(&str, Verdict)> {
    let (name, end) = line.strip_prefix("test ")?.split_once(" ... ")?;
    let verdict = match end.split([' ', ',']).next()? {
        "ok" => Verdict::Ok,
        "FAILED" => Verdict::Failed,
        "ignored" => {
            let why = end.split_once(", ").map_or("ignored", |(_, why)| why);
            Verdict::Skipped(why.to_owned())
        }
        _ => return None,
    };
    Some((name, verdict))
}

/// The `hooks` of a `start` record: an object of plain words.
fn hooks(line: &str) -> Option<Vec<(String, String)>> {
    let record = line.strip_prefix(r#"{"type":"start""#)?;
    let (_, after) = record.split_once(r#""hooks":{"#)?;
    let (object, _) = after.split_once('}')?;
    object
        .split(',')
        .map(|pair| {
            let (hook, way) = pair.split_once(':')?;
            Some((hook.trim_matches('"').into(), way.trim_matches('"').into()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column() -> Column {
        Column::new("6.1", "linux 6.1", "kprobe", 7, 300)
    }

    #[test]
    fn libtests_lines_are_read() {
        assert_eq!(verdict("test a::b ... ok"), Some(("a::b", Verdict::Ok)));
        assert_eq!(
            verdict("test c ... ignored, takes minutes"),
            Some(("c", Verdict::Skipped("takes minutes".into())))
        );
        assert_eq!(verdict("test d ... FAILED"), Some(("d", Verdict::Failed)));
        assert_eq!(verdict("test result: ok. 3 passed; 0 failed"), None);
        assert_eq!(verdict("test d has been running for over 60 seconds"), None);
    }

    #[test]
    fn hooks_are_those_of_the_start_record() {
        let mut column = column();
        column.see(r#"{"type":"start","ts":"x","hooks":{"signal_generate":"raw_tp","oom":null},"filters":{}}"#);
        let words = |hook: &str, way: &str| (hook.to_owned(), way.to_owned());
        assert_eq!(
            column.hooks,
            [words("signal_generate", "raw_tp"), words("oom", "null")]
        );
        assert_eq!(hooks(r#"{"type":"stop"}"#), None);
    }

    #[test]
    fn a_skip_is_not_a_pass_and_hides_no_failure() {
        let tests = ["a".to_owned(), "b".to_owned()];
        let mut column = column();
        column.suite_code = Some(0);
        column.see("test a ... ok");
        column.see("test b ... ok");
        column.see("fact skip\tb\tno v1 freezer");
        assert_eq!(column.get("b"), Verdict::Skipped("no v1 freezer".into()));
        assert!(column.passed(&tests));
        column.see("test b ... FAILED");
        column.see("fact skip\tb\tno v1 freezer");
        assert_eq!(column.get("b"), Verdict::Failed);
        assert!(!column.passed(&tests));
    }

    #[test]
    fn what_was_never_heard_of_is_a_failure() {
        let tests = ["a".to_owned(), "b".to_owned()];
        let mut column = column();
        column.suite_code = Some(0);
        column.see("test a ... ok");
        let line = column.line(&tests);
        assert!(line.contains("1 passed, 0 skipped, 1 missing: b"), "{line}");
        assert!(!column.passed(&tests));
    }

    #[test]
    fn a_suite_that_crashed_at_its_end_has_failed() {
        let mut column = column();
        column.see("test a ... ok");
        column.suite_code = Some(101);
        assert!(!column.passed(&["a".to_owned()]));
    }

    #[test]
    fn programs_are_measured() {
        let mut column = column();
        column.see("fact insns\tgenerate_tp_btf\t16000\t9000");
        assert_eq!(column.programs[0].verified, "16000");
    }
}
