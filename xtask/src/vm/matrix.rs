//! The whole suite on every kernel, here and in guests, by every way to attach:
//! what is run, how many at a time, and when all of it counts as passed.

use std::collections::VecDeque;
use std::path::Path;
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use super::Binaries;
use super::column::{Column, Verdict};
use super::guest::Guest;
use super::kernels::{Kernel, Scratch};
use super::ladder::{self, Ladder};
use super::qemu::{self, Broken, Output, Ran};
use super::table::Table;
use crate::failure::{Context as _, Result, fail};
use crate::workspace::{self, ContextNone as _, Workspace};

/// Seconds that a guest has for everything: emulated, the tests take ten times
/// as long as here.
pub const TIMEOUT: u64 = 1200;

/// Runs of the fuzzer for each column.
pub const FUZZ_RUNS: u64 = 300;

/// Tests at a time: each waits for most of its time, and more of them would
/// make signals of one test noise in the others' captures.
const TEST_THREADS: &str = "2";

/// By what the tests stretch their patience in a guest.
const SLOW: &str = "10";

pub(super) const ATTACH: &str = "attach";
pub(super) const SUITE: &str = "suite";
const FACTS: &str = "facts";
pub(super) const FUZZ: &str = "fuzz";

/// What the command line asked for.
pub struct Wanted {
    /// Only tests whose name holds this; the fuzzer is `fuzz_kernel`.
    pub filter: Option<String>,
    pub runs: u64,
    /// Each column's differs from the next one's.
    pub seed: u64,
    /// Seconds for one guest.
    pub timeout: u64,
    /// Guests at a time; `None`: one for each processor.
    pub jobs: Option<u64>,
    /// Also the ignored tests, and every test in every column.
    pub full: bool,
    /// Every ladder is to be run, so that each may leave some tests to the first.
    pub all_ladders: bool,
    /// Guests play only the tests whose name begins so; this machine plays all.
    pub guests_only: Option<&'static [&'static str]>,
}

impl Wanted {
    fn has_fuzz(&self) -> bool {
        let filter = self.filter.as_deref();
        filter.is_none_or(|filter| FUZZ_NAME.contains(filter))
    }
}

/// The runs so far.
pub struct Matrix<'a> {
    pub(super) ws: &'a Workspace,
    pub(super) binaries: Binaries,
    pub(super) wanted: Wanted,
    /// What the filter leaves of the two.
    pub(super) has_suite: bool,
    pub(super) has_fuzz: bool,
    pub(super) table: Table,
}

impl<'a> Matrix<'a> {
    /// Builds what is to be run.
    pub fn new(ws: &'a Workspace, wanted: Wanted) -> Result<Self> {
        let binaries = Binaries::build(ws)?;
        let mut tests = listed(ws, &binaries, wanted.filter.as_deref())?;
        let (has_suite, has_fuzz) = (!tests.is_empty(), wanted.has_fuzz());
        if has_fuzz {
            tests.push(FUZZ_NAME.to_owned());
        }
        if tests.is_empty() {
            return fail("no test has that in its name");
        }
        let table = Table {
            tests,
            ..Table::default()
        };
        Ok(Self {
            ws,
            binaries,
            wanted,
            has_suite,
            has_fuzz,
            table,
        })
    }

    pub(super) fn column(
        &self,
        kernel: &str,
        version: &str,
        ladder: &'static Ladder,
        at: usize,
    ) -> Column {
        let at = u64::try_from(self.table.columns.len() + at).unwrap_or_default();
        let seed = self.wanted.seed.wrapping_add(at);
        let mut column = Column::new(kernel, version, ladder.id, seed, self.wanted.runs);
        if !self.has_suite {
            column.suite_code = Some(0);
        }
        if let Some(parts) = self.parts(ladder) {
            let is_played = |name: &str| parts.iter().any(|part| name.starts_with(part));
            let others = |name: &&String| !is_played(name) && *name != FUZZ_NAME;
            for name in self.table.tests.iter().filter(others) {
                column.set(name, Verdict::Skipped(WHY_PART.to_owned()));
            }
        } else if self.leaves_out(ladder) {
            let once = |name: &&String| ladder::ONCE.iter().any(|part| name.starts_with(part));
            for name in self.table.tests.iter().filter(once) {
                column.set(name, Verdict::Skipped(ladder::WHY_ONCE.to_owned()));
            }
        }
        column
    }

