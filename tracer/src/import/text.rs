//! Lines of `perf script` and of ftrace. Both print the tracepoint's own format,
//! after columns of their own.
//!
//! Names are chosen by processes and printed as they are. They are at most 15 bytes,
//! which is enough for `signal_deliver:` and for none of the other events, but not for
//! a time before it too. So the event's name is the first that comes after a time:
//! what is before that is read from its end, and what comes after from both ends.

use memchr::memmem;

use super::event::{Event, Line, NOBODY, What, comm, number, signal};

/// Nanoseconds in a second.
const SECOND: u64 = 1_000_000_000;

/// The longest time: as many digits as a u64 has, a point and nine more, and what is
/// before them.
const TIME: usize = 32;

const EVENTS: [&[u8]; 4] = [
    b"signal_generate:",
    b"signal_deliver:",
    b"sched_process_exit:",
    b"sched_process_fork:",
];

/// Reads a line, without its line feed.
pub fn line(line: &[u8]) -> Line {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let header = match header(line) {
        Ok(Some(header)) => header,
        Ok(None) => return lost(line).map_or(Line::Other, Line::Lost),
        Err(line) => return line,
    };
    let Header {
        which,
        ns,
        columns,
        fields,
    } = header;
    let Some(who) = who(columns) else {
        return Line::Bad;
    };
    let what = match which {
        0 => generate(fields),
        1 => deliver(fields),
        2 => Ok(What::Exit),
        _ => fork(fields),
    };
    match what {
        Ok(what) => Line::Event(Event {
            ns,
            tid: who.tid,
            pid: who.pid,
            comm: who.comm,
            what,
        }),
        Err(line) => line,
    }
}

/// What is before an event's fields.
struct Header<'a> {
    /// Which of [`EVENTS`].
    which: usize,
    ns: u64,
    columns: &'a [u8],
    fields: &'a [u8],
}

/// The first name of an event that has a time before it. None where no name of one
/// stands in such a place; an error where its time cannot be read.
fn header(line: &[u8]) -> Result<Option<Header<'_>>, Line> {
    let mut is_changed = false;
    // Each name of an event ends with the only colon in it.
    for colon in memchr::memchr_iter(b':', line) {
        let (until, fields) = line.split_at(colon + 1);
        let left = EVENTS
            .iter()
            .enumerate()
            .find_map(|(which, name)| Some((which, until.strip_suffix(*name)?)));
        let Some((which, left)) = left else {
            continue;
        };
        let left = left
            .strip_suffix(b"signal:")
            .or_else(|| left.strip_suffix(b"sched:"))
            .unwrap_or(left);
        let fields = fields.trim_ascii_start();
        if let Some((ns, columns)) = time(left) {
            return Ok(Some(Header {
                which,
                ns,
                columns,
                fields,
            }));
        }
        // Elsewhere it is a process's name, or a command line that names the event.
        let is_event = left.trim_ascii_end().ends_with(b":")
            || fields.starts_with(b"sig=")
            || fields.starts_with(b"comm=");
        is_changed |= is_event && !line.starts_with(b"#");
    }
    if is_changed { Err(Line::Bad) } else { Ok(None) }
}

/// `12.345678:` at the end of it; the columns before.
fn time(left: &[u8]) -> Option<(u64, &[u8])> {
    let left = left.trim_ascii_end().strip_suffix(b":")?;
    // A line may name events all over: none of them is looked for further than a time
    // is long.
    let near = left.len().saturating_sub(TIME);
    let begin = near + left[near..].iter().rposition(u8::is_ascii_whitespace)? + 1;
    let (columns, time) = left.split_at(begin);
    let dot = time.iter().position(|b| *b == b'.')?;
    let (seconds, fraction) = (&time[..dot], &time[dot + 1..]);
    if !(1..=9).contains(&fraction.len()) || !fraction.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let scale = 10u64.pow(9 - u32::try_from(fraction.len()).ok()?);
    let ns = number::<u64>(seconds)?
        .checked_mul(SECOND)?
        .checked_add(number::<u64>(fraction)? * scale)?;
    Some((ns, columns.trim_ascii_end()))
}

struct Who {
    comm: Option<crate::record::Comm>,
    pid: Option<u32>,
    tid: u32,
}

/// `comm tid [000]`, `comm pid/tid [000]` (perf); `comm-tid [000] d..2.`,
/// `comm-tid (tgid) [000] d..2.` (ftrace).
///
/// perf has `:-1 -1` and `:-1 pid/-1` for a thread that has given its number back: the
/// last one of a process whose leader ended before it, as it tells of their end.
fn who(columns: &[u8]) -> Option<Who> {
    let rest = before_cpu(columns);
    let begin = rest
        .iter()
        .rposition(u8::is_ascii_whitespace)
        .map_or(0, |at| at + 1);
    let (name, last) = rest.split_at(begin);
    let named = |name: &[u8]| {
        let name = name.trim_ascii_start();
        (!matches!(name, b"" | b"<...>" | b":-1")).then(|| comm(name))
    };
    if let Some(tid) = number(last) {
        let comm = named(name.trim_ascii_end());
        return Some(Who {
            comm,
            pid: None,
            tid,
        });
    }
    if name.trim_ascii() == b":-1" && last.ends_with(b"-1") {
        let pid = last.strip_suffix(b"/-1").and_then(number);
        return Some(Who {
            comm: None,
            pid,
            tid: pid.unwrap_or(NOBODY),
        });
    }
    let slash = last.iter().position(|b| *b == b'/');
    if let Some(slash) = slash
        && let Some(tid) = number(&last[slash + 1..])
        && let Some(pid) = number(&last[..slash])
    {
        let comm = named(name.trim_ascii_end());
        return Some(Who {
            comm,
            pid: Some(pid),
            tid,
        });
    }
    let (rest, pid) = before_tgid(rest);
    let dash = rest.iter().rposition(|b| *b == b'-')?;
    Some(Who {
        comm: named(&rest[..dash]),
        pid,
        tid: number(&rest[dash + 1..])?,
    })
}

