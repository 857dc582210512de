//! Between the records and a recording: keeps, and writes out on an occasion.

use std::{
    collections::{HashMap, VecDeque},
    io::{self, Write},
    time::Duration,
};

use super::{Key, Memory, Occasion};
use crate::{
    output::{Sink, json::Lines},
    record::{Episode, EpisodeState, FlightRecorder, Preroll, Record, When},
};

/// Containers whose end is stuck, and whose records are written as they come.
const FOLLOWED: usize = 512;

/// How to keep, and what to write out for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// How long a record is kept.
    pub window: Duration,
    /// Bytes of memory for all that is kept.
    pub memory: usize,
    pub occasions: Vec<Occasion>,
}

impl Options {
    /// For the `start` record.
    pub fn describe(&self) -> FlightRecorder {
        FlightRecorder {
            window_ns: self.window_ns(),
            memory_bytes: self.memory as u64,
            occasions: self.occasions.iter().map(|o| o.id()).collect(),
        }
    }

    fn window_ns(&self) -> u64 {
        u64::try_from(self.window.as_nanos()).unwrap_or(u64::MAX)
    }
}

/// The sink of a flight recorder. `start`, `loss` and `stop` are written as they
/// come; everything else waits for its container's occasion.
pub struct FlightSink<W> {
    writer: W,
    options: Options,
    /// From the first record on.
    memory: Option<Memory>,
    lines: Lines,
    /// What is to be written next.
    out: Vec<u8>,
    line: Vec<u8>,
    /// Whose end is stuck, by the id of the episode: it goes on in the file.
    followed: HashMap<Key, String>,
    /// Whose turn it is to be written out, and why.
    waiting: VecDeque<(Key, &'static str)>,
    now: Option<When>,
    /// Events lost when it was last looked at, and when all was written out for it.
    lost: u64,
    all_at: Option<u64>,
}

impl<W: Write> FlightSink<W> {
    pub fn new(writer: W, options: Options) -> Self {
        Self {
            writer,
            options,
            memory: None,
            lines: Lines::default(),
            out: Vec::new(),
            line: Vec::new(),
            followed: HashMap::new(),
            waiting: VecDeque::new(),
            now: None,
            lost: 0,
            all_at: None,
        }
    }

    /// Bytes of memory that what is kept takes.
    pub fn takes(&self) -> usize {
        self.memory.as_ref().map_or(0, Memory::takes)
    }

    #[cfg(test)]
    pub fn into_inner(self) -> W {
        self.writer
    }

    fn memory(&mut self, when: When) -> io::Result<&mut Memory> {
        if self.memory.is_none() {
            let window = self.options.window_ns();
            self.memory = Some(Memory::new(window, self.options.memory, when)?);
        }
        self.memory
            .as_mut()
            .ok_or_else(|| io::Error::other("no memory"))
    }

    /// Keeps it, unless its container is followed.
    fn keep(&mut self, record: &Record) -> io::Result<()> {
        self.line.clear();
        self.lines.append(record, &mut self.line)?;
        let line = std::mem::take(&mut self.line);
        let memory = self.memory(record.when())?;
        let key = memory.key(record).unwrap_or(Key::Host);
        if self.followed.contains_key(&key) {
            self.out.extend_from_slice(&line);
        } else {
            self.memory(record.when())?.keep(key, record, &line)?;
        }
        self.line = line;
        Ok(())
    }

    fn episode(&mut self, episode: &Episode) -> io::Result<()> {
        let key = Key::of(&episode.init, episode.container.as_deref());
        let is_followed = self.followed.get(&key).is_some_and(|id| *id == episode.id);
        let is_one = self.options.occasions.iter().any(|o| o.is(episode));
        if !is_one && !is_followed {
            return Ok(());
        }
        if !is_followed {
            self.write_out(&key, "episode", Some(episode))?;
        }
        if episode.state == EpisodeState::Stuck && self.followed.len() < FOLLOWED {
            self.followed.insert(key, episode.id.clone());
        } else {
            self.followed.remove(&key);
        }
        self.lines
            .append(&Record::Episode(Box::new(episode.clone())), &mut self.out)
    }

    /// Everything, container by container; not again before all of it is new.
    fn all(&mut self, why: &'static str) {
        let keys = self.memory.as_ref().map(Memory::keys).unwrap_or_default();
        for key in keys {
            if !self.waiting.iter().any(|(known, _)| *known == key) {
                self.waiting.push_back((key, why));
            }
        }
    }

    fn loss(&mut self, ring_full: u64, when: When) {
        let is_new = ring_full > self.lost && self.options.occasions.contains(&Occasion::Loss);
        self.lost = self.lost.max(ring_full);
        let window = self.options.window_ns();
        let is_due = |at: u64| when.mono_ns >= at.saturating_add(window);
        if is_new && self.all_at.is_none_or(is_due) {
            self.all_at = Some(when.mono_ns);
            self.all("loss");
        }
    }

    fn write_out(
        &mut self,
        key: &Key,
        why: &'static str,
        episode: Option<&Episode>,
    ) -> io::Result<()> {
        self.waiting.retain(|(waiting, _)| waiting != key);
        let (Some(now), Some(memory)) = (self.now, self.memory.as_mut()) else {
            return Ok(());
        };
        let Some(kept) = memory.take(key, now)? else {
            return Ok(());
        };
        let container = kept.container;
        let preroll = Preroll {
            when: now,
            occasion: why.into(),
            episode: episode.map(|episode| episode.id.clone()),
            container: container.or_else(|| episode.and_then(|e| e.container.clone())),
            since: kept.since,
            records: kept.records,
            forgotten: kept.forgotten,
            whole: match episode {
                Some(episode) => episode.began.mono_ns >= kept.since.mono_ns,
                None => kept.forgotten == 0,
            },
        };
        self.lines
            .append(&Record::Preroll(Box::new(preroll)), &mut self.out)?;
        self.out.extend_from_slice(&kept.lines);
        Ok(())
    }

    fn next_waiting(&mut self) -> io::Result<()> {
        match self.waiting.pop_front() {
            Some((key, why)) => self.write_out(&key, why, None),
            None => Ok(()),
        }
    }
}

impl<W: Write> Sink for FlightSink<W> {
    fn record(&mut self, record: &Record) -> io::Result<()> {
        let when = record.when();
        if self.now.is_none_or(|now| now.mono_ns < when.mono_ns) {
            self.now = Some(when);
        }
        match record {
            Record::Episode(episode) => self.episode(episode),
            Record::Start(start) => {
                self.memory(start.when)?;
                self.lines.append(record, &mut self.out)
            }
            Record::Loss(loss) => {
                self.lines.append(record, &mut self.out)?;
                self.loss(loss.ring_full, loss.when);
                Ok(())
            }
            Record::Stop(_) => {
                while !self.waiting.is_empty() {
                    self.next_waiting()?;
                }
                self.lines.append(record, &mut self.out)
            }
            _ => self.keep(record),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.next_waiting()?;
        let result = self.writer.write_all(&self.out);
        self.out.clear();
        // What was written out for once does not stay.
        self.out.shrink_to(1 << 16);
        result?;
        self.writer.flush()
    }

    fn request(&mut self) {
        self.all("request");
    }

    fn has_more(&self) -> bool {
        !self.waiting.is_empty()
    }
}
