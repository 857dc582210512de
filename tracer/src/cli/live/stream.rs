//! The loop of `sigwhy live`: session to view to sink, until something ends it.

use std::{
    io::{self, IsTerminal as _, Write},
    os::unix::process::ExitStatusExt as _,
    process::{ExitCode, ExitStatus},
};

use anyhow::Context as _;
use tokio::{
    process::{Child, Command},
    signal::unix::{SignalKind, signal},
    time::Instant,
};

use super::{Args, Format, plan::Plan, tally::Counts};
use crate::{
    capture::{self, Session},
    cli,
    output::{
        Sink,
        color::{Color, Variables},
        json::Json,
        text::{self, Text, TextOptions},
    },
    record::{Record, Stop},
};

/// Why the loop ended.
enum End {
    /// Ctrl-C or SIGTERM.
    Interrupted,
    /// `--duration` or `--count`.
    Enough,
    /// The traced command.
    Command(ExitStatus),
}

pub async fn run(args: &Args, plan: &Plan) -> anyhow::Result<ExitCode> {
    let (mut session, start) = Session::start(&plan.load, plan.verbose, plan.filters.clone())?;
    if !plan.pids.is_empty() {
        session.loaded().filter("FILTER_PIDS", &plan.pids)?;
    }
    if !plan.pid_ns.is_empty() {
        session.loaded().filter("FILTER_PID_NS", &plan.pid_ns)?;
    }
    let mut kernel_log = if args.kernel_log {
        session.loaded().kernel_log()
    } else {
        None
    };
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let color_err = wants_color(args.color, io::stderr().is_terminal());
    let mut sink = sink(args, plan);
    if args.format == Format::Text {
        say(&text::header(&start));
    }
    write(sink.as_mut(), &Record::Start(Box::new(start)))?;
    sink.flush().context(cli::WRITING)?;
    let mut child = spawn(args)?;

    let mut counts = Counts::default();
    let mut records = Vec::new();
    let mut pressed = false;
    let deadline = args.duration.map(|duration| Instant::now() + duration);
    let end = loop {
        tokio::select! {
            biased;
            _ = terminate.recv() => break End::Interrupted,
            _ = interrupt.recv() => {
                // Ctrl-C reaches the traced command as well, which may want to
                // end in its own way: the first one is the command's.
                if child.is_none() || std::mem::replace(&mut pressed, true) {
                    break End::Interrupted;
                }
                continue;
            }
            status = wait(&mut child) => break End::Command(status?),
            () = at(deadline) => break End::Enough,
            ready = session.ready() => ready?,
        }
        session.drain(&mut records);
        let enough = show(args, plan, &mut records, &mut counts, sink.as_mut())?;
        if let Some(loss) = session.new_loss()? {
            cli::tell(&format!(
                "{} events are lost so far: they came faster than they could be read; narrow the filters, or have this output read faster",
                loss.ring_full
            ));
            write(sink.as_mut(), &Record::Loss(loss))?;
        }
        sink.flush().context(cli::WRITING)?;
        if let Some(log) = &mut kernel_log {
            log.flush();
        }
        if enough {
            break End::Enough;
        }
    };

    session.finish(&mut records);
    show(args, plan, &mut records, &mut counts, sink.as_mut())?;
    let loss = session.loss()?;
    let stop = Stop {
        when: session.when_now(),
        signals: counts.rows(),
        model_disagrees: counts.model_disagrees,
        lost: loss.ring_full + capture::missing(&loss),
        undecodable: session.undecodable(),
    };
    if args.format == Format::Text {
        sink.flush().context(cli::WRITING)?;
        say(text::summary(&stop, color_err).trim_end());
    }
    write(sink.as_mut(), &Record::Loss(loss))?;
    write(sink.as_mut(), &Record::Stop(Box::new(stop)))?;
    sink.flush().context(cli::WRITING)?;
    Ok(exit_code(&end, counts.signals))
}

/// Shows what the view lets through, up to `--count`; whether that was enough.
fn show(
    args: &Args,
    plan: &Plan,
    records: &mut Vec<Record>,
    counts: &mut Counts,
    sink: &mut dyn Sink,
) -> anyhow::Result<bool> {
    let is_enough = |counts: &Counts| args.count.is_some_and(|limit| counts.signals >= limit);
    for record in records.drain(..) {
        if is_enough(counts) || !plan.view.shows(&record) {
            continue;
        }
        counts.count(&record);
        write(sink, &record)?;
    }
    Ok(is_enough(counts))
}

fn write(sink: &mut dyn Sink, record: &Record) -> anyhow::Result<()> {
    sink.record(record).context(cli::WRITING)
}

/// To standard error, which may be closed: `eprintln!` would panic.
fn say(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

fn sink(args: &Args, plan: &Plan) -> Box<dyn Sink> {
    let stdout = io::stdout();
    match args.format {
        Format::Json => Box::new(Json::new(Raw(stdout))),
        Format::Text => {
            let options = TextOptions {
                color: wants_color(args.color, stdout.is_terminal()),
                verbose: plan.verbose,
                all: args.all,
                time: jiff::tz::TimeZone::system(),
            };
            Box::new(Text::new(Raw(stdout), options))
        }
    }
}

fn wants_color(color: Color, is_terminal: bool) -> bool {
    color.wanted(is_terminal, &Variables::from_env())
}

/// Standard output without its line buffer: the sinks hand over whole batches.
struct Raw(io::Stdout);

impl Write for Raw {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        use std::os::fd::AsFd as _;
        Ok(nix::unistd::write(self.0.as_fd(), buf)?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn spawn(args: &Args) -> anyhow::Result<Option<Child>> {
    let [program, arguments @ ..] = args.command.as_slice() else {
        return Ok(None);
    };
    let mut command = Command::new(program);
    if args.format == Format::Json {
        // Nothing but records on stdout.
        command.stdout(io::stderr());
    }
    command
        .args(arguments)
        .spawn()
        .with_context(|| format!("cannot start {}", program.to_string_lossy().escape_debug()))
        .map(Some)
}

async fn wait(child: &mut Option<Child>) -> io::Result<ExitStatus> {
    match child {
        Some(child) => child.wait().await,
        None => std::future::pending().await,
    }
}

async fn at(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

/// 0, the command's own, or 130 where it was interrupted before anything came.
fn exit_code(end: &End, signals: u64) -> ExitCode {
    match end {
        End::Interrupted if signals == 0 => ExitCode::from(130),
        End::Interrupted | End::Enough => ExitCode::SUCCESS,
        End::Command(status) => {
            let code = status
                .code()
                .or_else(|| status.signal().map(|signal| 128 + signal))
                .unwrap_or(1);
            ExitCode::from(u8::try_from(code).unwrap_or(1))
        }
    }
}
