//! A recording, record by record.
//!
//! One thread decompresses, others parse; the records come in the order of the
//! file. Whoever stops reading stops them.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread::{self, JoinHandle},
};

use anyhow::Context as _;

use super::{Damage, line, lines::Lines};
use crate::record::Record;

/// Blocks of lines, or of records, that wait for each thread.
const WAITING: usize = 2;

/// Lines for a parser, and whether something is missing before the first of them.
struct Block {
    lines: Vec<u8>,
    after_gap: bool,
}

/// What a parser makes of a block.
#[derive(Default)]
struct Parsed {
    records: Vec<Record>,
    /// Before which of the records something is missing, in their order; as many as
    /// there are records: after the last.
    gaps: Vec<usize>,
    bad_lines: u64,
    unknown_records: u64,
}

/// Reads a recording.
pub struct Reader {
    /// One for each parser, which take the blocks in turn.
    parsed: Vec<Receiver<Parsed>>,
    next: usize,
    records: std::vec::IntoIter<Record>,
    /// Of these records, how many have been given out, and where gaps are.
    given: usize,
    gaps: std::iter::Peekable<std::vec::IntoIter<usize>>,
    is_gap: bool,
    source: Option<JoinHandle<io::Result<(Damage, bool)>>>,
    damage: Damage,
    error: Option<io::Error>,
}

impl Reader {
    /// Opens a recording, or lines as `--format json` writes them; `-` is
    /// standard input. `parsers` threads parse.
    ///
    /// # Errors
    /// When it cannot be opened, or no thread can be made.
    pub fn open(path: &Path, parsers: usize) -> anyhow::Result<Self> {
        let opening = || format!("cannot read the recording {}", path.display());
        if path.as_os_str() == "-" {
            return Self::new(io::stdin(), parsers).with_context(opening);
        }
        let file = File::open(path).with_context(opening)?;
        if file.metadata().with_context(opening)?.is_dir() {
            anyhow::bail!("{}: it is a directory", opening());
        }
        Self::new(file, parsers).with_context(opening)
    }

    /// Reads from there.
    ///
    /// # Errors
    /// When no thread can be made.
    pub fn new(from: impl Read + Send + 'static, parsers: usize) -> io::Result<Self> {
        let (mut to_parsers, mut parsed) = (Vec::new(), Vec::new());
        for _ in 0..parsers.max(1) {
            let (blocks, of_parser) = sync_channel(WAITING);
            let (out, records) = sync_channel(WAITING);
            thread::Builder::new()
                .name("sigwhy-parser".to_owned())
                .spawn(move || parse(&of_parser, &out))?;
            to_parsers.push(blocks);
            parsed.push(records);
        }
        let source = thread::Builder::new()
            .name("sigwhy-reader".to_owned())
            .spawn(move || hand_out(from, &to_parsers))?;
        Ok(Self {
            parsed,
            next: 0,
            records: Vec::new().into_iter(),
            given: 0,
            gaps: Vec::new().into_iter().peekable(),
            is_gap: false,
            source: Some(source),
            damage: Damage::default(),
            error: None,
        })
    }

    /// What could not be read so far; all of it once the records have ended.
    pub fn damage(&self) -> Damage {
        self.damage
    }

    /// Whether something is missing in the file before the record that came last, or,
    /// once the records have ended, after it: damage, and not what was never
    /// recorded. Asked once for each: the answer is forgotten.
    pub fn take_gap(&mut self) -> bool {
        std::mem::take(&mut self.is_gap)
    }

    /// Why it ended before the end of the file, if it did.
    pub fn error(&mut self) -> Option<io::Error> {
        self.error.take()
    }

    fn end(&mut self) {
        let Some(source) = self.source.take() else {
            return;
        };
        match source.join() {
            Ok(Ok((damage, is_gap))) => {
                self.is_gap |= is_gap;
                self.damage.unfinished = damage.unfinished;
                self.damage.skipped_bytes = damage.skipped_bytes;
                self.damage.bad_lines += damage.bad_lines;
            }
            Ok(Err(error)) => {
                self.is_gap = true;
                self.error = Some(error);
            }
            Err(_) => self.error = Some(io::Error::other("the reading thread panicked")),
        }
    }
}

impl Iterator for Reader {
    type Item = Record;

    fn next(&mut self) -> Option<Record> {
        loop {
            let next = self.records.next();
            while self.gaps.next_if(|at| *at <= self.given).is_some() {
                self.is_gap = true;
            }
            if let Some(record) = next {
                self.given += 1;
                return Some(record);
            }
            // Blocks are handed out in turn: who has none now is the end.
            let Ok(parsed) = self.parsed[self.next].recv() else {
                self.end();
                return None;
            };
            self.next = (self.next + 1) % self.parsed.len();
            self.damage.bad_lines += parsed.bad_lines;
            self.damage.unknown_records += parsed.unknown_records;
            self.records = parsed.records.into_iter();
            self.gaps = parsed.gaps.into_iter().peekable();
            self.given = 0;
        }
    }
}

/// The thread that decompresses.
fn hand_out(from: impl Read, parsers: &[SyncSender<Block>]) -> io::Result<(Damage, bool)> {
    let mut source = Lines::new(from)?;
    let mut after_gap = false;
    for parser in parsers.iter().cycle() {
        let mut lines = Vec::new();
        if !source.next(&mut lines)? {
            break;
        }
        let (before, after) = source.take_gaps();
        let block = Block {
            lines,
            after_gap: after_gap | before,
        };
        after_gap = after;
        // Nobody takes it where the reader was dropped.
        if parser.send(block).is_err() {
            break;
        }
    }
    let (before, after) = source.take_gaps();
    Ok((source.damage, after_gap | before | after))
}

