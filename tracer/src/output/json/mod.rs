//! NDJSON: one object per line, the contract for programs.
//!
//! Fast, because it runs for every signal of a machine: records are gathered in
//! one buffer and written in big pieces. Foreign text is escaped as JSON wants
//! it and not more: what a program reads is what the kernel had.

use std::io::{self, Write};

mod hot;

#[cfg(test)]
mod tests;

use super::Sink;
use crate::record::Record;

/// Bytes after which the buffer is written.
const CHUNK: usize = 256 * 1024;

/// The sink. Holds back up to 256 KiB and a record until flushed.
#[derive(Debug)]
pub struct Json<W> {
    writer: W,
    buffer: Vec<u8>,
    lines: Lines,
}

/// Records to lines, without anywhere to write them.
#[derive(Debug, Default)]
pub struct Lines(hot::Hot);

impl Lines {
    /// Appends a record's line, with its line feed.
    ///
    /// # Errors
    /// When it cannot be serialised; then nothing is appended.
    pub fn append(&mut self, record: &Record, to: &mut Vec<u8>) -> io::Result<()> {
        let start = to.len();
        let result = match record {
            Record::Signal(r) => self.0.signal(to, r),
            Record::Deliver(r) => self.0.deliver(to, r),
            rare => serde_json::to_writer(&mut *to, rare),
        };
        if let Err(error) = result {
            to.truncate(start);
            return Err(error.into());
        }
        to.push(b'\n');
        Ok(())
    }
}

impl<W: Write> Json<W> {
    /// A sink that writes there; needs no `BufWriter`.
    pub fn new(writer: W) -> Self {
        Self {
            writer,
            buffer: Vec::with_capacity(CHUNK + 8192),
            lines: Lines::default(),
        }
    }

    /// The writer, without what was not flushed.
    pub fn into_inner(self) -> W {
        self.writer
    }

    fn write(&mut self) -> io::Result<()> {
        let result = self.writer.write_all(&self.buffer);
        // After an error nobody knows how much was written: never twice.
        self.buffer.clear();
        result
    }
}

impl<W: Write> Sink for Json<W> {
    fn record(&mut self, record: &Record) -> io::Result<()> {
        self.lines.append(record, &mut self.buffer)?;
        if self.buffer.len() >= CHUNK {
            self.write()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.write()?;
        self.writer.flush()
    }
}