    /// What this ladder's guests are to play, if not all.
    fn parts(&self, ladder: &Ladder) -> Option<&'static [&'static str]> {
        let is_guest = ladder::GUEST.contains(ladder);
        self.wanted.guests_only.filter(|_| is_guest)
    }

    fn leaves_out(&self, ladder: &Ladder) -> bool {
        let is_first = [ladder::HERE, ladder::GUEST]
            .iter()
            .any(|ladders| ladders.first() == Some(ladder));
        let wanted = &self.wanted;
        wanted.all_ladders && !wanted.full && wanted.filter.is_none() && !is_first
    }

    /// A job's command line, here by the binaries' paths, in a guest by the
    /// names that they have in its /bin.
    pub(super) fn argv(
        &self,
        job: &str,
        here: bool,
        ladder: &Ladder,
        seed: u64,
    ) -> Result<Vec<String>> {
        let program = |name: &'static str| -> Result<String> {
            if !here {
                return Ok(name.to_owned());
            }
            let path = match name {
                "sigwhy" => &self.binaries.sigwhy,
                test => self.binaries.test(test).context_none("no such binary")?,
            };
            let text = path.to_str().context_none("the path is not UTF-8")?;
            Ok(text.to_owned())
        };
        let runs = self.wanted.runs.to_string();
        let seed = seed.to_string();
        let mut argv = match job {
            ATTACH => vec![program("sigwhy")?],
            FUZZ => vec![program("fuzz_kernel")?],
            _ => vec![program("integration")?],
        };
        let rest: &[&str] = match job {
            ATTACH => &["live", "--format", "json", "--duration", "1ms"],
            FUZZ => &["--runs", &runs, "--seed", &seed],
            _ => &["--test-threads", TEST_THREADS],
        };
        argv.extend(rest.iter().map(|word| (*word).to_owned()));
        if job == SUITE {
            if let Some(parts) = self.parts(ladder) {
                argv.extend(parts.iter().map(|part| (*part).to_owned()));
            } else if self.leaves_out(ladder) {
                for part in ladder::ONCE {
                    argv.extend(["--skip".to_owned(), (*part).to_owned()]);
                }
            }
            if self.wanted.full {
                argv.push("--include-ignored".into());
            }
            argv.extend(self.wanted.filter.clone());
        }
        Ok(argv)
    }

    /// In guests, some at a time; each that ends is told, and goes to the report
    /// at once, so that what is known survives whatever comes next.
    pub fn guests(
        &mut self,
        kernels: &[Kernel],
        ladders: &[&'static Ladder],
        report: Option<&Path>,
    ) -> Result<()> {
        let first = self.table.columns.len();
        let scratch = Scratch::new(self.ws)?;
        let mut waiting = VecDeque::new();
        for kernel in kernels {
            for ladder in ladders {
                let at = waiting.len();
                let column = self.column(&kernel.label, &kernel.version, ladder, at);
                let initramfs = scratch.0.join(format!("initramfs-{at}"));
                waiting.push_back((at, kernel, *ladder, column, initramfs));
            }
        }
        let count = waiting.len();
        let (waiting, done) = (Mutex::new(waiting), Mutex::new(Vec::new()));
        let work = || -> Result<()> {
            loop {
                let next = lock(&waiting).pop_front();
                let Some((at, kernel, ladder, mut column, initramfs)) = next else {
                    return Ok(());
                };
                self.guest(ladder, column.seed)?.write(&initramfs)?;
                self.on_kernel(kernel, &initramfs, &mut column)?;
                // They are 30 MB each.
                let _ = std::fs::remove_file(&initramfs);
                eprintln!("xtask: {}", column.line(&self.table.tests));
                lock(&done).push((at, column));
            }
        };
        let jobs = match self.wanted.jobs {
            Some(jobs) => usize::try_from(jobs.max(1)).unwrap_or(1),
            None => thread::available_parallelism().map_or(1, usize::from),
        };
        let ended: Vec<Result<()>> = thread::scope(|scope| {
            let workers: Vec<_> = (0..jobs.min(count)).map(|_| scope.spawn(work)).collect();
            let joined = workers.into_iter().map(|worker| worker.join());
            joined
                .map(|end| end.unwrap_or_else(|_| fail("a worker panicked")))
                .collect()
        });
        let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
        done.sort_by_key(|(at, _)| *at);
        let columns = done.into_iter().map(|(_, column)| column);
        self.table.columns.extend(columns);
        if let Some(report) = report {
            self.write(report)?;
        }
        ended.into_iter().collect::<Result<Vec<()>>>()?;
        let bad = self.table.columns[first..]
            .iter()
            .filter(|column| !column.passed(&self.table.tests));
        self.verdict(&bad.map(Column::label).collect::<Vec<_>>())
    }

    fn guest(&self, ladder: &Ladder, seed: u64) -> Result<Guest> {
        let words = |line: &[&str]| -> Vec<String> { line.iter().map(|w| (*w).into()).collect() };
        let mut guest = Guest::new(Some(self.wanted.timeout + 60))?;
        self.binaries.add_to(&mut guest)?;
        // Where cargo would run them.
        guest.directory(&self.ws.root.join("tracer"))?;
        for (key, value) in [
            ("SIGWHY_TEST_SLOW", SLOW),
            // The machine is the test's own: it may do anything to it.
            ("SIGWHY_TEST_GUEST", "1"),
            ("SIGWHY_TEST_SKIPS", "/vm/skips"),
            ("SIGWHY_TEST_FACTS", "/vm/facts"),
            ("SIGWHY_ATTACH", ladder.attach),
            ("RUST_BACKTRACE", "0"),
        ] {
            guest.variable(key, value);
        }
        guest.job(ATTACH, &self.argv(ATTACH, false, ladder, seed)?);
        if self.has_suite {
            guest.job(SUITE, &self.argv(SUITE, false, ladder, seed)?);
        }
        let tell = "touch /vm/skips /vm/facts; sed 's/^/fact skip\t/' /vm/skips; sed 's/^/fact /' /vm/facts";
        guest.job(FACTS, &words(&["sh", "-c", tell]));
        if self.has_fuzz {
            guest.job(FUZZ, &self.argv(FUZZ, false, ladder, seed)?);
        }
        Ok(guest)
    }

    fn on_kernel(&self, kernel: &Kernel, initramfs: &Path, column: &mut Column) -> Result<()> {
        let label = column.label();
        let mut see = |line: &str| column.see(line);
        let limit = Some(Duration::from_secs(self.wanted.timeout));
        let ran = qemu::run(
            self.ws,
            kernel,
            initramfs,
            limit,
            Output::Lines(&label, &mut see),
        )?;
        note(column, &ran);
        Ok(())
    }

    /// Writes the report.
    pub fn write(&self, to: &Path) -> Result<()> {
        std::fs::write(to, self.table.markdown())
            .context(|| format!("cannot write {}", to.display()))
    }

    /// A line for each column.
    pub fn summary(&self) {
        for column in &self.table.columns {
            eprintln!("xtask: {}", column.line(&self.table.tests));
        }
    }

    /// Whether all of it has passed. After a `whole` run no test may have been
    /// skipped everywhere either.
    pub fn judge(&self, whole: bool) -> Result<()> {
        self.verdict(&self.table.bad())?;
        let nowhere = self.table.ran_nowhere();
        if whole && !nowhere.is_empty() {
            return fail(format!("skipped everywhere: {}", nowhere.join(" ")));
        }
        Ok(())
    }

    pub(super) fn verdict(&self, bad: &[String]) -> Result<()> {
        if bad.is_empty() {
            return Ok(());
        }
        fail(format!(
            "not all passed on {}; to repeat: cargo xtask vm test --seed {} --kernel K [FILTER]",
            bad.join(", "),
            self.wanted.seed
        ))
    }
}

