//! The documents about the kernel, held to the code: `docs/kernel*.md` name every
//! reason, every rule and every case, name nothing else that looks like one, and
//! the experiments that they print do print that. [`printed`] holds what the other
//! pages print. (Links are `cargo xtask book`'s, and tables the unit tests'.)

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail, ensure};
use sigwhy::decide::Reason;
use sigwhy::lab::scenarios;

use crate::harness::skip::skip;

mod printed;

const RULES: &str = include_str!("../docs/kernel.md");
const ZAP: &str = include_str!("../docs/kernel-zap.md");
const BELIEFS: &str = include_str!("../docs/kernel-beliefs.md");
const PAGES: [&str; 3] = [RULES, ZAP, BELIEFS];

/// The model: what it calls its rules, and the kernel's functions.
const MODEL: [&str; 4] = [
    include_str!("../tracer/src/decide/force.rs"),
    include_str!("../tracer/src/decide/generate.rs"),
    include_str!("../tracer/src/decide/complete.rs"),
    include_str!("../tracer/src/decide/deliver.rs"),
];

/// The model's own tests, some of which prove what no case can.
const MODEL_TESTS: [&str; 5] = [
    include_str!("../tracer/src/decide/tests/children.rs"),
    include_str!("../tracer/src/decide/tests/deliver.rs"),
    include_str!("../tracer/src/decide/tests/init.rs"),
    include_str!("../tracer/src/decide/tests/ordinary.rs"),
    include_str!("../tracer/src/decide/tests/sweep.rs"),
];

/// What stands between backticks, fenced blocks left out.
fn quoted(page: &str) -> impl Iterator<Item = &str> {
    page.split("\n```")
        .step_by(2)
        .flat_map(|prose| prose.split('`').skip(1).step_by(2))
}

fn is_word(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// The model's string literals that are names: rules (`function/test`, or a
/// function that is one test), and functions.
fn names_of_the_model() -> BTreeSet<&'static str> {
    MODEL
        .iter()
        .flat_map(|source| source.lines())
        .filter(|line| !line.trim_start().starts_with("//"))
        .flat_map(|line| line.split('"').skip(1).step_by(2))
        .filter(|literal| literal.split('/').all(is_word))
        .filter(|literal| literal.contains(['_', '/']))
        .filter(|literal| literal.contains(|c: char| c.is_ascii_lowercase()))
        .collect()
}

/// The cases of this very binary: `cases::FILE::NAME`.
fn cases() -> anyhow::Result<BTreeSet<String>> {
    let list = Command::new(std::env::current_exe()?)
        .arg("--list")
        .output()?;
    let list = String::from_utf8(list.stdout)?;
    let cases = list
        .lines()
        .filter_map(|line| line.strip_suffix(": test")?.strip_prefix("cases::"))
        .filter_map(|path| path.split_once("::"))
        // The others hold what cases are made of, and tests of that.
        .filter(|(file, name)| !["scene", "cgroup", "whole"].contains(file) && is_word(name))
        .map(|(_, name)| name.to_owned());
    Ok(cases.collect())
}

/// `e06_...`, `x12b_...`: a letter, digits, perhaps a letter, a line.
fn looks_like_a_case(text: &str) -> bool {
    let number = text.get(1..).unwrap_or_default();
    let rest = number.trim_start_matches(|c: char| c.is_ascii_digit());
    let end = rest.strip_prefix(|c: char| c.is_ascii_lowercase());
    is_word(text)
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && rest.len() < number.len()
        && end.unwrap_or(rest).starts_with('_')
}

#[test]
fn every_reason_and_rule_is_explained() {
    let known: BTreeSet<_> = quoted(RULES).collect();
    for reason in Reason::ALL {
        assert!(
            known.contains(reason.id()),
            "docs/kernel.md lacks `{}`",
            reason.id()
        );
    }
    let names = names_of_the_model();
    assert!(names.len() > 35, "{names:?}");
    for name in &names {
        assert!(RULES.contains(name), "docs/kernel.md lacks {name}");
        assert!(
            !name.contains('/') || known.contains(name),
            "docs/kernel.md lacks `{name}`"
        );
    }
    // And no rule is explained that there is not.
    let functions: BTreeSet<_> = names.iter().filter_map(|n| n.split('/').next()).collect();
    for word in PAGES.into_iter().flat_map(quoted) {
        if let Some((function, _)) = word.split_once('/')
            && functions.contains(function)
        {
            assert!(names.contains(word), "no rule is called {word}");
        }
    }
}

#[test]
fn every_case_is_mentioned_and_every_mention_is_a_case() -> anyhow::Result<()> {
    let cases = cases()?;
    ensure!(cases.len() > 90, "{cases:?}");
    let quoted: BTreeSet<_> = PAGES.into_iter().flat_map(quoted).collect();
    let missing: Vec<_> = cases
        .iter()
        .filter(|case| !quoted.contains(case.as_str()))
        .collect();
    ensure!(
        missing.is_empty(),
        "docs/kernel*.md lack the cases {missing:?}"
    );
    let unknown: Vec<_> = quoted
        .iter()
        .filter(|word| looks_like_a_case(word) && !cases.contains(**word))
        .collect();
    ensure!(unknown.is_empty(), "no cases are called {unknown:?}");
    Ok(())
}

#[test]
fn what_is_referred_to_is_there() {
    for word in PAGES.into_iter().flat_map(quoted) {
        if let Some(name) = word.strip_prefix("sigwhy lab run ") {
            let name = name.split(' ').next().unwrap_or_default();
            assert!(scenarios::find(name).is_some(), "no scenario: {word}");
        }
        if word.starts_with("decide::tests::") {
            let name = word.rsplit("::").next().unwrap_or_default();
            let function = format!("fn {name}()");
            assert!(
                MODEL_TESTS.iter().any(|source| source.contains(&function)),
                "no test: {word}"
            );
        }
    }
}

