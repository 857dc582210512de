//! Lines by container, each a while, all of them in bounded memory.
//!
//! Lines of a container are gathered in chunks, which are compressed when they are
//! full: ten times as many find room. Memory is counted by what is allocated. Where
//! there is too much, the container that takes most gives up its oldest chunk, so
//! that no flood of one takes away what others have.

use std::collections::{HashMap, VecDeque};
use std::io;

use crate::{
    assemble::bounded::Bounded,
    decide::sender::Kind,
    record::{Container, ContainerRef, Process, Record, Timestamp, When},
};

/// Bytes of lines that are compressed together: at most, and, where so many
/// containers share the memory that their open chunks would take half of it, at least.
const CHUNK: usize = 32 << 10;
const LEAST_CHUNK: usize = 4 << 10;

/// zstd's level.
const LEVEL: i32 = 1;

/// What a chunk takes beside its bytes, and a container beside its chunks: the
/// structures and their places in a queue and a map, generously.
const PER_CHUNK: usize = 128;
const PER_GROUP: usize = 640;

/// Bytes of lines of one container, uncompressed, at most: so much is written out in
/// one go.
const GROUP: usize = 16 << 20;

/// Processes killed by the end of another's namespace whose exit may still come.
const VICTIMS: usize = 16_384;

/// Whose records are kept, and written out, together: those of all processes of a
/// PID namespace, since it is with the namespace that they end.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Key {
    /// A PID namespace other than the host's, by its inode.
    Namespace(u32),
    /// A container in the host's PID namespace, by its id.
    Container(String),
    /// No container's.
    Host,
}

impl Key {
    /// Of a process, or of the main process of a container.
    pub fn of(process: &Process, container: Option<&Container>) -> Self {
        let container = container.or(process.container.as_deref());
        match (process.pid_ns, container) {
            (Some(inode), _) if process.ns_level.is_some_and(|level| level > 0) => {
                Self::Namespace(inode)
            }
            (_, Some(container)) => match &container.id {
                Some(id) => Self::Container(id.clone()),
                None => Self::Namespace(container.pid_ns),
            },
            _ => Self::Host,
        }
    }
}

/// What was kept of one container.
#[derive(Debug)]
pub struct Kept {
    pub container: Option<ContainerRef>,
    /// Everything since then was kept, or was taken before.
    pub since: When,
    pub records: u64,
    /// Thrown away for want of memory since it was taken last.
    pub forgotten: u64,
    /// The lines, in their order.
    pub lines: Vec<u8>,
}

struct Chunk {
    bytes: Box<[u8]>,
    /// Uncompressed.
    size: usize,
    records: u64,
    last: When,
}

struct Group {
    container: Option<ContainerRef>,
    full: VecDeque<Chunk>,
    open: Vec<u8>,
    open_records: u64,
    last: When,
    /// Bytes that it takes.
    takes: usize,
    /// Bytes of its lines.
    size: usize,
    since: When,
    forgotten: u64,
}

impl Group {
    fn new(since: When) -> Self {
        Self {
            container: None,
            full: VecDeque::new(),
            open: Vec::new(),
            open_records: 0,
            last: since,
            takes: PER_GROUP,
            size: 0,
            since,
            forgotten: 0,
        }
    }

    fn is_empty(&self) -> bool {
        self.full.is_empty() && self.open.is_empty()
    }

    /// Throws away the oldest chunk; how many records that were.
    fn shed(&mut self) -> u64 {
        if let Some(chunk) = self.full.pop_front() {
            self.takes -= chunk.bytes.len() + PER_CHUNK;
            self.size -= chunk.size;
            self.since = chunk.last;
            return chunk.records;
        }
        self.takes -= self.open.capacity();
        self.size -= self.open.len();
        self.open = Vec::new();
        self.since = self.last;
        std::mem::take(&mut self.open_records)
    }
}

/// Keeps lines for a while.
pub struct Memory {
    window_ns: u64,
    limit: usize,
    takes: usize,
    began: When,
    groups: HashMap<Key, Group>,
    victims: Bounded<(u32, u64), u64>,
    /// The keys that victims' exits belong to, by a number.
    owners: VecDeque<(u64, Key)>,
    owner: u64,
    swept_ns: u64,
    compressor: zstd::bulk::Compressor<'static>,
}

