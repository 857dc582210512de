//! The words for processes, senders, times, and for events that are a sentence.
//!
//! Everything foreign is escaped here.

use jiff::tz::TimeZone;

use super::columns::Paint;
use crate::decide::{Outcome, Reason, sender::Kind};
use crate::output::escape::terminal;
pub use crate::record::duration;
use crate::record::{
    Ancestor, Comm, Container, Exit, Loss, Preroll, Process, Sender, Timestamp, Zap, ZapPhase,
    ZapSource, ZapVictim, name,
};

/// Characters of a container's column.
const CONTAINER_WIDTH: usize = 40;

/// `14:03:07.221` in that zone.
pub fn time(ts: Timestamp, zone: &TimeZone) -> String {
    match jiff::Timestamp::from_nanosecond(i128::from(ts.0)) {
        Ok(time) => time
            .to_zoned(zone.clone())
            .strftime("%H:%M:%S%.3f")
            .to_string(),
        Err(_) => "--:--:--.---".to_owned(),
    }
}

/// `yes` or `no`.
pub fn yes(holds: bool) -> &'static str {
    if holds { "yes" } else { "no" }
}

/// The word in its column.
pub fn outcome(outcome: Outcome, reason: Reason) -> String {
    match reason {
        Reason::ModelDisagrees => "UNEXPLAINED".to_owned(),
        _ => outcome.id().to_uppercase(),
    }
}

/// A name, escaped.
pub fn comm(comm: Option<&Comm>) -> String {
    match comm {
        Some(comm) => quoted(&terminal(&comm.as_str())),
        None => "?".to_owned(),
    }
}

/// An escaped name, which must not pass for more: a `comm` of `x 1[2] -> y` not for a
/// route, nor a container of that name for the host.
fn quoted(safe: &str) -> String {
    name(safe, &['[', '>']).into_owned()
}

/// `init.sh 1[31150]` in a container, `bash 31207` on the host.
pub fn process(p: &Process) -> String {
    if p.pid.is_none() && p.comm.is_none() {
        return "an unknown process".to_owned();
    }
    let number = |n: Option<u32>| n.map_or_else(|| "?".to_owned(), |n| n.to_string());
    let (name, pid) = (comm(p.comm.as_ref()), number(p.pid));
    if p.ns_level.is_some_and(|level| level > 0) || p.container.is_some() {
        format!("{name} {}[{pid}]", number(p.ns_pid))
    } else {
        format!("{name} {pid}")
    }
}

/// `bash 31200`
pub fn ancestor(a: &Ancestor) -> String {
    format!("{} {}", comm(Some(&a.comm)), a.pid)
}

/// Who sent it; with its container, where that is not the target's.
pub fn sender(s: &Sender, target: Option<&Container>) -> String {
    let named = || {
        let mut text = match &s.role_words {
            // Who is behind runc matters more than runc.
            Some(words) if s.role.as_deref() == Some("runtime") => {
                let pid = s
                    .process
                    .pid
                    .map_or_else(|| "?".to_owned(), |n| n.to_string());
                format!("{} {pid}", quoted(&terminal(words)))
            }
            _ => process(&s.process),
        };
        if let Some(own) = s.process.container.as_deref()
            && target.is_none_or(|target| target.pid_ns != own.pid_ns)
        {
            text.push_str(" in ");
            text.push_str(&container_name(&own.name, CONTAINER_WIDTH));
        }
        text
    };
    match s.kind {
        Kind::Process => named(),
        Kind::Zap => format!("end of namespace by {}", named()),
        Kind::ChildExit => format!("{} (child)", named()),
        Kind::ParentDeath => format!("{} (parent's end)", named()),
        Kind::Kernel => "the kernel".to_owned(),
        Kind::Timer => "a timer".to_owned(),
        Kind::Tty => "the terminal".to_owned(),
        Kind::Oom => "the OOM killer".to_owned(),
        Kind::Fault => "a fault of its own".to_owned(),
        Kind::Io => "I/O".to_owned(),
    }
}

/// `name (init)`, or `host`.
pub fn container(container: Option<&Container>) -> String {
    let Some(container) = container else {
        return "host".to_owned();
    };
    let pod = container
        .pod_namespace
        .as_deref()
        .zip(container.pod.as_deref());
    if pod.is_some() || container.image.is_some() {
        let mut name = match pod {
            Some((space, pod)) => format!("{space}/{pod}/{}", container.name),
            None => container.name.clone(),
        };
        if let Some(image) = &container.image {
            name = format!("{name} ({image})");
        }
        return container_name(&name, CONTAINER_WIDTH);
    }
    match &container.init_comm {
        Some(init) => {
            let init = format!(" ({})", comm(Some(init)));
            // The init's name is short: the cut falls on the container's.
            let room = CONTAINER_WIDTH.saturating_sub(init.chars().count());
            format!("{}{init}", container_name(&container.name, room))
        }
        None => container_name(&container.name, CONTAINER_WIDTH),
    }
}

