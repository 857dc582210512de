//! The loop of `sigwhy live`: session to view to sink, until something ends it.

use std::{
    io::{self, IsTerminal as _, Write},
    path::PathBuf,
    process::{ExitCode, ExitStatus},
};

use anyhow::Context as _;
use tokio::{
    process::Child,
    signal::unix::{SignalKind, signal},
    time::{Duration, Instant, timeout},
};

use super::{
    Args, Format,
    ending::{End, Patience, STALL, came, hangup, running},
    plan::Plan,
    tales::Tales,
    tally::Counts,
    target::Fd,
    writer::{Queue, Writer},
};
use crate::{
    capture::{self, Session},
    cli::{
        self,
        command::{NotStarted, shown_name, spawn, until},
    },
    flight::{self, FlightSink},
    output::{
        Sink,
        color::{Color, Variables},
        json::Json,
        text::{self, Text, TextOptions},
    },
    record::{Record, Start, Stop},
    store::{self, Recording},
    trouble::Trouble,
    view::View,
};

/// Bytes that may wait to be written. Above this the rings are left alone: what
/// then does not fit into them is counted by the kernel side.
const ROOM: usize = 1 << 20;

/// What was being done when there was no thread.
const THREAD: &str = "cannot start a thread for the output";

/// How long a recording may take to be written after an error.
const LAST_BLOCK: Duration = Duration::from_secs(5);

/// How long the last word on stderr may take where nobody reads.
const LAST_WORD: Duration = Duration::from_millis(100);

/// A recording to be made.
#[derive(Debug)]
pub struct To {
    pub path: PathBuf,
    pub options: store::Options,
    /// Only what is worth it.
    pub flight: Option<flight::Options>,
}

/// Shows what comes, or records it.
pub async fn run(args: &Args, plan: &Plan, to: Option<To>) -> anyhow::Result<ExitCode> {
    let (session, mut start) = Session::start(&plan.load, plan.verbose, plan.filters.clone())?;
    let patience = args.trace.asking.patience();
    args.select.which.tell_unmatched(patience);
    let flight = to.as_ref().and_then(|to| to.flight.as_ref());
    start.flight_recorder = flight.map(flight::Options::describe);
    let path = to.as_ref().map(|to| to.path.clone());
    let (sink, queue) = open(args, plan, to)?;
    let result = follow(args, plan, (session, start), (sink, &queue), path.is_some()).await;
    let (Err(error), Some(path)) = (&result, path) else {
        return result;
    };
    // What was captured before the error is to be read all the same.
    let _ = timeout(LAST_BLOCK, queue.finished()).await;
    if error.downcast_ref::<NotStarted>().is_some() {
        let _ = std::fs::remove_file(path);
    } else if error.to_string() == cli::WRITING {
        let path = path.display();
        return result.with_context(|| {
            Trouble::DiskFull.known(format!(
                "cannot write {path}; what it has can be read, and --rotate bounds its size"
            ))
        });
    }
    result
}