impl Memory {
    /// Keeps lines for `window_ns`, in at most `limit` bytes. What the compression
    /// itself takes, less than a MiB, comes on top.
    ///
    /// # Errors
    /// When the compression cannot be prepared.
    pub fn new(window_ns: u64, limit: usize, began: When) -> io::Result<Self> {
        Ok(Self {
            window_ns,
            limit,
            takes: 0,
            began,
            groups: HashMap::new(),
            victims: Bounded::new(VICTIMS),
            owners: VecDeque::new(),
            owner: 0,
            swept_ns: 0,
            compressor: zstd::bulk::Compressor::new(LEVEL)?,
        })
    }

    /// Bytes taken.
    pub fn takes(&self) -> usize {
        self.takes
    }

    /// Whose a record is; `None` for records that are nobody's.
    pub fn key(&mut self, record: &Record) -> Option<Key> {
        Some(match record {
            Record::Signal(r) if r.sender.kind == Kind::Zap => {
                let key = Key::of(&r.sender.process, None);
                self.expect(&r.target.process, &key);
                key
            }
            Record::Signal(r) => Key::of(&r.target.process, None),
            Record::Deliver(r) => self.expected(&r.target.process, None),
            Record::Exit(r) => self.expected(&r.process, r.container.as_deref()),
            Record::Zap(r) => Key::of(&r.init, r.container.as_deref()),
            Record::Episode(r) => Key::of(&r.init, r.container.as_deref()),
            Record::Loss(_) | Record::Start(_) | Record::Stop(_) | Record::Preroll(_) => {
                return None;
            }
        })
    }

    /// The end of a victim of a namespace within another belongs to the outer one.
    fn expect(&mut self, victim: &Process, key: &Key) {
        let Some(victim) = victim.pid.zip(victim.start_ns) else {
            return;
        };
        if self.owners.back().is_none_or(|(_, last)| last != key) {
            self.owner += 1;
            self.owners.push_back((self.owner, key.clone()));
            if self.owners.len() > 64 {
                self.owners.pop_front();
            }
        }
        self.victims.insert(victim, self.owner);
    }

    fn expected(&self, process: &Process, container: Option<&Container>) -> Key {
        let victim = process.pid.zip(process.start_ns);
        victim
            .and_then(|victim| self.victims.get(&victim))
            .and_then(|owner| self.owners.iter().find(|(number, _)| number == owner))
            .map_or_else(|| Key::of(process, container), |(_, key)| key.clone())
    }

    /// Keeps a line, with its line feed. Lines of one key come in their order.
    ///
    /// # Errors
    /// Those of the compression, of which none is known.
    pub fn keep(&mut self, key: Key, record: &Record, line: &[u8]) -> io::Result<()> {
        let when = record.when();
        self.age(when.mono_ns);
        let began = self.began;
        let chunk = (self.limit / (2 * (self.groups.len() + 1))).clamp(LEAST_CHUNK, CHUNK);
        let group = self.groups.entry(key.clone()).or_insert_with(|| {
            self.takes += PER_GROUP;
            Group::new(began)
        });
        let before = group.takes;
        if let Some(container) = container_of(record)
            && (container.id.is_some() || group.container.is_none())
        {
            group.container = Some(container.clone());
        }
        let had = group.open.capacity();
        if group.open.len() + line.len() > chunk && !group.open.is_empty() {
            let bytes = self.compressor.compress(&group.open)?.into_boxed_slice();
            group.takes += bytes.len() + PER_CHUNK;
            group.full.push_back(Chunk {
                bytes,
                size: group.open.len(),
                records: std::mem::take(&mut group.open_records),
                last: group.last,
            });
            group.open.clear();
            group.open.shrink_to(chunk);
        }
        group.open.extend_from_slice(line);
        group.open_records += 1;
        group.size += line.len();
        group.last = when;
        group.takes = group.takes + group.open.capacity() - had;
        while group.size > GROUP && !group.full.is_empty() {
            let gone = group.shed();
            group.forgotten += gone;
        }
        self.takes = self.takes + group.takes - before;
        self.make_room();
        Ok(())
    }

