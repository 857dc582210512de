//! The live loop's engine: rings to facts, in the order of their times, and the
//! counters that make a loss visible.
//!
//! Two rings and several processors do not deliver in order. What is read is
//! held for a moment (`order`) and sorted, so that what follows may rely on
//! the order of causes. Memory is bounded: see `batch::HELD`.
//!
//! Not here: what a fact means ([`crate::decide`]), and who wants to see it.

mod ask;
mod batch;
mod clock;
mod foresight;
mod judge;
mod look;
mod names;
mod order;
mod tell;

use std::{io::Write as _, time::Duration};

use std::os::fd::OwnedFd;
use tokio::{io::unix::AsyncFd, time::Instant};

use crate::{
    assemble::{self, Assembler},
    container::Wanted,
    decode,
    kernel::{
        cgroup,
        load::{self, Loaded, Sums},
        ring::Ring,
    },
    record::{Loss, Record, Start, ZapSource},
};
use batch::Batch;
pub use clock::boottime;
use foresight::Foresight;
use judge::Judge;
use look::Look;
use names::Names;
use order::{Edge, Left};
use tell::Told;

/// Records read from one ring in one go.
const BATCH: usize = 2_048;

/// How often the counters are read while events come.
const COUNTERS_PERIOD: Duration = Duration::from_secs(1);

/// How long the end waits for programs that were running at the detachment.
/// They take microseconds, unless the processor is taken from them.
const LAST_RECORDS: Duration = Duration::from_millis(50);

/// A running capture.
pub struct Session {
    loaded: Loaded,
    assembler: Assembler,
    /// `None` where nobody wants names.
    names: Option<Names>,
    judge: Judge,
    matters: AsyncFd<OwnedFd>,
    rest: AsyncFd<OwnedFd>,
    batch: Batch,
    /// Of each ring.
    edges: [Edge; 2],
    foresight: Foresight,
    /// The rings were not empty when the last drain stopped.
    more: bool,
    /// A ring has announced something since the last drain.
    woken: bool,
    /// When to drain without being woken.
    look: Look,
    /// When to read the counters; `None` while nothing has come since.
    count_at: Option<Instant>,
    /// When every hook was there: what came before is half a story.
    began_ns: u64,
    received: u64,
    undecodable: u64,
    lost_told: u64,
    /// Records submitted and not found, when the counters were read last.
    hidden: u64,
    /// Everything up to this time has been told, and nothing after it.
    told_until: u64,
    told: Told,
}

impl Session {
    /// Loads, attaches, and describes what is attached. Needs a tokio runtime
    /// with I/O and time.
    ///
    /// # Errors
    /// As [`load::load`].
    pub fn start(
        options: &load::Options,
        walk: bool,
        filters: Vec<String>,
    ) -> anyhow::Result<(Self, Start)> {
        let loaded = load::load(options)?;
        // As of now: `ts` follows the clock where it is set later.
        let clock_offset_ns = clock::offset();
        let rung_of = |hook: &str| {
            loaded
                .attachments
                .iter()
                .find(|attachment| attachment.hook.id == hook)
                .and_then(|attachment| attachment.rung)
                .map(|rung| rung.shown())
        };
        let lost = &loaded.offsets.lost;
        let table = std::fs::read_to_string("/proc/cgroups").unwrap_or_default();
        let v1 = cgroup::v1_hierarchy(&table);
        let mut assembler = Assembler::new(assemble::Options {
            v1_hierarchy: v1.map(|(_, number)| number),
            names: options.names,
            clock_offset_ns,
            walk,
            frozen_in_state: loaded.offsets.frozen_in_state,
            frozen_known: !lost.contains_key("frozen_v1") && !lost.contains_key("frozen_v2"),
            uid_known: !lost.contains_key("uid"),
            sees_sigterm: options.sees_everything_about_sigterm(),
            zap_source: match rung_of("zap") {
                Some("fentry") => ZapSource::Fentry,
                Some("kprobe") => ZapSource::Kprobe,
                _ => ZapSource::Inferred,
            },
        });
        let read = |path: &str| {
            std::fs::read_to_string(path)
                .ok()
                .map(|text| text.trim().to_owned())
        };
        let names = if options.names {
            let mut names = Names::start(v1.map(|(controller, _)| controller), options.sockets)?;
            names.first(assembler.registry());
            Some(names)
        } else {
            None
        };
        let began_ns = boottime();
        let start = Start {
            when: assembler.when(began_ns),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            kernel: read("/proc/sys/kernel/osrelease").unwrap_or_default(),
            hooks: loaded
                .attachments
                .iter()
                .map(|a| (a.hook.id.into(), a.rung.map(|rung| rung.shown().into())))
                .collect(),
            refused: loaded
                .attachments
                .iter()
                .filter(|a| !a.refused.is_empty())
                .map(|a| {
                    (
                        a.hook.id.into(),
                        a.refused.iter().map(ToString::to_string).collect(),
                    )
                })
                .collect(),
            lost_abilities: lost
                .iter()
                .map(|(ability, fields)| ((*ability).into(), fields.clone()))
                .collect(),
            filters,
            host: read("/proc/sys/kernel/hostname").unwrap_or_default(),
            boot_id: read("/proc/sys/kernel/random/boot_id"),
            clock_offset_ns,
            flight_recorder: None,
            imported: None,
        };
        let mut session = Self {
            matters: loaded.matters.wakeups()?,
            rest: loaded.rest.wakeups()?,
            loaded,
            assembler,
            names,
            judge: Judge::default(),
            batch: Batch::default(),
            edges: Default::default(),
            foresight: Foresight::default(),
            more: true,
            // Wake-ups from before the rings were watched are not seen.
            woken: true,
            look: Look::default(),
            count_at: None,
            began_ns,
            received: 0,
            undecodable: 0,
            lost_told: 0,
            hidden: 0,
            told_until: u64::MAX,
            told: Told::default(),
        };
        session.tell_hosted();
        Ok((session, start))
    }

