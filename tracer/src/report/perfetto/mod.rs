//! A recording as a trace that ui.perfetto.dev opens: a track for each process
//! below its container, a signal as an arrow from its sender's track to its
//! target's, with the outcome and the kernel's reason.
//!
//! In Perfetto's own format: Chrome's JSON has two levels of tracks, by numbers
//! that a process and its namesake on another node share, and is five times as
//! large. Everything is written as it passes; what is kept is bounded.

use std::io::{self, Write};

use super::{Wanted, sources::Passing, wasted};
use crate::{
    decide::Outcome,
    diagnosis::catalogue::cli,
    output::text::words,
    record::{
        Container, ContainerRef, Deliver, Episode, Exit, Loss, Process, Record, Sender, Signal,
        Timestamp, Zap, ZapPhase, duration,
    },
};

mod packets;
mod proto;
#[cfg(test)]
mod tests;

use packets::{Packets, ROOT};
use proto::{INSTANT, SLICE_BEGIN, SLICE_END};

pub use packets::head;

/// Which track something is on.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Whose {
    Host,
    /// Processes of no container, and what the kernel does by itself.
    Outside,
    Kernel,
    /// By the runtime's id, or by its PID namespace and init.
    Container(Option<String>, u32, Option<u32>),
    Terminations(Box<Whose>),
    /// By pid and start time, or by what is known.
    Process(u32, u64),
    Unknown(String),
}

/// Writes a trace of the records that pass.
#[derive(Debug)]
pub struct Trace<W> {
    packets: Packets<W, (u64, Whose)>,
    wanted: Wanted,
    /// Of the recording that is being read: its processes are not those of others.
    recording: u64,
    host: String,
    lost: u64,
    /// Signals that are in the trace.
    pub signals: u64,
}

impl<W: Write> Trace<W> {
    /// Begins a trace of what `wanted` says of containers and times.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn new(out: W, wanted: Wanted) -> io::Result<Self> {
        Ok(Self {
            packets: Packets::new(out)?,
            wanted,
            recording: 0,
            host: String::new(),
            lost: 0,
            signals: 0,
        })
    }

    pub fn into_inner(self) -> W {
        self.packets.into_inner()
    }

    fn track(&mut self, whose: Whose, parent: u64, name: &str) -> io::Result<u64> {
        self.packets.track((self.recording, whose), parent, name)
    }

    fn host(&mut self) -> io::Result<u64> {
        let name = match self.host.as_str() {
            "" => "an unknown host".to_owned(),
            host => host.to_owned(),
        };
        self.track(Whose::Host, ROOT, &name)
    }

    fn container(&mut self, container: Option<&Container>) -> io::Result<(Whose, u64)> {
        let host = self.host()?;
        let Some(container) = container else {
            let track = self.track(Whose::Outside, host, "outside of containers")?;
            return Ok((Whose::Outside, track));
        };
        let whose = match &container.id {
            Some(id) => Whose::Container(Some(id.clone()), 0, None),
            None => Whose::Container(None, container.pid_ns, container.init_pid),
        };
        let track = self.track(whose.clone(), host, &words::container(Some(container)))?;
        Ok((whose, track))
    }

    fn process(&mut self, process: &Process, container: Option<&ContainerRef>) -> io::Result<u64> {
        let container = process.container.as_ref().or(container);
        let (_, parent) = self.container(container.map(|c| &**c))?;
        let name = words::process(process);
        let whose = match process.pid.zip(process.start_ns) {
            Some((pid, start)) => Whose::Process(pid, start),
            None => Whose::Unknown(name.clone()),
        };
        self.track(whose, parent, &name)
    }

    fn sender(&mut self, sender: &Sender) -> io::Result<u64> {
        if sender.kind.names_a_process() {
            return self.process(&sender.process, None);
        }
        let host = self.host()?;
        self.track(Whose::Kernel, host, "the kernel")
    }

    fn signal(&mut self, r: &Signal) -> io::Result<()> {
        self.signals += 1;
        let at = r.when.ts.0;
        let (from, to) = (
            self.sender(&r.sender)?,
            self.process(&r.target.process, None)?,
        );
        let arrow = flow(at, r.when.mono_ns, r.signal.number, r.target.process.pid, 1);
        let target = words::process(&r.target.process);
        let who = words::sender(&r.sender, r.target.process.container.as_deref());
        let sent = self.packets.event(INSTANT, at, from);
        let sent = sent.name(&format!("{} to {target}", r.signal.name));
        sent.category("sent").flow(arrow).write()?;
        let mut got = self.packets.event(INSTANT, at, to);
        got = got
            .name(&format!("{} {}", r.signal.name, r.outcome.id()))
            .category("signal")
            .category(r.outcome.id())
            .flow_ends(arrow)
            .text("from", &who)
            .text("outcome", r.outcome.id())
            .text("reason", r.reason.id())
            .text("why", &r.explanation)
            .text("rule", &r.rule)
            .text("code", &r.signal.code_name);
        if r.outcome == Outcome::Queued {
            // It may be taken later.
            got = got.flow(waits(r.when.mono_ns, r.signal.number, &r.target.process));
        }
        got.write()
    }

    fn deliver(&mut self, r: &Deliver) -> io::Result<()> {
        let track = self.process(&r.target.process, None)?;
        let mut event = self.packets.event(INSTANT, r.when.ts.0, track);
        event = event
            .name(&format!("{} taken: {}", r.signal.name, r.outcome.id()))
            .category("taken")
            .text("outcome", r.outcome.id())
            .text("reason", r.reason.id())
            .text("why", &r.explanation)
            .text("rule", &r.rule);
        if let Some(generated) = r.generated_mono_ns {
            event = event.flow_ends(waits(generated, r.signal.number, &r.target.process));
        }
        if let Some(latency) = r.latency_ns {
            event = event.text("waited", &duration(latency));
        }
        event.write()
    }

    fn exit(&mut self, r: &Exit) -> io::Result<()> {
        let track = self.process(&r.process, r.container.as_ref())?;
        let name = match (&r.signal, r.exit_code) {
            (Some(signal), _) => format!("ended by {}", signal.name),
            (None, Some(code)) => format!("exits with code {code}"),
            (None, None) => "exits".to_owned(),
        };
        let event = self.packets.event(INSTANT, r.when.ts.0, track);
        event.name(&name).category("exit").write()
    }

    fn zap(&mut self, r: &Zap) -> io::Result<()> {
        let (_, track) = self.container(r.container.as_deref())?;
        let at = r.when.ts.0;
        match r.phase {
            ZapPhase::Begin => {
                let killed = r.killed.as_ref().map_or(0, Vec::len) as u64;
                self.packets
                    .event(INSTANT, at, track)
                    .name("its PID namespace ends")
                    .category("zap")
                    .number("killed", killed)
                    .write()
            }
            ZapPhase::End => {
                let began = at.saturating_sub(r.duration_ns.unwrap_or(0));
                self.slice(track, (began, at), "end of the PID namespace", "zap")
            }
        }
    }

    fn slice(
        &mut self,
        track: u64,
        (from, to): (u64, u64),
        name: &str,
        category: &str,
    ) -> io::Result<()> {
        let begin = self.packets.event(SLICE_BEGIN, from, track);
        begin.name(name).category(category).write()?;
        self.packets.event(SLICE_END, to.max(from), track).write()
    }

    fn loss(&mut self, r: &Loss) -> io::Result<()> {
        if r.ring_full <= self.lost {
            return Ok(());
        }
        let more = r.ring_full - self.lost;
        self.lost = r.ring_full;
        let host = self.host()?;
        let event = self.packets.event(INSTANT, r.when.ts.0, host);
        let event = event.name("events were lost").category("loss");
        event.number("lost", more).write()
    }

    fn wants(&self, record: &Record) -> bool {
        let is_in = |container: Option<&ContainerRef>| {
            self.wanted.containers.takes_any(container.map(|c| &**c))
        };
        let of = |process: &Process| is_in(process.container.as_ref());
        let Timestamp(at) = record.when().ts;
        self.wanted.since.is_none_or(|since| at >= since.0)
            && self.wanted.until.is_none_or(|until| at <= until.0)
            && match record {
                Record::Signal(r) => of(&r.target.process) || of(&r.sender.process),
                Record::Deliver(r) => of(&r.target.process),
                Record::Exit(r) => is_in(r.container.as_ref()) || of(&r.process),
                Record::Zap(r) => is_in(r.container.as_ref()),
                _ => true,
            }
    }
}

