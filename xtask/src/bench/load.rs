//! Drives `tests/bench/sigload.rs` and reads what it prints.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::failure::{Result, fail};
use crate::workspace::{self, ContextNone as _};

/// SIGUSR1: nothing else on a machine sends many of them.
pub const SIGNAL: u32 = 10;

/// The compiled load generator.
pub struct Load(PathBuf);

/// What a flood measured.
#[derive(Clone, Copy)]
pub struct Flood {
    /// Signals sent.
    pub sent: u64,
    /// Nanoseconds per kill(2) in the fastest batch.
    pub min_ns: f64,
    /// Nanoseconds per kill(2) in the middle batch.
    pub median_ns: f64,
}

/// What a steady load achieved.
pub struct Paced {
    /// Signals sent.
    pub sent: u64,
    /// Signals a second.
    pub rate: f64,
    /// The longest that one was late, in microseconds.
    pub max_lag_us: u64,
}

impl Load {
    /// The load generator at `path`.
    pub fn new(path: PathBuf) -> Self {
        Self(path)
    }

    /// As fast as possible.
    pub fn flood(&self, count: u64) -> Result<Flood> {
        let line = self.output(&["flood", &count.to_string(), &SIGNAL.to_string()])?;
        Ok(Flood {
            sent: value(&line, "sent")?,
            min_ns: value(&line, "min_ns")?,
            median_ns: value(&line, "median_ns")?,
        })
    }

    /// `rate` a second for some seconds.
    pub fn paced(&self, rate: u64, seconds: u64) -> Result<Paced> {
        self.paced_as(&[], rate, seconds)
    }

    /// The same from and to processes of a PID namespace and a cgroup.
    pub fn paced_inside(&self, cgroup: &Path, rate: u64, seconds: u64) -> Result<Paced> {
        let members = cgroup.join("cgroup.procs");
        self.paced_as(&["inside", &members.to_string_lossy()], rate, seconds)
    }

    fn paced_as(&self, before: &[&str], rate: u64, seconds: u64) -> Result<Paced> {
        let words = [rate, seconds, u64::from(SIGNAL)].map(|n| n.to_string());
        let mut args = before.to_vec();
        args.extend(["paced", &words[0], &words[1], &words[2]]);
        let line = self.output(&args)?;
        Ok(Paced {
            sent: value(&line, "sent")?,
            rate: value(&line, "rate")?,
            max_lag_us: value(&line, "max_lag_us")?,
        })
    }

    /// Sends SIGINT, which ends every tracer here in its own way.
    pub fn interrupt(&self, pid: u32) -> Result<()> {
        self.output(&["interrupt", &pid.to_string()]).map(drop)
    }

    fn output(&self, args: &[&str]) -> Result<String> {
        match workspace::output(Command::new(&self.0).args(args)) {
            Some(line) => Ok(line),
            None => fail(format!("sigload {} failed", args.join(" "))),
        }
    }
}

/// The value of `key=` in a line of `key=value` words.
fn value<T: std::str::FromStr>(line: &str, key: &str) -> Result<T> {
    line.split_whitespace()
        .filter_map(|word| word.split_once('='))
        .find(|(name, _)| *name == key)
        .and_then(|(_, text)| text.parse().ok())
        .context_none(&format!("sigload printed no {key}: {line:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_by_their_whole_name() {
        let line = "sent=10 min_ns=1.5 median_ns=2.5\n";
        assert_eq!(value::<f64>(line, "median_ns"), Ok(2.5));
        assert_eq!(value::<u64>(line, "sent"), Ok(10));
        assert!(value::<u64>(line, "ns").is_err());
        assert!(value::<u64>(line, "min_ns").is_err());
    }
}