    /// Lets the kernel side leave out containers that nobody asked for, as soon as
    /// their names are known. The gates are the caller's ([`load::Options`]).
    pub fn narrow(&mut self, targets: Wanted, senders: Wanted) {
        self.assembler.narrow(targets.clone());
        self.judge = Judge::new(targets, senders);
    }

    /// The loaded object, for filters that are set while it runs.
    pub fn loaded(&mut self) -> &mut Loaded {
        &mut self.loaded
    }

    /// Waits until there may be something to drain, or the counters are due.
    /// Costs nothing while nothing happens. Safe to cancel.
    ///
    /// # Errors
    /// When the runtime shuts down.
    pub async fn ready(&mut self) -> anyhow::Result<()> {
        if self.more {
            // Lets the runtime see to its signals in a flood.
            tokio::task::yield_now().await;
            return Ok(());
        }
        let names_at = self.names.as_ref().and_then(Names::at);
        let due = [self.look.at(), self.count_at, names_at];
        let due = due.into_iter().flatten().min();
        let timer = async {
            match due {
                Some(at) => tokio::time::sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        let news = async {
            match &self.names {
                Some(names) => names.news().await,
                None => std::future::pending().await,
            }
        };
        let mut guard = tokio::select! {
            guard = self.matters.readable() => guard?,
            guard = self.rest.readable() => guard?,
            () = timer => return Ok(()),
            () = news => return Ok(()),
        };
        guard.clear_ready();
        self.woken = true;
        Ok(())
    }

    /// Reads what has come and appends the records whose turn it is.
    pub fn drain(&mut self, out: &mut Vec<Record>) {
        let (looked, begun) = (Instant::now(), boottime());
        let before = self.batch.len();
        let mut watermark = begun;
        self.more = false;
        let rings = [&mut self.loaded.matters, &mut self.loaded.rest];
        for (ring, edge) in rings.into_iter().zip(&mut self.edges) {
            let reserved = ring.reserved();
            let left = match fill(&mut self.batch, ring) {
                Some(last) => Left::More(last),
                None if ring.read() < reserved => Left::Unwritten,
                None => Left::Nothing,
            };
            self.more |= matches!(left, Left::More(_));
            watermark = watermark.min(edge.watermark(begun, left));
        }
        let got = self.batch.len() - before;
        self.received += got as u64;
        if got > 0 && self.count_at.is_none() {
            // The counters, and with them the clock, were left alone meanwhile.
            self.assembler.set_clock_offset(clock::offset());
        }
        self.foresee(before);
        self.exchange();
        if let Some(unsettled) = self.judge.watermark(begun, &mut self.assembler) {
            watermark = watermark.min(unsettled);
        }
        if let Some(unnamed) = self.foresight.watermark(begun) {
            watermark = watermark.min(unnamed);
        }
        self.told_until = watermark;
        self.release(watermark, out);
        // What was just seen for the first time is asked about at once.
        self.exchange();
        self.tell_unwanted();

        let now = Instant::now();
        let alive = std::mem::take(&mut self.woken) || got > 0;
        self.look
            .drained(looked, now, alive, !self.batch.is_empty());
        if got > 0 && self.count_at.is_none() {
            self.count_at = Some(now + COUNTERS_PERIOD);
        }
    }

    /// Detaches, then takes everything that is left. What could not be had
    /// within `LAST_RECORDS` is [`missing`] from the counters of [`Self::loss`].
    pub fn finish(&mut self, out: &mut Vec<Record>) {
        self.loaded.detach();
        let end = Instant::now() + LAST_RECORDS;
        loop {
            self.drain(out);
            if self.more {
                continue;
            }
            // Detaching does not wait for a program that runs on another
            // processor, whose record is still to be written.
            let all = self
                .loaded
                .counters()
                .is_ok_and(|sums| sums.submitted <= self.received);
            if all || Instant::now() >= end {
                break;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        self.told_until = u64::MAX;
        self.release(u64::MAX, out);
    }

    /// The loss counters, if they are due and tell of a new loss.
    ///
    /// # Errors
    /// When the kernel does not give the counters.
    pub fn new_loss(&mut self) -> anyhow::Result<Option<Loss>> {
        if self.count_at.is_none_or(|at| at > Instant::now()) {
            return Ok(None);
        }
        self.count_at = None;
        let loss = self.loss()?;
        // A record that was not yet committed at the last look hides what came
        // after it, which may have woken nobody. Asked once for each such count,
        // so that no miscount keeps a timer going.
        let hidden = missing(&loss);
        if hidden > 0 && hidden != self.hidden {
            self.look.hidden(Instant::now());
            self.count_at = Some(Instant::now() + COUNTERS_PERIOD);
        }
        self.hidden = hidden;
        let news = loss.ring_full > self.lost_told;
        self.lost_told = loss.ring_full;
        Ok(news.then_some(loss))
    }

    /// The counters now, under the time up to which records have been told, so
    /// that those still held do not come after it with an earlier one. Also
    /// looks at the wall clock anew, which may have been set.
    ///
    /// # Errors
    /// When the kernel does not give the counters.
    pub fn loss(&mut self) -> anyhow::Result<Loss> {
        self.assembler.set_clock_offset(clock::offset());
        let Sums {
            seen,
            filtered,
            submitted,
            ring_full,
        } = self.loaded.counters()?;
        Ok(Loss {
            when: self.told_when(),
            kernel_seen: seen,
            filtered,
            submitted,
            ring_full,
            received: self.received,
        })
    }

    /// Kernel records that could not be decoded.
    pub fn undecodable(&self) -> u64 {
        self.undecodable
    }

    /// The time up to which everything has been told.
    pub fn told_when(&self) -> crate::record::When {
        self.assembler.when(boottime().min(self.told_until))
    }

    /// The time of a record made now.
    pub fn when_now(&self) -> crate::record::When {
        self.assembler.when(boottime())
    }

    fn foresee(&mut self, from: usize) {
        for entry in &self.batch.entries()[from..] {
            if let Some(fact) = self.foresight.peek(self.batch.slice(*entry)) {
                self.assembler.foresee(&fact);
            }
            if !self.judge.is_idle()
                && let Ok(fact) = decode::decode(self.batch.slice(*entry))
            {
                self.judge.foresee(&fact, &mut self.assembler);
            }
        }
    }

    /// Decodes and assembles, in order, what is not younger than `watermark` or
    /// finds no more room.
    fn release(&mut self, watermark: u64, out: &mut Vec<Record>) {
        let due = self.batch.due(watermark);
        if let Some((last, _, _)) = self.batch.entries()[..due].last() {
            self.told_until = self.told_until.max(*last);
        }
        for entry in &self.batch.entries()[..due] {
            match decode::decode(self.batch.slice(*entry)) {
                Ok(fact) => {
                    let told = out.len();
                    self.assembler.take(&fact, out);
                    self.judge.see(&fact, &mut self.assembler);
                    // The assembler remembers it; the `start` record is the first.
                    if entry.0 < self.began_ns {
                        out.truncate(told);
                    }
                }
                Err(error) => {
                    if self.undecodable == 0 {
                        let _ = writeln!(std::io::stderr(), "sigwhy: {error}");
                    }
                    self.undecodable += 1;
                }
            }
        }
        self.batch.forget(due);
    }
}

/// Records that were put into a ring and never read from it: once the capture
/// is over, they are lost.
pub fn missing(loss: &Loss) -> u64 {
    loss.submitted.saturating_sub(loss.received)
}

/// Reads up to a batch; the time of the last record if there may be more.
fn fill(batch: &mut Batch, ring: &mut Ring) -> Option<u64> {
    for _ in 0..BATCH {
        let item = ring.take()?;
        batch.push(&item);
    }
    batch.last_time()
}