/// Without `[000]` and the flags that may come after it.
fn before_cpu(columns: &[u8]) -> &[u8] {
    let mut rest = columns;
    for _ in 0..2 {
        let begin = rest
            .iter()
            .rposition(u8::is_ascii_whitespace)
            .map_or(0, |at| at + 1);
        let (before, last) = rest.split_at(begin);
        let before = before.trim_ascii_end();
        let cpu = last
            .strip_prefix(b"[")
            .and_then(|cpu| cpu.strip_suffix(b"]"));
        if cpu.is_some_and(|cpu| !cpu.is_empty() && cpu.iter().all(u8::is_ascii_digit)) {
            return before;
        }
        rest = before;
    }
    columns
}

/// Without `( 1234)`, which `(-------)` is where it is not known.
fn before_tgid(rest: &[u8]) -> (&[u8], Option<u32>) {
    let Some(inner) = rest.strip_suffix(b")") else {
        return (rest, None);
    };
    let Some(open) = inner.iter().rposition(|b| *b == b'(') else {
        return (rest, None);
    };
    let tgid = inner[open + 1..].trim_ascii();
    let is_unknown = tgid.iter().all(|b| *b == b'-');
    match number(tgid) {
        None if !is_unknown => (rest, None),
        tgid => (rest[..open].trim_ascii_end(), tgid),
    }
}

/// `KEY=value ` from the begin.
fn first<'a>(fields: &mut &'a [u8], key: &[u8]) -> Result<&'a [u8], Line> {
    if fields.len() < key.len() && key.starts_with(fields) {
        return Err(Line::Cut);
    }
    let rest = fields.strip_prefix(key).ok_or(Line::Bad)?;
    let end = rest.iter().position(|b| *b == b' ');
    let (value, rest) = rest.split_at(end.unwrap_or(rest.len()));
    *fields = rest.trim_ascii_start();
    Ok(value)
}

/// ` KEY=value` from the end.
fn last<'a>(fields: &mut &'a [u8], key: &[u8]) -> Result<&'a [u8], Line> {
    let at = memmem::rfind(fields, key).ok_or(Line::Cut)?;
    let value = fields[at + key.len()..].trim_ascii_end();
    *fields = &fields[..at];
    Ok(value)
}

fn read<T: std::str::FromStr>(value: &[u8]) -> Result<T, Line> {
    number(value).ok_or(Line::Bad)
}

/// `sig=%d errno=%d code=%d comm=%s pid=%d grp=%d res=%d`
fn generate(mut fields: &[u8]) -> Result<What, Line> {
    let sig = signal(read(first(&mut fields, b"sig=")?)?).ok_or(Line::Bad)?;
    first(&mut fields, b"errno=")?;
    let code = read(first(&mut fields, b"code=")?)?;
    let mut name = fields.strip_prefix(b"comm=").ok_or(Line::Cut)?;
    let result = read(last(&mut name, b" res=")?)?;
    let group = read::<u32>(last(&mut name, b" grp=")?)?;
    let target = read(last(&mut name, b" pid=")?)?;
    Ok(What::Generate {
        sig,
        code,
        comm: comm(name),
        target,
        group: group != 0,
        result,
    })
}

/// `sig=%d errno=%d code=%d sa_handler=%lx sa_flags=%lx`
fn deliver(mut fields: &[u8]) -> Result<What, Line> {
    let sig = signal(read(first(&mut fields, b"sig=")?)?).ok_or(Line::Bad)?;
    first(&mut fields, b"errno=")?;
    let code = read(first(&mut fields, b"code=")?)?;
    let handler = first(&mut fields, b"sa_handler=")?;
    // What is cut within a number is another number.
    first(&mut fields, b"sa_flags=")?;
    let handler = handler.strip_prefix(b"0x").unwrap_or(handler);
    let handler = std::str::from_utf8(handler)
        .ok()
        .and_then(|text| u64::from_str_radix(text, 16).ok())
        .ok_or(Line::Bad)?;
    Ok(What::Deliver { sig, code, handler })
}

/// `comm=%s pid=%d child_comm=%s child_pid=%d`
fn fork(mut fields: &[u8]) -> Result<What, Line> {
    let child = read(last(&mut fields, b" child_pid=")?)?;
    Ok(What::Fork { child })
}

/// `CPU:1 [LOST 12 EVENTS]` (ftrace), `CPU:1 [12 EVENTS DROPPED]` (trace-cmd),
/// `PERF_RECORD_LOST lost 12` (perf, with --show-lost-events).
fn lost(line: &[u8]) -> Option<u64> {
    let after = |word: &[u8]| {
        let at = memmem::find(line, word)? + word.len();
        let rest = line[at..].trim_ascii_start();
        let end = rest.iter().position(|b| !b.is_ascii_digit());
        number(&rest[..end.unwrap_or(rest.len())])
    };
    if line.starts_with(b"CPU:") && (line.ends_with(b"EVENTS]") || line.ends_with(b"DROPPED]")) {
        return after(b"[LOST ").or_else(|| after(b"["));
    }
    after(b"PERF_RECORD_LOST lost ")
}
