//! `sigwhy lab`: lessons about what the kernel does with signals, made on
//! the machine that it runs on.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{anyhow, bail};
use clap::builder::PossibleValuesParser;
use clap::{Subcommand, ValueEnum};

use crate::capture::Session;
use crate::lab::cue::Cues;
use crate::lab::docker::{self, Docker};
use crate::lab::play::{self, Interrupt, Manner, Scene};
use crate::lab::scenario::Scenario;
use crate::lab::scenarios;
use crate::lab::show::{self, Show};
use crate::output::color::{Color, Variables};
use crate::output::text::Paint;

/// Exit code when a prediction did not hold.
const REFUTED: u8 = 3;
/// Exit code of a run that was interrupted.
const INTERRUPTED: u8 = 130;

/// The grace period in seconds: long enough to be felt.
const GRACE: u64 = 2;

/// Columns of a terminal within which lines are made to fit it.
const COLUMNS: std::ops::RangeInclusive<usize> = 40..=100;

/// The name that means every lesson.
const ALL: &str = "all";

/// This program itself, even if its file has been replaced meanwhile.
const SELF: &str = "/proc/self/exe";

/// Learn what the kernel does with signals, from your own kernel.
///
/// Each lesson says what it expects, makes a container (a PID namespace; no
/// runtime is needed), sends real signals while tracing them, shows what the
/// kernel did, and checks its own prediction. Nothing outside of that container
/// is touched, and nothing is left behind. The list is a course: begin at its top.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    pub command: Command,
}

/// What to do with the lessons.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List the lessons, in the order in which they are best read.
    List {
        /// Colour: auto is for terminals, and respects NO_COLOR.
        #[arg(long, value_enum, default_value_t = Color::Auto)]
        color: Color,
    },
    /// Tell what lessons do, what they expect and why, without running them.
    ///
    /// Needs no privileges.
    Show {
        /// The lessons, or `all`.
        #[arg(required = true, value_name = "NAME", value_parser = names())]
        names: Vec<String>,

        /// Colour: auto is for terminals, and respects NO_COLOR.
        #[arg(long, value_enum, default_value_t = Color::Auto)]
        color: Color,
    },
    Run(Run),
}

/// Run lessons. Exits with 0 if the predictions held, with 3 if not.
#[derive(Debug, clap::Args)]
pub struct Run {
    /// The lessons, or `all`.
    #[arg(required = true, value_name = "NAME", value_parser = names())]
    pub names: Vec<String>,

    /// Wait for Enter before each step. At the end of the input the rest goes on by
    /// itself; Ctrl-C leaves.
    #[arg(long)]
    pub step: bool,

    /// Show under each signal every test of the kernel's on the way to its decision,
    /// in words and as the kernel has it, with this signal's values. So does -v.
    #[arg(long)]
    pub explain: bool,

    /// Play in real containers: Docker makes them from an empty image, with this
    /// program mounted into it, and `docker stop` sends where a lesson stops one.
    /// They share the host's network and have no SELinux label, so that they can be
    /// told what to do. What Docker does not allow is left out of `all`.
    #[arg(long)]
    pub docker: bool,

    /// The time between SIGTERM and SIGKILL in lessons that have one, in
    /// seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = GRACE, value_parser = clap::value_parser!(u64).range(0..=3600))]
    pub grace: u64,

    /// How to print: text, or one JSON object per lesson and line.
    #[arg(short, long, value_enum, default_value_t = Format::Text)]
    pub format: Format,

    /// Colour: auto is for terminals, and respects NO_COLOR.
    #[arg(long, value_enum, default_value_t = Color::Auto)]
    pub color: Color,

    #[command(flatten)]
    pub attach: super::Attach,
}

/// How to print.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Text for people.
    Text,
    /// One JSON object per lesson.
    Json,
}

fn names() -> PossibleValuesParser {
    let names = scenarios::ALL.iter().map(|scenario| scenario.name);
    PossibleValuesParser::new(names.chain([ALL]))
}

