//! `sigwhy lab`: demonstrations of what the kernel does with signals, made on
//! the machine that it runs on.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::anyhow;
use clap::builder::PossibleValuesParser;
use clap::{Subcommand, ValueEnum};

use crate::capture::Session;
use crate::lab::play::{self, Interrupt, Scene};
use crate::lab::scenario::Scenario;
use crate::lab::scenarios;
use crate::lab::show::{self, Show};
use crate::lab::stage::Manner;
use crate::output::color::{Color, Variables};

/// Exit code when a prediction did not hold.
const REFUTED: u8 = 3;
/// Exit code of a run that was interrupted.
const INTERRUPTED: u8 = 130;

/// The name that means every scenario.
const ALL: &str = "all";

/// This program itself, even if its file has been replaced meanwhile.
const SELF: &str = "/proc/self/exe";

/// Learn what the kernel does with signals, from your own kernel.
///
/// Each scenario says what it expects, makes a container (a PID namespace; no
/// runtime is needed), sends real signals while tracing them, shows what the
/// kernel did, and checks its own prediction. Nothing outside of that container
/// is touched, and nothing is left behind.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    pub command: Command,
}

/// What to do with the scenarios.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List the scenarios.
    List {
        /// Colour: auto is for terminals, and respects NO_COLOR.
        #[arg(long, value_enum, default_value_t = Color::Auto)]
        color: Color,
    },
    Run(Run),
}

/// Run scenarios. Exits with 0 if the predictions held, with 3 if not.
///
/// With -v, shows under each signal the kernel's tests on the way to its
/// decision.
#[derive(Debug, clap::Args)]
pub struct Run {
    /// The scenarios, or `all`.
    #[arg(required = true, value_name = "NAME", value_parser = names())]
    pub names: Vec<String>,

    /// The time between SIGTERM and SIGKILL in scenarios that have one, in
    /// seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 2, value_parser = clap::value_parser!(u64).range(0..=3600))]
    pub grace: u64,

    /// How to print: text, or one JSON object per scenario and line.
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
    /// One JSON object per scenario.
    Json,
}

fn names() -> PossibleValuesParser {
    let names = scenarios::ALL.iter().map(|scenario| scenario.name);
    PossibleValuesParser::new(names.chain([ALL]))
}

/// Lists or runs.
///
/// # Errors
/// When tracing cannot start, a scenario cannot be played, or output cannot be
/// written.
pub fn run(args: Args, verbose: bool) -> anyhow::Result<ExitCode> {
    match args.command {
        Command::List { color } => {
            let mut out = io::stdout().lock();
            let color = color.wanted(out.is_terminal(), &Variables::from_env());
            show::list(&mut out, scenarios::ALL, color)?;
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

async fn play_all(args: &Run, verbose: bool) -> anyhow::Result<ExitCode> {
    let chosen = choose(&args.names)?;
    // Before any process is made: whoever may not trace hears of it first.
    let (mut session, _) = Session::start(
        &play::load_options(&args.attach.forced, &chosen),
        verbose,
        Vec::new(),
    )?;
    let mut interrupt = Interrupt::new()?;
    let mut out = io::stdout();
    let options = show::Options {
        color: args.color.wanted(out.is_terminal(), &Variables::from_env()),
        verbose,
        time: jiff::tz::TimeZone::system(),
    };
    let mut show = (args.format == Format::Text).then(|| Show::new(io::stdout(), &options));
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
        let manner = Manner {
            grace: Duration::from_secs(args.grace),
            stepwise: false,
        };
        let exe = Path::new(SELF);
        let played = play::play(&mut session, scenario, exe, manner, &mut interrupt, scene).await?;
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

fn choose(names: &[String]) -> anyhow::Result<Vec<&'static Scenario>> {
    if names.iter().any(|name| name == ALL) {
        return Ok(scenarios::ALL.to_vec());
    }
    names
        .iter()
        .map(|name| {
            scenarios::find(name).ok_or_else(|| {
                anyhow!("there is no scenario {name:?}: `sigwhy lab list` shows them")
            })
        })
        .collect()
}