async fn follow(
    args: &Args,
    plan: &Plan,
    (mut session, start): (Session, Start),
    (mut sink, queue): (Box<dyn Sink>, &Queue),
    is_recording: bool,
) -> anyhow::Result<ExitCode> {
    if !plan.pids.is_empty() {
        session.loaded().filter("FILTER_PIDS", &plan.pids)?;
    }
    if !plan.pid_ns.is_empty() {
        session.loaded().filter("FILTER_PID_NS", &plan.pid_ns)?;
    }
    if !plan.cgroups.is_empty() {
        session.loaded().filter("FILTER_CGROUPS", &plan.cgroups)?;
    }
    let named = plan.named.clone();
    session.narrow(named.targets, named.senders);
    let mut kernel_log = if args.trace.kernel_log {
        session.loaded().kernel_log()
    } else {
        None
    };
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = hangup()?;
    // What else it does to a recorder, which is to end it, it does still.
    let mut request = match start.flight_recorder {
        Some(_) => Some(signal(SignalKind::user_defined1())?),
        None => None,
    };
    let color_err = wants_color(args.color, io::stderr().is_terminal());
    let is_for_people = is_recording || args.format == Format::Text;
    // Often the same pipe as stdout, and then as full.
    let (mut err, err_queue) = Writer::spawn(Fd(io::stderr())).context(THREAD)?;
    if is_for_people {
        say(&mut err, &text::header(&start));
    }
    let mut tales = Tales::default();
    let start = Record::Start(Box::new(start));
    tales.take(std::slice::from_ref(&start));
    write(sink.as_mut(), &start)?;
    sink.flush().context(cli::WRITING)?;
    // The header comes before the command's own output, and a command whose
    // signals could not be written is not started.
    let ended = tokio::select! {
        biased;
        written = async {
            let _ = err_queue.below(0).await;
            queue.below(0).await
        } => {
            written.context(cli::WRITING)?;
            None
        }
        // Whoever has read the start record may have sent signals by now: what
        // they came to is still to be told.
        _ = terminate.recv() => Some(End::Interrupted),
        () = came(&mut hangup) => Some(End::Interrupted),
        _ = interrupt.recv() => Some(End::Interrupted),
    };
    let mut child = if ended.is_none() {
        spawn(&args.trace.command, args.format == Format::Json)?
    } else {
        None
    };

    let mut counts = Counts::default();
    let mut view = plan.view.clone();
    let mut records = Vec::new();
    let mut pressed = false;
    let deadline = args
        .trace
        .duration
        .map(|duration| Instant::now() + duration);
    let end = loop {
        if let Some(end) = ended {
            break end;
        }
        tokio::select! {
            biased;
            _ = terminate.recv() => break End::Interrupted,
            () = came(&mut hangup) => break End::Interrupted,
            _ = interrupt.recv() => {
                // Ctrl-C reaches the traced command as well, which may want to
                // end in its own way: the first one is the command's.
                if child.is_none() || std::mem::replace(&mut pressed, true) {
                    break End::Interrupted;
                }
                continue;
            }
            status = wait(&mut child) => break End::Command(status?),
            () = until(deadline) => break End::Enough,
            () = came(&mut request) => {
                sink.request();
                say(&mut err, "sigwhy: SIGUSR1: what is kept is written out");
            }
            room = queue.below(ROOM), if sink.has_more() => room.context(cli::WRITING)?,
            () = until(tales.at()) => {}
            ready = ready(&mut session, queue) => ready?,
        }
        session.drain(&mut records);
        tales.take(&records);
        let mut enough = show(args, &mut view, &mut records, &mut counts, sink.as_mut())?;
        tales.tick(session.told_when());
        enough |= show(
            args,
            &mut view,
            &mut tales.told(),
            &mut counts,
            sink.as_mut(),
        )?;
        if let Some(loss) = session.new_loss()? {
            say(
                &mut err,
                &format!(
                    "sigwhy: {} events are lost so far: they came faster than they could be read; narrow the filters, give more room with --buffer, or have this output read faster{}",
                    loss.ring_full,
                    Trouble::EventsLost.more()
                ),
            );
            tales.take(&[Record::Loss(loss)]);
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

    let mut patience = Patience {
        interrupted: matches!(end, End::Interrupted),
        interrupt: &mut interrupt,
        terminate: &mut terminate,
        over: false,
        // A disk may take its time; only a reader that has stopped is given up.
        stall: (!is_recording).then_some(STALL),
    };
    // What is left in the rings, in steps: together it may be a GiB.
    session.loaded().detach();
    let mut received = None;
    while patience.until(queue, ROOM).await.context(cli::WRITING)? {
        session.drain(&mut records);
        tales.take(&records);
        show(args, &mut view, &mut records, &mut counts, sink.as_mut())?;
        sink.flush().context(cli::WRITING)?;
        let before = received.replace(session.loss()?.received);
        if before == received {
            break;
        }
    }
    if !patience.over {
        session.finish(&mut records);
        tales.take(&records);
        show(args, &mut view, &mut records, &mut counts, sink.as_mut())?;
    }
    let loss = session.loss()?;
    tales.take(&[Record::Loss(loss)]);
    tales.finish(session.when_now());
    show(
        args,
        &mut view,
        &mut tales.told(),
        &mut counts,
        sink.as_mut(),
    )?;
    let unread = loss.submitted.saturating_sub(loss.received);
    let stop = Stop {
        when: session.when_now(),
        signals: counts.rows(),
        model_disagrees: counts.model_disagrees,
        lost: loss.ring_full + capture::missing(&loss),
        undecodable: session.undecodable(),
    };
    if is_for_people {
        // The summary comes below the last line.
        sink.flush().context(cli::WRITING)?;
        patience.until(queue, 0).await.context(cli::WRITING)?;
        say(&mut err, text::summary(&stop, color_err).trim_end());
    }
    write(sink.as_mut(), &Record::Loss(loss))?;
    write(sink.as_mut(), &Record::Stop(Box::new(stop)))?;
    sink.flush().context(cli::WRITING)?;
    drop(sink);
    if !patience.finished(queue).await.context(cli::WRITING)? {
        say(
            &mut err,
            &unwritten(queue.unwritten(), unread, is_recording),
        );
    }
    let still_runs = running(&mut child);
    if let (Some(pid), Some(program)) = (still_runs, args.trace.command.first()) {
        let name = shown_name(program);
        say(&mut err, &format!("sigwhy: {name} (pid {pid}) still runs"));
    }
    let _ = patience.until(&err_queue, 0).await;
    if patience.over {
        let _ = timeout(LAST_WORD, err_queue.below(0)).await;
    }
    let code = end.exit_code(counts.shown, still_runs.is_some());
    // A recording of a quiet time is no failure; one without an end is.
    Ok(match end {
        _ if is_recording && patience.over => ExitCode::FAILURE,
        End::Interrupted if is_recording => ExitCode::SUCCESS,
        _ => code,
    })
}

/// Waits for something to read and for room to write it, or for an error of
/// writing. Safe to cancel.
async fn ready(session: &mut Session, queue: &Queue) -> anyhow::Result<()> {
    queue.below(ROOM).await.context(cli::WRITING)?;
    tokio::select! {
        biased;
        error = queue.failure() => Err(error).context(cli::WRITING),
        ready = session.ready() => ready,
    }
}

/// What is missing where the reader, or the disk, had stopped.
fn unwritten(bytes: usize, events: u64, is_recording: bool) -> String {
    let unread = if events == 0 {
        String::new()
    } else {
        format!(", and {events} events were not read")
    };
    let why = if is_recording {
        "the disk did not take them; the recording has no end"
    } else {
        "nobody reads the output"
    };
    format!("sigwhy: up to {bytes} bytes were not written{unread}: {why}")
}

/// Shows what the view lets through, up to `--count`; whether that was enough.
fn show(
    args: &Args,
    view: &mut View,
    records: &mut Vec<Record>,
    counts: &mut Counts,
    sink: &mut dyn Sink,
) -> anyhow::Result<bool> {
    let is_enough = |counts: &Counts| args.count.is_some_and(|limit| counts.signals >= limit);
    for record in records.drain(..) {
        let is_episode = matches!(record, Record::Episode(_));
        let is_hidden = if is_episode {
            args.no_episodes
        } else {
            args.episodes_only
        };
        if is_hidden || is_enough(counts) || !view.shows(&record) {
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

/// To standard error. That nobody hears it is no reason to fail.
fn say(err: &mut Writer, text: &str) {
    let _ = err.write_all(format!("{text}\n").as_bytes());
}

fn open(args: &Args, plan: &Plan, to: Option<To>) -> anyhow::Result<(Box<dyn Sink>, Queue)> {
    if let Some(To {
        path,
        options,
        flight,
    }) = to
    {
        let recording = Recording::create(&path, options)?;
        let (out, queue) = Writer::spawn(recording).context(THREAD)?;
        if let Some(options) = flight {
            return Ok((Box::new(FlightSink::new(out, options)), queue));
        }
        return Ok((Box::new(Json::new(out)), queue));
    }
    let (out, queue) = Writer::spawn(Fd(io::stdout())).context(THREAD)?;
    let sink: Box<dyn Sink> = match args.format {
        Format::Json => Box::new(Json::new(out)),
        Format::Text => {
            let options = TextOptions {
                color: wants_color(args.color, io::stdout().is_terminal()),
                verbose: plan.verbose,
                all: args.select.all,
                time: jiff::tz::TimeZone::system(),
            };
            Box::new(Text::new(out, options))
        }
    };
    Ok((sink, queue))
}

fn wants_color(color: Color, is_terminal: bool) -> bool {
    color.wanted(is_terminal, &Variables::from_env())
}

async fn wait(child: &mut Option<Child>) -> io::Result<ExitStatus> {
    match child {
        Some(child) => child.wait().await,
        None => std::future::pending().await,
    }
}
