//! Sinks: records in, bytes out.
//!
//! Pure: no kernel, no container logic, no process-wide state except what is
//! passed in. [`json`] is the contract for programs, [`text`] is for people.
//! Names in a record are chosen by those who are traced: whatever reaches a
//! terminal goes through [`escape`].

use std::io;

use crate::record::Record;

pub mod color;
pub mod escape;
pub mod json;
pub mod schema;
pub mod table;
pub mod text;
pub mod wrap;

#[cfg(test)]
pub(crate) mod fixtures;

/// Where records go. A sink may hold back what it got until [`Sink::flush`],
/// which the caller calls whenever it has nothing else to do, and at the end:
/// dropping a sink drops what it holds back.
pub trait Sink {
    /// Takes a record.
    ///
    /// # Errors
    /// Those of the writer. What was held back then is gone.
    fn record(&mut self, record: &Record) -> io::Result<()>;

    /// Writes what was held back, and flushes the writer.
    ///
    /// # Errors
    /// Those of the writer. What was held back then is gone.
    fn flush(&mut self) -> io::Result<()>;

    /// Somebody asks for what a sink keeps for an occasion: this is one.
    fn request(&mut self) {}

    /// Whether [`Sink::flush`] has more to write than it did in one go: it is to be
    /// called again once there is room.
    fn has_more(&self) -> bool {
        false
    }
}

impl<S: Sink + ?Sized> Sink for Box<S> {
    fn record(&mut self, record: &Record) -> io::Result<()> {
        (**self).record(record)
    }

    fn flush(&mut self) -> io::Result<()> {
        (**self).flush()
    }

    fn request(&mut self) {
        (**self).request();
    }

    fn has_more(&self) -> bool {
        (**self).has_more()
    }
}