/// A line after `$ `, and what is printed below it.
#[derive(Debug, PartialEq, Eq)]
struct Experiment {
    command: String,
    prints: String,
}

fn experiments(page: &str) -> Vec<Experiment> {
    let mut all: Vec<Experiment> = Vec::new();
    for block in page.split(BLOCK).skip(1) {
        let block = block.split("\n```").next().unwrap_or_default();
        for line in block.lines() {
            match (line.strip_prefix("$ "), all.last_mut()) {
                (Some(command), _) => all.push(Experiment {
                    command: command.to_owned(),
                    prints: String::new(),
                }),
                (None, Some(last)) => last.prints += &format!("{line}\n"),
                (None, None) => {}
            }
        }
    }
    all
}

/// What begins a block that a test holds to what is printed.
const BLOCK: &str = "\n```console\n";

/// Runs all of them in one shell in `dir`, as a reader would.
fn perform(experiments: &[Experiment], dir: &Path) -> anyhow::Result<Vec<String>> {
    const MARK: &str = "\u{1}\n";
    let script: String = experiments
        .iter()
        .map(|experiment| format!("{}\nprintf '\\001\\n'\n", experiment.command))
        .collect();
    let bin = Path::new(env!("CARGO_BIN_EXE_sigwhy"))
        .parent()
        .context("the binary is in a directory")?;
    let path = format!(
        "{}:{}",
        bin.display(),
        std::env::var("PATH").unwrap_or_default()
    );
    let output = Command::new("timeout")
        .args(["-k", "5", "150", "bash", "-c"])
        .arg(format!("exec 2>&1\n{script}"))
        .env("PATH", path)
        .env("LC_ALL", "C")
        .env("TZ", "UTC")
        .env("COLUMNS", "80")
        .current_dir(dir)
        .stdin(Stdio::null())
        .output()
        .context("running bash")?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok(text.split_terminator(MARK).map(str::to_owned).collect())
}

/// What keeps the experiments from being made here.
fn lacking() -> Option<String> {
    if !cfg!(target_arch = "x86_64") {
        return Some("the pages have system call numbers of x86-64".to_owned());
    }
    let has = |tool: &str| {
        std::env::var_os("PATH")
            .is_some_and(|path| std::env::split_paths(&path).any(|dir| dir.join(tool).is_file()))
    };
    let tools = [
        "bash", "dash", "busybox", "perl", "unshare", "nsenter", "setsid", "timeout", "pgrep", "ps",
    ];
    // A guest has only busybox.
    if let Some(tool) = tools.into_iter().find(|tool| !has(tool)) {
        return Some(format!("no {tool}"));
    }
    let mounts = std::fs::read_to_string("/proc/mounts").unwrap_or_default();
    let Some(cgroup) = mounts
        .lines()
        .filter_map(|line| {
            let mut fields = line.split(' ').skip(1);
            let dir = fields.next()?;
            (fields.next()? == "cgroup2").then_some(dir)
        })
        .next()
    else {
        return Some("no cgroup v2".to_owned());
    };
    // The root has no cgroup.kill: a new one has, on a kernel that knows it.
    let probe = Path::new(cgroup).join(format!("sigwhy-test-{}-docs", std::process::id()));
    if std::fs::create_dir(&probe).is_err() {
        return Some("no cgroup v2 that may be changed".to_owned());
    }
    let kills = probe.join("cgroup.kill").exists();
    let _ = std::fs::remove_dir(&probe);
    (!kills).then(|| "no cgroup.kill".to_owned())
}

#[test]
fn every_experiment_prints_what_is_printed() -> anyhow::Result<()> {
    if let Some(what) = lacking() {
        skip(&what);
        return Ok(());
    }
    try_page("docs/kernel-zap.md", &experiments(ZAP))?;
    let all = experiments(BELIEFS);
    ensure!(all.len() > 25, "{all:#?}");
    try_page("docs/kernel-beliefs.md", &all)
}

/// Everything that a page prints, in one shell.
fn try_page(page: &str, experiments: &[Experiment]) -> anyhow::Result<()> {
    // They wait for fixed times, as a reader would: a busy machine gets three goes.
    let mut wrong = String::new();
    for _ in 0..3 {
        let printed = perform(experiments, Path::new("."))?;
        wrong.clear();
        for (index, experiment) in experiments.iter().enumerate() {
            let got = printed.get(index).map_or("(never run)", String::as_str);
            if got != experiment.prints {
                wrong += &format!(
                    "$ {}\nwant {:?}\ngot  {got:?}\n",
                    experiment.command, experiment.prints
                );
            }
        }
        if wrong.is_empty() {
            return Ok(());
        }
        eprintln!("{wrong}");
    }
    bail!("{page} prints what is not so:\n{wrong}")
}

#[test]
fn the_readers_of_the_pages_read() {
    let page = "`a/b` and\n\n```console\n$ one `x`\n1\n2\n$ two\n```\n\nthen `e1b_c`\n";
    assert_eq!(quoted(page).collect::<Vec<_>>(), ["a/b", "e1b_c"]);
    let read: Vec<_> = experiments(page)
        .into_iter()
        .map(|e| (e.command, e.prints))
        .collect();
    let want = [("one `x`", "1\n2\n"), ("two", "")].map(|(a, b)| (a.to_owned(), b.to_owned()));
    assert_eq!(read, want);
    assert!(looks_like_a_case("e06_term") && looks_like_a_case("x12b_a"));
    assert!(!looks_like_a_case("is_word") && !looks_like_a_case("e06"));
    assert!(!looks_like_a_case("rt_sigqueueinfo") && !looks_like_a_case("x86-64"));
}
