//! `sigwhy run`: trace while a command runs, then a verdict about what it ended.

use std::{
    ffi::OsString,
    io::{self, IsTerminal as _, Write},
    process::{ExitCode, ExitStatus},
};

use anyhow::Context as _;
use clap::ValueEnum;
use tokio::{
    signal::unix::{SignalKind, signal},
    time::{Duration, Instant},
};
use tracer_common::signals::{SIGCHLD, SIGURG, mask};

use super::command::{spawn, until};
use super::live::{ending::code_of, plan::parse_duration, tales::Tales};
use crate::{
    capture::Session,
    cli,
    diagnosis::Id,
    kernel::load,
    output::{
        Sink as _,
        color::{Color, Variables},
        json::Json,
        text,
    },
    record::{Episode, EpisodeState, Record},
    trouble::Trouble,
    view::View,
};

/// Everything but what says nothing about an end: SIG32 and SIG33 are the C
/// library's own. SIGWINCH stays: it is the stop signal of some images.
const SIGNALS: u64 = !(mask(SIGCHLD) | mask(SIGURG) | mask(32) | mask(33));

/// How long after the command the last events may take to arrive.
const STRAGGLERS: Duration = Duration::from_millis(150);

/// Terminations told at most: a command that ends more is a test of thousands of
/// containers, whose place is a recording.
const NOTES: usize = 1000;

/// Exit code where `--fail-on` found something.
const FOUND: u8 = 3;

/// Run a command, such as `docker stop web`, and tell how what it terminated
/// came to its end.
///
/// The verdict comes on standard error after the command has ended, one note for
/// each container that was terminated meanwhile, by the command or by another:
/// what happened when, how much time was wasted, the cause, and what to do about
/// it. The command's own output is left alone. A container that has not ended
/// when the command does is waited for.
///
/// Exits with the command's code, or with 3 where --fail-on found something; with
/// 1 where --fail-on had nothing to judge, since there was no container of those
/// that were asked for; with 127 where there is no such command, and with 126
/// where it cannot be started.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Exit with 3 where this was the case: ungraceful (killed, crashed, stuck, a
    /// stop signal without effect, or a SIGTERM handler that never ran), or
    /// diagnoses such as grace-expired-kill; also a list with commas.
    #[arg(long, value_name = "WHAT", value_delimiter = ',', value_parser = parse_fail_on)]
    pub fail_on: Vec<FailOn>,

    /// How long after the command a container that is ending is waited for.
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = parse_duration)]
    pub grace_after: Duration,

    #[command(flatten)]
    pub which: super::which::Which,

    #[command(flatten)]
    pub asking: super::which::Asking,

    /// How to tell: with json, `episode` records on stdout, and the command's
    /// output goes to stderr.
    #[arg(short, long, value_enum, default_value_t = Format::Text)]
    pub format: Format,

    /// Colour: auto is for terminals, and respects NO_COLOR.
    #[arg(long, value_enum, default_value_t = Color::Auto)]
    pub color: Color,

    #[command(flatten)]
    pub attach: super::Attach,

    /// What to run.
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub command: Vec<OsString>,
}

/// How to tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Notes for people, on standard error.
    Text,
    /// One JSON object per episode, on standard output.
    Json,
}

/// What makes the exit code 3.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailOn {
    Ungraceful,
    Diagnosis(Id),
}

fn parse_fail_on(text: &str) -> Result<FailOn, String> {
    if text == "ungraceful" {
        return Ok(FailOn::Ungraceful);
    }
    Id::find_recorded(text)
        .map(FailOn::Diagnosis)
        .map_err(|known| format!("there are ungraceful, {known}"))
}

impl FailOn {
    fn is_met(self, episode: &Episode) -> bool {
        match self {
            Self::Ungraceful => episode.ungraceful,
            Self::Diagnosis(id) => episode.diagnoses.iter().any(|d| d.id == id.id()),
        }
    }
}

/// Traces while the command runs, then tells.
///
/// # Errors
/// When tracing cannot start, the command cannot, or output cannot be written.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(trace(&args))
}

/// What came of it.
struct Seen {
    /// `None` where it was interrupted.
    status: Option<ExitStatus>,
    /// The command, where it still runs.
    left: Option<u32>,
    /// At most [`NOTES`], by when they began.
    episodes: Vec<Episode>,
    /// There were more.
    has_more: bool,
    /// Whether `--fail-on` holds for one of those.
    more_is_met: bool,
    lost: u64,
    /// There was a container of those that were asked for.
    matched: bool,
}

async fn trace(args: &Args) -> anyhow::Result<ExitCode> {
    let options = load::Options {
        signal_set: SIGNALS,
        forced: args.attach.forced.clone(),
        sockets: args.asking.may(),
        ..load::Options::default()
    };
    let (mut session, start) = Session::start(&options, false, Vec::new())?;
    let mut tales = Tales::default();
    tales.take(&[Record::Start(Box::new(start))]);
    let mut seen = follow(args, &mut session, &mut tales).await?;

    let mut records = Vec::new();
    session.finish(&mut records);
    let loss = session.loss()?;
    seen.lost = loss.ring_full + crate::capture::missing(&loss);
    records.push(Record::Loss(loss));
    tales.take(&records);
    tales.finish(session.when_now());
    seen.add(args, tales.told());
    seen.matched = seen.matched
        || !seen.episodes.is_empty()
        || args.which.takes_any_now(args.asking.patience());
    seen.tell(args).context(cli::WRITING)?;
    if !seen.matched {
        cli::tell(&format!(
            "no container is or was one of {}{}{}",
            args.which.given(),
            match args.fail_on.is_empty() {
                true => "",
                false => ": --fail-on had nothing to judge",
            },
            Trouble::NoSuchContainer.more()
        ));
    }
    Ok(seen.exit_code(args))
}

