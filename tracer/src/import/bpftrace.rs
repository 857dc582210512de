//! Lines of the bpftrace script of docs/import.md:
//!
//! ```text
//! NS T TIME
//! NS G PID TID SIG ERRNO CODE TARGET GROUP RESULT COMM<tab>TARGET'S COMM
//! NS D PID TID SIG ERRNO CODE HANDLER COMM
//! NS X PID TID COMM
//! NS F PID TID CHILD COMM
//! ```
//!
//! Names are escaped by bpftrace's `%r`, and may hold what was in the buffer after
//! their end.

use super::event::{Event, Line, What, comm, number, signal};
use crate::record::Timestamp;

/// Reads a line, without its line feed.
pub fn line(line: &[u8]) -> Line {
    if let Some(count) = lost(line) {
        return Line::Lost(count);
    }
    let mut words = line.splitn(3, |b| *b == b' ');
    let (Some(ns), Some(kind)) = (words.next().and_then(number::<u64>), words.next()) else {
        return Line::Other;
    };
    let rest = words.next().unwrap_or_default();
    match kind {
        b"T" => boot(ns, rest).map_or(Line::Bad, Line::Boot),
        b"G" | b"D" | b"X" | b"F" => event(ns, kind[0], rest).map_or(Line::Bad, Line::Event),
        _ => Line::Other,
    }
}

/// `Lost 12 events`
fn lost(line: &[u8]) -> Option<u64> {
    number(line.strip_prefix(b"Lost ")?.strip_suffix(b" events")?)
}

/// A time of day at a time of the clock.
fn boot(ns: u64, text: &[u8]) -> Option<Timestamp> {
    let at = Timestamp::parse(std::str::from_utf8(text).ok()?)?;
    at.0.checked_sub(ns).map(Timestamp)
}

fn event(ns: u64, kind: u8, rest: &[u8]) -> Option<Event> {
    let count = match kind {
        b'G' => 9,
        b'D' => 7,
        b'F' => 4,
        _ => 3,
    };
    let words: Vec<&[u8]> = rest.splitn(count, |b| *b == b' ').collect();
    if words.len() < count {
        return None;
    }
    let at = |index: usize| number::<u32>(words[index]);
    let names = words[count - 1];
    let mut own = names;
    let what = match kind {
        b'G' => {
            let tab = names.iter().position(|b| *b == b'\t')?;
            own = &names[..tab];
            What::Generate {
                sig: signal(at(2)?)?,
                code: number(words[4])?,
                target: at(5)?,
                group: at(6)? != 0,
                result: at(7)?,
                comm: comm(&unescaped(&names[tab + 1..])),
            }
        }
        b'D' => What::Deliver {
            sig: signal(at(2)?)?,
            code: number(words[4])?,
            handler: u64::from_str_radix(std::str::from_utf8(words[5]).ok()?, 16).ok()?,
        },
        b'F' => What::Fork { child: at(2)? },
        _ => What::Exit,
    };
    Some(Event {
        ns,
        pid: Some(at(0)?),
        tid: at(1)?,
        comm: Some(comm(&unescaped(own))),
        what,
    })
}

/// `\xNN` and what is itself, up to the end of the name.
fn unescaped(text: &[u8]) -> Vec<u8> {
    let mut name = Vec::new();
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        let hex = after.strip_prefix(b"x").and_then(|hex| hex.get(..2));
        let byte = hex
            .filter(|_| *first == b'\\')
            .and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        match byte {
            Some(0) => break,
            Some(byte) => {
                name.push(byte);
                rest = &after[3..];
            }
            None => {
                name.push(*first);
                rest = after;
            }
        }
    }
    name
}