/// A thread that parses.
fn parse(blocks: &Receiver<Block>, out: &SyncSender<Parsed>) {
    let mut lines = line::Lines::default();
    while let Ok(block) = blocks.recv() {
        let mut parsed = Parsed::default();
        if block.after_gap {
            parsed.gaps.push(0);
        }
        let block = block.lines;
        let mut begin = 0;
        // The last line of a file may have no end.
        for end in memchr::memchr_iter(b'\n', &block).chain([block.len()]) {
            let text = &block[begin..end];
            begin = (end + 1).min(block.len());
            if text.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            match lines.read(text) {
                Ok(record) => parsed.records.push(record),
                Err(line::Not::Known) => parsed.unknown_records += 1,
                Err(line::Not::ARecord) => {
                    parsed.bad_lines += 1;
                    parsed.gaps.push(parsed.records.len());
                }
            }
        }
        if out.send(parsed).is_err() {
            break;
        }
    }
}

/// How many threads should parse, beside the one that decompresses.
pub fn parsers() -> usize {
    thread::available_parallelism().map_or(1, |cpus| cpus.get().clamp(1, 4))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::fixtures;

    fn plain(records: &[Record]) -> Vec<u8> {
        let line = |record| serde_json::to_string(record).expect("serialises") + "\n";
        records.iter().map(line).collect::<String>().into_bytes()
    }

    #[test]
    fn records_come_in_the_order_of_the_file_whoever_parses() {
        let mut records = Vec::new();
        for n in 0..20_000 {
            let mut record = fixtures::dropped();
            record.when.mono_ns = n;
            records.push(Record::Signal(Box::new(record)));
        }
        for parsers in [1, 2, 3] {
            let bytes = io::Cursor::new(plain(&records));
            let mut reader = Reader::new(bytes, parsers).expect("threads");
            assert!(reader.by_ref().eq(records.iter().cloned()));
            assert!(reader.damage().is_none());
            assert!(reader.next().is_none());
        }
    }

    #[test]
    fn what_is_no_record_is_counted() {
        let mut bytes = plain(&fixtures::all());
        bytes.extend_from_slice(b"\n  \nno record\n{\"type\":\"newer\"}\n");
        bytes.extend(plain(&fixtures::all()));
        let mut reader = Reader::new(io::Cursor::new(bytes), 2).expect("threads");
        assert_eq!(reader.by_ref().count(), 2 * fixtures::all().len());
        let damage = reader.damage();
        assert_eq!((damage.bad_lines, damage.unknown_records), (1, 1));
    }

    #[test]
    fn where_something_is_missing_is_known() {
        let signal = |n: u64| {
            let mut record = fixtures::dropped();
            record.when.mono_ns = n;
            Record::Signal(Box::new(record))
        };
        let frame = |range: std::ops::Range<u64>| {
            let lines = plain(&range.map(signal).collect::<Vec<_>>());
            zstd::encode_all(&lines[..], 1).expect("compresses")
        };
        let gaps = |bytes: Vec<u8>| {
            let mut reader = Reader::new(io::Cursor::new(bytes), 2).expect("threads");
            let mut gaps = Vec::new();
            while let Some(record) = reader.next() {
                if reader.take_gap() {
                    gaps.push(record.mono_ns());
                }
            }
            (gaps, reader.take_gap())
        };
        let (one, two, three) = (frame(0..700), frame(700..1400), frame(1400..2100));
        let all = [&one[..], &two, &three].concat();
        assert_eq!(gaps(all.clone()), (vec![], false));
        // Rubbish between frames, and after them.
        let rubbish = [&one[..], b"rubbish", &two, &three, b"rubbish"].concat();
        assert_eq!(gaps(rubbish), (vec![700], true));
        // The begin of a frame.
        let mut broken = all;
        broken[one.len() + 5] ^= 0xff;
        assert_eq!(gaps(broken), (vec![1400], false));
        // A line.
        let mut lines = plain(&[signal(1)]);
        lines.extend_from_slice(b"{cut\n");
        lines.extend(plain(&[signal(2), signal(3)]));
        lines.extend_from_slice(b"{cut");
        assert_eq!(gaps(lines), (vec![2], true));
    }

    #[test]
    fn what_was_read_before_an_error_comes_first() {
        struct Then(io::Cursor<Vec<u8>>);
        impl Read for Then {
            fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
                match self.0.read(out)? {
                    0 => Err(io::Error::from_raw_os_error(libc::EIO)),
                    count => Ok(count),
                }
            }
        }
        let lines = plain(&fixtures::all());
        let frame = zstd::encode_all(&lines[..], 1).expect("compresses");
        for bytes in [lines, frame] {
            let mut reader = Reader::new(Then(io::Cursor::new(bytes)), 2).expect("threads");
            assert_eq!(reader.by_ref().count(), fixtures::all().len());
            let error = reader.error().expect("an error");
            assert_eq!(error.raw_os_error(), Some(libc::EIO));
            assert!(reader.take_gap());
        }
    }

    #[test]
    fn who_stops_reading_stops_the_threads() {
        let bytes = plain(&fixtures::all()).repeat(2_000);
        let mut reader = Reader::new(io::Cursor::new(bytes), 2).expect("threads");
        assert!(reader.next().is_some());
        let source = reader.source.take().expect("a thread");
        drop(reader);
        assert!(source.join().expect("no panic").is_ok());
    }

    #[test]
    fn an_error_of_reading_comes_back() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::from_raw_os_error(libc::EIO))
            }
        }
        let mut reader = Reader::new(Broken, 1).expect("threads");
        assert!(reader.next().is_none());
        assert_eq!(
            reader.error().expect("an error").raw_os_error(),
            Some(libc::EIO)
        );
    }
}