/// Until the command has ended and what it ended has as well.
async fn follow(args: &Args, session: &mut Session, tales: &mut Tales) -> anyhow::Result<Seen> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let matched = args.which.takes_any_now(args.asking.patience());
    let mut child = spawn(&args.command, args.format == Format::Json)?.context("nothing to run")?;
    let mut view = shown(args);
    let mut seen = Seen {
        matched,
        status: None,
        left: None,
        episodes: Vec::new(),
        has_more: false,
        more_is_met: false,
        lost: 0,
    };
    let mut records = Vec::new();
    let mut pressed = false;
    let mut ended: Option<Instant> = None;
    loop {
        let last = ended.map(|at| at + args.grace_after.max(STRAGGLERS));
        let wake = match ended {
            Some(at) if at + STRAGGLERS > Instant::now() => Some(at + STRAGGLERS),
            _ => last,
        };
        tokio::select! {
            biased;
            _ = terminate.recv() => break,
            _ = interrupt.recv() => {
                // The first one is the command's, which has got it as well.
                if ended.is_some() || std::mem::replace(&mut pressed, true) {
                    break;
                }
            }
            status = child.wait(), if ended.is_none() => {
                seen.status = Some(status?);
                ended = Some(Instant::now());
            }
            () = until(wake) => {}
            () = until(tales.at()) => {}
            ready = session.ready() => ready?,
        }
        session.drain(&mut records);
        if let Some(loss) = session.new_loss()? {
            records.push(Record::Loss(loss));
        }
        tales.take(&records);
        seen.matched = seen.matched || records.iter().any(|record| is_of_one(record, &mut view));
        records.clear();
        tales.tick(session.told_when());
        seen.add(args, tales.told());
        let now = Instant::now();
        if ended.is_some_and(|at| now >= at + STRAGGLERS)
            && (!tales.is_waiting() || last.is_some_and(|last| now >= last))
        {
            break;
        }
    }
    if seen.status.is_none() {
        match child.try_wait()? {
            status @ Some(_) => seen.status = status,
            None => seen.left = child.id(),
        }
    }
    Ok(seen)
}

/// What was asked for.
fn shown(args: &Args) -> View {
    View {
        containers: args.which.wanted(),
        ..View::default()
    }
}

/// Whether it is about a container that was asked for.
fn is_of_one(record: &Record, view: &mut View) -> bool {
    let is_about_one = matches!(
        record,
        Record::Signal(_) | Record::Deliver(_) | Record::Exit(_) | Record::Zap(_)
    );
    is_about_one && view.shows(record)
}

impl Seen {
    /// A later word on an episode takes the place of an earlier one.
    fn add(&mut self, args: &Args, told: Vec<Record>) {
        let mut view = shown(args);
        for record in told {
            if !view.shows(&record) {
                continue;
            }
            let Record::Episode(episode) = record else {
                continue;
            };
            let has_room = self.episodes.len() < NOTES;
            let known = self.episodes.iter_mut().find(|e| e.id == episode.id);
            match known {
                Some(known) => *known = *episode,
                None if has_room => self.episodes.push(*episode),
                None => {
                    self.has_more = true;
                    self.more_is_met |= args.fail_on.iter().any(|f| f.is_met(&episode));
                }
            }
        }
    }

    fn tell(&self, args: &Args) -> io::Result<()> {
        if args.format == Format::Json {
            let mut json = Json::new(io::stdout().lock());
            for episode in &self.episodes {
                json.record(&Record::Episode(Box::new(episode.clone())))?;
            }
            return json.flush();
        }
        let mut err = io::stderr().lock();
        let color = args.color.wanted(err.is_terminal(), &Variables::from_env());
        let mut note = String::new();
        for episode in &self.episodes {
            note.push('\n');
            note.push_str(&text::verdict(episode, color));
        }
        note.push_str(&self.remarks());
        err.write_all(note.as_bytes())
    }

    fn remarks(&self) -> String {
        let mut text = String::new();
        if self.episodes.is_empty() && self.matched {
            text.push_str("sigwhy: no container was terminated\n");
        }
        if self.has_more {
            text.push_str(&format!(
                "sigwhy: only the first {NOTES} terminations are told; record them all with `sigwhy record`\n"
            ));
        }
        match (self.status, self.left) {
            (None, Some(pid)) => text.push_str(&format!(
                "sigwhy: interrupted before the command ended; it still runs, as process {pid}\n"
            )),
            (None, None) => text.push_str("sigwhy: interrupted before the command ended\n"),
            (Some(_), _) => {}
        }
        let open = |episode: &&Episode| episode.state == EpisodeState::Open;
        if self.status.is_some() && self.episodes.iter().any(|e| open(&e)) {
            text.push_str("sigwhy: not all had ended when waiting did (--grace-after)\n");
        }
        if self.lost > 0 {
            text.push_str(&format!(
                "sigwhy: {} events were lost, so something may be missing{}\n",
                self.lost,
                Trouble::EventsLost.more()
            ));
        }
        text
    }

    fn exit_code(&self, args: &Args) -> ExitCode {
        let is_met = |fail_on: &FailOn| self.episodes.iter().any(|e| fail_on.is_met(e));
        match self.status {
            _ if self.more_is_met || args.fail_on.iter().any(is_met) => ExitCode::from(FOUND),
            // A check of nobody is not one that holds.
            Some(status) if status.success() && !self.matched && !args.fail_on.is_empty() => {
                ExitCode::from(1)
            }
            Some(status) => code_of(status),
            None => ExitCode::from(130),
        }
    }
}
