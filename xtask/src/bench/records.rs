//! The few fields of sigwhy's JSON lines that a measurement needs. No parser:
//! only the `start`, `loss` and `stop` records are read, which hold counters and
//! no text of other people's.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;

use crate::failure::{Context as _, Result, fail};
use crate::workspace::ContextNone as _;

/// How much of a capture's end is searched for its last `loss` record.
const TAIL: u64 = 1 << 20;

/// The cumulative counters of a `loss` record.
#[derive(Debug, PartialEq, Eq)]
pub struct Loss {
    /// Firings that the BPF program saw.
    pub kernel_seen: u64,
    /// Of those, the ones that the filter left out.
    pub filtered: u64,
    /// Handed to user space.
    pub submitted: u64,
    /// Not handed over: the ring was full.
    pub ring_full: u64,
    /// What user space took out of the ring.
    pub received: u64,
}

impl Loss {
    /// The last one of a capture.
    pub fn last_of(path: &Path) -> Result<Self> {
        let mut file = File::open(path).context(|| format!("cannot open {}", path.display()))?;
        let mut bytes = Vec::new();
        let end = file.seek(SeekFrom::End(0));
        end.and_then(|end| file.seek(SeekFrom::Start(end.saturating_sub(TAIL))))
            .and_then(|_| file.read_to_end(&mut bytes))
            .context(|| format!("cannot read {}", path.display()))?;
        let text = String::from_utf8_lossy(&bytes);
        let line = text
            .lines()
            .rev()
            .find(|line| is_type(line, "loss"))
            .context_none("sigwhy's output has no `loss` record at its end")?;
        let loss = Self::parse(line).context_none("a `loss` record lacks a counter")?;
        if loss.kernel_seen != loss.filtered + loss.submitted + loss.ring_full {
            return fail(format!("sigwhy's counters do not add up: {loss:?}"));
        }
        Ok(loss)
    }

    fn parse(line: &str) -> Option<Self> {
        Some(Self {
            kernel_seen: number(line, "kernel_seen")?,
            filtered: number(line, "filtered")?,
            submitted: number(line, "submitted")?,
            ring_full: number(line, "ring_full")?,
            received: number(line, "received")?,
        })
    }

    /// Events that the filter let through and that nobody was told of.
    pub fn lost(&self) -> u64 {
        self.ring_full + self.submitted.saturating_sub(self.received)
    }
}

/// Whether a line is a record of that type.
pub fn is_type(line: &str, kind: &str) -> bool {
    after(line, "type").is_some_and(|rest| {
        rest.strip_prefix('"')
            .and_then(|rest| rest.strip_prefix(kind))
            .is_some_and(|rest| rest.starts_with('"'))
    })
}

fn number(line: &str, key: &str) -> Option<u64> {
    let rest = after(line, key)?;
    let end = rest
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(rest.len());
    rest[..end].parse().ok()
}

/// What follows `"key":`.
fn after<'a>(line: &'a str, key: &str) -> Option<&'a str> {
    let quoted = format!("\"{key}\"");
    let rest = &line[line.find(&quoted)? + quoted.len()..];
    Some(rest.trim_start().strip_prefix(':')?.trim_start())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"{"type":"loss","ts":"x","kernel_seen":10,"filtered":3,"submitted":5,"ring_full":2,"received":4}"#;

    #[test]
    fn lost_is_what_was_let_through_and_never_came() {
        let loss = Loss::parse(LINE).expect("parses");
        assert_eq!((loss.kernel_seen, loss.received), (10, 4));
        assert_eq!(loss.lost(), 3);
    }

    #[test]
    fn a_null_counter_is_no_zero() {
        assert_eq!(Loss::parse(&LINE.replace(":4}", ":null}")), None);
    }

    #[test]
    fn types_are_compared_whole() {
        assert!(is_type(LINE, "loss"));
        assert!(is_type(r#"{ "type" : "start" }"#, "start"));
        assert!(!is_type(r#"{"type":"started"}"#, "start"));
    }
}