/// What the fuzzer is called among the tests.
pub(super) const FUZZ_NAME: &str = "fuzz_kernel";

const WHY_PART: &str = "left to `cargo xtask vm test`, which plays everything in guests too";

pub(super) const UNATTACHED: &str = "the hooks do not attach in this way";

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(super) const fn verdict_of(code: u8) -> Verdict {
    if code == 0 {
        Verdict::Ok
    } else {
        Verdict::Failed
    }
}

/// The names of the tests that the filter lets through.
fn listed(ws: &Workspace, binaries: &Binaries, filter: Option<&str>) -> Result<Vec<String>> {
    let Some(integration) = binaries.test("integration") else {
        return fail("there is no integration test binary");
    };
    let mut list: Command = ws.command(integration);
    list.args(["--list", "--format", "terse"]).args(filter);
    let Some(text) = workspace::output(&mut list) else {
        return fail("the integration tests do not list themselves");
    };
    let names = text.lines().filter_map(|line| line.strip_suffix(": test"));
    Ok(names.map(str::to_owned).collect())
}

/// Adds what is known of the guest as a whole.
fn note(column: &mut Column, ran: &Ran) {
    column.boot = ran.boot;
    column.broken = ran.broken.map(|broken| match broken {
        Broken::NoBoot => "never reached user space",
        Broken::TimedOut => "took too long (--timeout SECONDS)",
        Broken::Died => "the guest died",
    });
    for job in &ran.jobs {
        match job.name.as_str() {
            ATTACH if job.code != 0 => column.broken = Some(UNATTACHED),
            SUITE => {
                column.suite = Some(job.seconds);
                column.suite_code = Some(job.code);
            }
            FUZZ => {
                column.fuzz = Some(job.seconds);
                column.set(FUZZ_NAME, verdict_of(job.code));
            }
            _ => {}
        }
    }
}