    /// Takes what was kept of one key, which is as new afterwards; `None` where
    /// nothing was.
    ///
    /// # Errors
    /// Those of the compression, of which none is known.
    pub fn take(&mut self, key: &Key, now: When) -> io::Result<Option<Kept>> {
        let Some(group) = self.groups.get_mut(key) else {
            return Ok(None);
        };
        if group.is_empty() {
            return Ok(None);
        }
        let mut lines = Vec::with_capacity(group.size);
        let mut records = group.open_records;
        for chunk in &group.full {
            lines.extend(zstd::bulk::decompress(&chunk.bytes, chunk.size)?);
            records += chunk.records;
        }
        lines.extend_from_slice(&group.open);
        let kept = Kept {
            container: group.container.clone(),
            since: group.since,
            records,
            forgotten: group.forgotten,
            lines,
        };
        self.takes -= group.takes;
        // What comes from now on follows on what was taken: nothing is missing since.
        let mut next = Group::new(kept.since);
        (next.last, next.container) = (now, kept.container.clone());
        self.takes += next.takes;
        *group = next;
        Ok(Some(kept))
    }

    /// The keys of which something is kept.
    pub fn keys(&self) -> Vec<Key> {
        let mut held: Vec<_> = self.groups.iter().filter(|(_, g)| !g.is_empty()).collect();
        held.sort_by_key(|(_, group)| group.last.mono_ns);
        held.into_iter().map(|(key, _)| key.clone()).collect()
    }

    /// Forgets what is older than the window. Looks once for each 64th of it.
    fn age(&mut self, now: u64) {
        if now < self.swept_ns.saturating_add(self.window_ns / 64) {
            return;
        }
        self.swept_ns = now;
        let oldest = now.saturating_sub(self.window_ns);
        let mut takes = 0;
        self.groups.retain(|_, group| {
            while group
                .full
                .front()
                .is_some_and(|chunk| chunk.last.mono_ns < oldest)
            {
                group.shed();
            }
            if group.full.is_empty() && group.last.mono_ns < oldest {
                group.shed();
            }
            let stays = !group.is_empty() || group.last.mono_ns >= oldest;
            if stays {
                takes += group.takes;
            }
            stays
        });
        self.takes = takes;
        // A container of which nothing is kept is one of which nothing is known from
        // before this time on.
        self.began = no_earlier(self.began, oldest);
    }

    /// The container that takes most gives up its oldest chunk.
    fn make_room(&mut self) {
        while self.takes > self.limit {
            let Some((key, group)) = self.groups.iter_mut().max_by_key(|(_, g)| g.takes) else {
                return;
            };
            let before = group.takes;
            let gone = group.shed();
            group.forgotten += gone;
            self.takes -= before - group.takes;
            if group.is_empty() {
                // All that is left of it is that it is not whole.
                let key = key.clone();
                self.began = later(self.began, group.last);
                self.groups.remove(&key);
                self.takes -= PER_GROUP;
            }
        }
    }
}

fn later(a: When, b: When) -> When {
    if a.mono_ns >= b.mono_ns { a } else { b }
}

/// A time, or this later one by its clock.
fn no_earlier(when: When, mono_ns: u64) -> When {
    let by = mono_ns.saturating_sub(when.mono_ns);
    When {
        ts: Timestamp(when.ts.0.saturating_add(by)),
        mono_ns: when.mono_ns + by,
    }
}

fn container_of(record: &Record) -> Option<&ContainerRef> {
    match record {
        Record::Signal(r) if r.sender.kind == Kind::Zap => r.sender.process.container.as_ref(),
        Record::Signal(r) => r.target.process.container.as_ref(),
        Record::Deliver(r) => r.target.process.container.as_ref(),
        Record::Exit(r) => r.container.as_ref(),
        Record::Zap(r) => r.container.as_ref(),
        Record::Episode(r) => r.container.as_ref(),
        Record::Loss(_) | Record::Start(_) | Record::Stop(_) | Record::Preroll(_) => None,
    }
}
