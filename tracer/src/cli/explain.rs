//! `sigwhy explain`: what the kernel would do with a signal, and what the words
//! of sigwhy mean.

use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::ValueEnum;

use crate::decide::{Frozen, names};
use crate::explain::{
    self, From, Question, Set, State, Target,
    page::{self, Topic},
    table, text,
};
use crate::output::{
    color::{Color, Variables},
    text::Paint,
};

const EXAMPLES: &str = "\
Examples:
  sigwhy explain --signal TERM --init
  sigwhy explain --signal KILL --init --from host
  sigwhy explain --signal TERM --init --blocked
  sigwhy explain --table --init
  sigwhy explain unkillable_init";

/// Ask what the kernel would do with a signal, or what a word of sigwhy means.
///
/// With --signal, answers from sigwhy's model of the kernel, which is held to real
/// kernels from 5.10 to 7.x: what becomes of the signal, why, and every test on the
/// way. With a word, prints its page: a reason (unkillable_init), a diagnosis
/// (pid1-no-handler), or a trouble of sigwhy's own, as its errors name them
/// (no-permission). Without anything, lists the words, or prints every page as JSON.
/// Neither root nor tracing is needed, and nothing is sent.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub struct Args {
    /// A reason, a diagnosis or a trouble to look up.
    #[arg(value_name = "WORD", conflicts_with_all = ["signal", "table"])]
    pub word: Option<String>,

    /// The signal, as kill(1) takes it: TERM, SIGTERM, 15, RTMIN+3.
    #[arg(short, long, value_name = "SIGNAL", value_parser = names::parse_signal)]
    pub signal: Option<u32>,

    /// Who sends it.
    #[arg(long, value_enum, default_value_t, requires = "signal")]
    pub from: From,

    /// What the target has set for it.
    #[arg(long, value_enum, default_value_t, requires = "signal")]
    pub handler: Set,

    /// The target is PID 1 of a container.
    #[arg(long, conflicts_with = "global_init")]
    pub init: bool,

    /// The target is the machine's own PID 1.
    #[arg(long)]
    pub global_init: bool,

    /// The target blocks the signal.
    #[arg(long, requires = "signal")]
    pub blocked: bool,

    /// The target waits for it in sigwait or sigtimedwait, as tini does.
    #[arg(long, requires = "signal")]
    pub sigwait: bool,

    /// The target is traced, by strace or a debugger.
    #[arg(long, requires = "signal")]
    pub ptraced: bool,

    /// The target is stopped, by SIGSTOP say.
    #[arg(long, requires = "signal")]
    pub stopped: bool,

    /// The target's cgroup is frozen, as `docker pause` does it.
    #[arg(long, value_enum, value_name = "FREEZER", requires = "signal")]
    pub frozen: Option<Freezer>,

    /// One of the same signal is pending already.
    #[arg(long, requires = "signal")]
    pub pending: bool,

    /// The target is dying already.
    #[arg(long, requires = "signal")]
    pub dying: bool,

    /// The target writes a core dump.
    #[arg(long, requires = "signal")]
    pub core_dump: bool,

    /// It is for one thread (tgkill), not for the process.
    #[arg(long, requires = "signal")]
    pub thread: bool,

    /// The si_code that the sender gives it, with sigqueue(3). Of a fault: which one,
    /// 1 unless said; 128 where the processor gives no reason.
    #[arg(
        long,
        value_name = "SI_CODE",
        requires = "signal",
        allow_hyphen_values = true
    )]
    pub code: Option<i32>,

    /// Every signal, from each side, for each way to set it.
    #[arg(long)]
    pub table: bool,

    /// How to print: text, or JSON (one object; for a table, and for every page, one
    /// per line).
    #[arg(short, long, value_enum, default_value_t = Format::Text)]
    pub format: Format,

    /// Colour: auto is for terminals, and respects NO_COLOR.
    #[arg(long, value_enum, default_value_t = Color::Auto)]
    pub color: Color,
}

/// How to print.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Text,
    Json,
}

/// Which freezer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Freezer {
    V1,
    V2,
}

/// Answers.
///
/// # Errors
/// When the question contradicts itself, the word is unknown, or output cannot be
/// written.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let mut out = io::stdout().lock();
    let paint = Paint(args.color.wanted(out.is_terminal(), &Variables::from_env()));
    // Through a String: an error of the writer must stay an io::Error, which
    // tells a closed pipe from a failure.
    let mut said = Vec::new();
    let is_json = args.format == Format::Json;
    if let Some(word) = &args.word {
        let topics = Topic::find(word);
        if topics.is_empty() {
            bail!(
                "{word:?} is neither a reason nor a diagnosis nor a trouble: `sigwhy explain` lists them"
            );
        }
        for (index, topic) in topics.into_iter().enumerate() {
            let page = page::page(topic);
            if is_json {
                json(&mut said, &page)?;
                continue;
            }
            if index > 0 {
                said.push(b'\n');
            }
            text::page(&mut said, &page, paint)?;
        }
    } else if args.table {
        let signals = args.signal.map_or(1..=64, |signal| signal..=signal);
        if is_json {
            for row in signals.flat_map(|signal| table::rows(signal, target(&args))) {
                json(&mut said, &row)?;
            }
        } else {
            text::table(&mut said, &table::blocks(target(&args), signals), paint)?;
        }
    } else if let Some(signal) = args.signal {
        let question = question(&args, signal);
        question.check().map_err(anyhow::Error::msg)?;
        let answer = explain::answer(&question);
        if is_json {
            json(&mut said, &answer)?;
        } else {
            text::answer(&mut said, &answer, paint)?;
        }
    } else if args.init || args.global_init {
        bail!("which signal? Give --signal TERM, or --table for all of them");
    } else if is_json {
        for topic in page::all() {
            json(&mut said, &page::page(topic))?;
        }
    } else {
        text::topics(&mut said, paint)?;
    }
    out.write_all(&said)
        .and_then(|()| out.flush())
        .context(super::WRITING)?;
    Ok(ExitCode::SUCCESS)
}

fn json(said: &mut Vec<u8>, value: &impl serde::Serialize) -> anyhow::Result<()> {
    serde_json::to_writer(&mut *said, value)?;
    said.push(b'\n');
    Ok(())
}

fn target(args: &Args) -> Target {
    match (args.init, args.global_init) {
        (true, _) => Target::Init,
        (_, true) => Target::GlobalInit,
        _ => Target::Process,
    }
}

fn question(args: &Args, signal: u32) -> Question {
    Question {
        signal,
        from: args.from,
        target: target(args),
        set: args.handler,
        state: State {
            blocked: args.blocked,
            sigwait: args.sigwait,
            ptraced: args.ptraced,
            stopped: args.stopped,
            frozen: match args.frozen {
                None => Frozen::No,
                Some(Freezer::V1) => Frozen::V1,
                Some(Freezer::V2) => Frozen::V2,
            },
            pending: args.pending,
            dying: args.dying,
            dumping_core: args.core_dump,
        },
        thread: args.thread,
        code: args.code,
    }
}
