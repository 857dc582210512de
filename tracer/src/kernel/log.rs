//! A logger of a few lines for the rare warnings of the kernel side, which
//! aya-log hands to the `log` crate. Not a logging framework: sigwhy's own
//! messages are its records and its errors.

use std::io::{self, Write as _};

use log::{LevelFilter, Log, Metadata, Record};

struct Stderr;

impl Log for Stderr {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            // `eprintln!` panics where stderr is closed or full; a warning that
            // nobody hears is no reason to end.
            let _ = writeln!(
                io::stderr(),
                "sigwhy: {}: {}",
                record.target(),
                record.args()
            );
        }
    }

    fn flush(&self) {}
}

/// Sends what the `log` crate gets to stderr. Calling it again does nothing.
pub fn install() {
    static LOGGER: Stderr = Stderr;
    if log::set_logger(&LOGGER).is_ok() {
        log::set_max_level(LevelFilter::Warn);
    }
}