/// Lists or runs.
///
/// # Errors
/// When tracing cannot start, a lesson cannot be played, or output cannot be
/// written.
pub fn run(args: Args, verbose: bool) -> anyhow::Result<ExitCode> {
    match args.command {
        Command::List { color } => {
            let mut out = io::stdout().lock();
            let options = options(color, false);
            show::list(
                &mut out,
                scenarios::COURSE,
                options.columns,
                Paint(options.color),
            )?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Show { names, color } => {
            let options = options(color, false);
            let grace = Duration::from_secs(GRACE);
            let mut said = Vec::new();
            for (index, scenario) in choose(&names)?.into_iter().enumerate() {
                if index > 0 {
                    Show::new(&mut said, &options).gap()?;
                }
                show::page(&mut said, scenario, grace, &options)?;
            }
            let mut out = io::stdout().lock();
            out.write_all(&said)?;
            out.flush()?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Run(args) => {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            let result = runtime.block_on(play_all(&args, verbose));
            // A stage that hangs must not keep us: its processes end with ours.
            runtime.shutdown_background();
            result
        }
    }
}

/// For standard output.
fn options(color: Color, explain: bool) -> show::Options {
    let is_terminal = io::stdout().is_terminal();
    let size = is_terminal.then(terminal_size::terminal_size).flatten();
    show::Options {
        color: color.wanted(is_terminal, &Variables::from_env()),
        columns: size.map_or(show::COLUMNS, |(width, _)| {
            usize::from(width.0).clamp(*COLUMNS.start(), *COLUMNS.end())
        }),
        explain,
        echo: io::stdin().is_terminal(),
        time: jiff::tz::TimeZone::system(),
    }
}

async fn play_all(args: &Run, verbose: bool) -> anyhow::Result<ExitCode> {
    if args.step && args.format == Format::Json {
        bail!("--step is for people, and --format json is not: choose one of them");
    }
    let explain = args.explain || verbose;
    let mut chosen = choose(&args.names)?;
    if args.docker {
        chosen = for_docker(chosen, args)?;
    }
    // Before any process is made: whoever may not trace hears of it first.
    let (mut session, _) = Session::start(
        &play::load_options(&args.attach.forced, &chosen),
        explain,
        Vec::new(),
    )?;
    let mut interrupt = Interrupt::new()?;
    let mut out = io::stdout();
    let options = options(args.color, explain);
    let mut show = (args.format == Format::Text).then(|| Show::new(io::stdout(), &options));
    let stdin = || Box::new(io::stdin().lock()) as Box<dyn io::BufRead>;
    let mut manner = Manner {
        grace: Duration::from_secs(args.grace),
        cues: args.step.then(|| Cues::of(stdin)).transpose()?,
        docker: args.docker.then(Docker::new).transpose()?.map(Arc::new),
    };
    let mut refuted = Vec::new();
    for (index, scenario) in chosen.iter().copied().enumerate() {
        if let Some(show) = &mut show {
            if index > 0 {
                show.gap()?;
            }
            show.prediction(scenario)?;
        }
        let scene = |scene: Scene<'_>| match &mut show {
            Some(show) => Ok(show.scene(&scene)?),
            None => Ok(()),
        };
        let exe = Path::new(SELF);
        let played = play::play(
            &mut session,
            scenario,
            exe,
            &mut manner,
            &mut interrupt,
            scene,
        )
        .await?;
        let Some(report) = played else {
            super::tell(&format!("interrupted during {}", scenario.name));
            return Ok(ExitCode::from(INTERRUPTED));
        };
        match &mut show {
            Some(show) => show.verdict(&report)?,
            None => {
                // Through a String: an error of the writer must stay an io::Error,
                // which tells a closed pipe from a failure.
                let json = serde_json::to_string(&report)?;
                writeln!(out, "{json}")?;
                out.flush()?;
            }
        }
        if !report.held() {
            refuted.push(scenario.name);
        }
    }
    if let Some(show) = &mut show
        && chosen.len() > 1
    {
        show.tally(chosen.len(), &refuted)?;
    }
    Ok(match refuted.is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::from(REFUTED),
    })
}

/// Those that docker's containers can play.
fn for_docker(
    chosen: Vec<&'static Scenario>,
    args: &Run,
) -> anyhow::Result<Vec<&'static Scenario>> {
    if args.grace == 0 {
        bail!("docker stop needs time to send SIGTERM first: with --docker, --grace is at least 1");
    }
    let is_all = args.names.iter().any(|name| name == ALL);
    let mut playable = Vec::new();
    for scenario in chosen {
        let name = scenario.name;
        match docker::why_not(scenario) {
            None => playable.push(scenario),
            Some(why) if is_all => super::tell(&format!("left out of --docker: {name}: {why}")),
            Some(why) => bail!("{name} cannot be played with --docker: {why}"),
        }
    }
    Ok(playable)
}

fn choose(names: &[String]) -> anyhow::Result<Vec<&'static Scenario>> {
    if names.iter().any(|name| name == ALL) {
        return Ok(scenarios::ALL.to_vec());
    }
    names
        .iter()
        .map(|name| {
            scenarios::find(name)
                .ok_or_else(|| anyhow!("there is no lesson {name:?}: `sigwhy lab list` shows them"))
        })
        .collect()
}