impl<W: Write> Passing for Trace<W> {
    fn begin(&mut self) -> io::Result<()> {
        self.recording += 1;
        self.lost = 0;
        self.host.clear();
        Ok(())
    }

    fn record(&mut self, record: &Record) -> io::Result<()> {
        if let Record::Start(start) = record {
            self.host.clone_from(&start.host);
            self.lost = 0;
        }
        if !self.wants(record) {
            return Ok(());
        }
        match record {
            Record::Signal(r) => self.signal(r),
            Record::Deliver(r) => self.deliver(r),
            Record::Exit(r) => self.exit(r),
            Record::Zap(r) => self.zap(r),
            Record::Loss(r) => self.loss(r),
            Record::Start(_) | Record::Stop(_) | Record::Episode(_) | Record::Preroll(_) => Ok(()),
        }
    }

    fn told(&mut self, episode: &Episode) -> io::Result<()> {
        let (whose, parent) = self.container(episode.container.as_deref())?;
        let track = self.track(Whose::Terminations(Box::new(whose)), parent, "termination")?;
        let from = episode.began.ts.0;
        let to = episode.ended.unwrap_or(episode.when).ts.0.max(from);
        let name = if episode.ungraceful {
            "ungraceful termination"
        } else {
            "termination"
        };
        let mut event = self.packets.event(SLICE_BEGIN, from, track);
        event = event
            .name(name)
            .category("termination")
            .text("summary", &episode.summary);
        for diagnosis in &episode.diagnoses {
            event = event
                .text(&cli(&diagnosis.id), &diagnosis.summary)
                .text("fix", &diagnosis.fix);
        }
        event.write()?;
        let wasted = wasted(episode);
        if wasted > 0 {
            let name = format!("{} wasted", duration(wasted));
            let end = from.saturating_add(wasted).min(to);
            self.slice(track, (from, end), &name, "wasted")?;
        }
        self.packets.event(SLICE_END, to, track).write()
    }
}

/// A number for an arrow, the same at both its ends: FNV-1a, as it need not be
/// safe, only spread.
fn flow(ts: u64, mono_ns: u64, signal: u32, pid: Option<u32>, kind: u64) -> u64 {
    let parts = [
        ts,
        mono_ns,
        u64::from(signal),
        u64::from(pid.unwrap_or(0)),
        kind,
    ];
    let bytes = parts.into_iter().flat_map(u64::to_le_bytes);
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// From when a signal was queued to when it was taken.
fn waits(generated: u64, signal: u32, target: &Process) -> u64 {
    flow(0, generated, signal, target.pid, 2)
}
