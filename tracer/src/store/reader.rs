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

/// What a parser makes of a block.
#[derive(Default)]
struct Parsed {
    records: Vec<Record>,
    bad_lines: u64,
    unknown_records: u64,
}

/// Reads a recording.
pub struct Reader {
    /// One for each parser, which take the blocks in turn.
    parsed: Vec<Receiver<Parsed>>,
    next: usize,
    records: std::vec::IntoIter<Record>,
    source: Option<JoinHandle<io::Result<Damage>>>,
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
            source: Some(source),
            damage: Damage::default(),
            error: None,
        })
    }

    /// What could not be read so far; all of it once the records have ended.
    pub fn damage(&self) -> Damage {
        self.damage
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
            Ok(Ok(damage)) => {
                self.damage.unfinished = damage.unfinished;
                self.damage.skipped_bytes = damage.skipped_bytes;
                self.damage.bad_lines += damage.bad_lines;
            }
            Ok(Err(error)) => self.error = Some(error),
            Err(_) => self.error = Some(io::Error::other("the reading thread panicked")),
        }
    }
}

impl Iterator for Reader {
    type Item = Record;

    fn next(&mut self) -> Option<Record> {
        loop {
            if let Some(record) = self.records.next() {
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
        }
    }
}

/// The thread that decompresses.
fn hand_out(from: impl Read, parsers: &[SyncSender<Vec<u8>>]) -> io::Result<Damage> {
    let mut lines = Lines::new(from)?;
    for parser in parsers.iter().cycle() {
        let mut block = Vec::new();
        // Nobody takes it where the reader was dropped.
        if !lines.next(&mut block)? || parser.send(block).is_err() {
            break;
        }
    }
    Ok(lines.damage)
}

/// A thread that parses.
fn parse(blocks: &Receiver<Vec<u8>>, out: &SyncSender<Parsed>) {
    let mut lines = line::Lines::default();
    while let Ok(block) = blocks.recv() {
        let mut parsed = Parsed::default();
        for text in block.split(|b| *b == b'\n') {
            if text.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            match lines.read(text) {
                Ok(record) => parsed.records.push(record),
                Err(line::Not::Known) => parsed.unknown_records += 1,
                Err(line::Not::ARecord) => parsed.bad_lines += 1,
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