/// A container's name in its column.
pub fn container_column(name: &str) -> String {
    container_name(name, CONTAINER_WIDTH)
}

/// Escaped, and cut to so many characters.
fn container_name(name: &str, width: usize) -> String {
    let text = match name {
        "host" => "\"host\"".to_owned(),
        name => quoted(&terminal(name)),
    };
    if text.chars().count() <= width {
        return text;
    }
    let mut short: String = text.chars().take(width.saturating_sub(1)).collect();
    short.push('…');
    short
}

/// `exits with code 143`, `ended by SIGKILL (core dumped)`.
pub fn exit(r: &Exit) -> String {
    let mut text = process(&r.process);
    match (&r.signal, r.exit_code) {
        (Some(signal), _) => {
            text.push_str(" ended by ");
            text.push_str(&terminal(&signal.name));
        }
        (None, Some(code)) => text.push_str(&format!(" exits with code {code}")),
        (None, None) => text.push_str(" exits"),
    }
    if r.core_dumped {
        text.push_str(" (core dumped)");
    }
    text
}

/// The lines about a namespace's end, the first to follow the container.
pub fn zap(r: &Zap, paint: &Paint, named: usize, all: bool) -> Vec<String> {
    let inferred = match r.source {
        ZapSource::Inferred => " (inferred)",
        ZapSource::Fentry | ZapSource::Kprobe => "",
    };
    let init = process(&r.init);
    if r.phase == ZapPhase::End {
        let took = match r.duration_ns {
            Some(ns) => format!(": it took {}", duration(ns)),
            None => String::new(),
        };
        return vec![format!(
            "the PID namespace of {init} has ended{took}{inferred}"
        )];
    }
    let title = format!(
        "{} with its init, {init}{inferred}",
        paint.bad("the PID namespace ends")
    );
    let Some(killed) = &r.killed else {
        return vec![title];
    };
    if killed.is_empty() {
        return vec![format!("{title}: no other process is left in it")];
    }
    let unheard = killed.iter().filter(|v| is_unheard(v)).count();
    let processes = match killed.len() {
        1 => "1 process gets SIGKILL".to_owned(),
        n => format!("{n} processes get SIGKILL"),
    };
    let handlers = match (unheard, killed.len()) {
        (0, _) => String::new(),
        (1, 1) => ", with a SIGTERM handler that never ran".to_owned(),
        (n, _) => format!(", {n} of them with a SIGTERM handler that never ran"),
    };
    let mut lines = vec![format!("{title}: {processes}{handlers}")];
    let shown = if all { killed.len() } else { named };
    lines.extend(killed.iter().take(shown).map(victim));
    if killed.len() > shown {
        lines.push(format!("    and {} more", killed.len() - shown));
    }
    lines
}

fn is_unheard(v: &ZapVictim) -> bool {
    v.had_sigterm_handler == Some(true) && v.saw_sigterm == Some(false)
}

fn victim(v: &ZapVictim) -> String {
    let about = match (v.had_sigterm_handler, v.saw_sigterm) {
        (Some(true), Some(true)) => ": it had a SIGTERM handler, and a SIGTERM had reached it",
        (Some(true), Some(false)) => ": its SIGTERM handler never ran",
        (Some(true), None) => ": it had a SIGTERM handler",
        (Some(false), _) => ": it had no SIGTERM handler",
        (None, _) => "",
    };
    format!("    {}{about}", process(&v.process))
}

/// What a flight recorder wrote out.
pub fn preroll(r: &Preroll, zone: &TimeZone) -> String {
    let of = container(r.container.as_deref());
    let records = match r.records {
        1 => "1 record".to_owned(),
        n => format!("{n} records"),
    };
    let lacks = match (r.whole, r.forgotten) {
        (true, _) => String::new(),
        (false, 0) => ", which do not reach back to its begin".to_owned(),
        (false, n) => format!(", which do not reach back to its begin: {n} had no room in memory"),
    };
    let why = match &*r.occasion {
        "episode" => "its termination",
        "loss" => "a loss of events",
        "request" => "a request",
        other => &terminal(other),
    };
    format!(
        "flight recorder: {records} of {of} since {}, written out for {why}{lacks}",
        time(r.since.ts, zone)
    )
}

/// What was lost so far.
pub fn loss(r: &Loss, paint: &Paint) -> String {
    let read = format!(
        "{} seen, {} filtered, {} read",
        r.kernel_seen, r.filtered, r.received
    );
    if r.ring_full == 0 {
        return format!("no events lost so far ({read})");
    }
    let lost = match r.ring_full {
        1 => "1 event".to_owned(),
        n => format!("{n} events"),
    };
    format!(
        "{} {lost} so far, for want of room in the ring buffers ({read})",
        paint.bad("LOST")
    )
}
