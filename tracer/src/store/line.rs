//! One line to one record.
//!
//! The derived `Deserialize` of [`Record`] is the meaning. But a recording has
//! millions of signals, and what `output::json` writes by hand has a fixed order:
//! that is read here by hand too, and whatever looks different is left to serde.
//! The tests hold one to the other.

use std::sync::Arc;

use serde::Deserialize;

use super::cursor::Cursor;
use crate::{
    decide::names,
    record::{
        Container, ContainerRef, Deliver, Process, Record, Sender, Signal, SignalId, Target,
        Timestamp, When,
    },
};

/// Containers that are remembered by their JSON.
const REMEMBERED: usize = 16;

/// The record types that this version reads.
const KNOWN: [&str; 9] = [
    "signal", "deliver", "zap", "exit", "episode", "loss", "start", "stop", "preroll",
];

/// Bytes of a time up to its seconds: `2026-11-22T14:03:`.
const MINUTE: usize = 17;

/// Why a line is no record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Not {
    /// JSON of a type that this version does not know: a newer one wrote it.
    Known,
    /// Anything else.
    ARecord,
}

/// Reads lines, and remembers what the next ones are likely to hold again.
#[derive(Debug, Default)]
pub struct Lines {
    containers: Vec<(Box<str>, ContainerRef)>,
    /// The next one to forget.
    oldest: usize,
    /// The minute of the last time, and its begin in nanoseconds since 1970.
    minute: Option<(Box<str>, u64)>,
}

impl Lines {
    /// Reads a line, without its line feed.
    ///
    /// # Errors
    /// When it is no record.
    pub fn read(&mut self, line: &[u8]) -> Result<Record, Not> {
        let line = std::str::from_utf8(line).map_err(|_| Not::ARecord)?;
        self.by_hand(line).map_or_else(|| derived(line), Ok)
    }

    /// `None` for what does not look as `output::json` writes it.
    fn by_hand(&mut self, line: &str) -> Option<Record> {
        let mut at = Cursor::new(line);
        let record = if at.literal(r#"{"type":"signal","#).is_some() {
            Record::Signal(Box::new(self.signal(&mut at)?))
        } else {
            at.literal(r#"{"type":"deliver","#)?;
            Record::Deliver(Box::new(self.deliver(&mut at)?))
        };
        at.literal("}")?;
        at.is_end().then_some(record)
    }

    fn signal(&mut self, at: &mut Cursor<'_>) -> Option<Signal> {
        Some(Signal {
            when: self.when(at)?,
            signal: signal_id(at)?,
            sender: self.sender(at)?,
            target: self.target(at)?,
            scope: at.id(r#","scope":"#)?,
            relation: at.id(r#","relation":"#)?,
            forced: at.flag(r#","forced":"#)?,
            result: at.id(r#","result":"#)?,
            outcome: at.id(r#","outcome":"#)?,
            reason: at.id(r#","reason":"#)?,
            rule: at.text(r#","rule":"#)?.to_owned().into(),
            explanation: at.text(r#","explanation":"#)?.to_owned().into(),
            path: at.maybe_there(r#","path":"#)?.unwrap_or_default(),
        })
    }

    fn deliver(&mut self, at: &mut Cursor<'_>) -> Option<Deliver> {
        Some(Deliver {
            when: self.when(at)?,
            signal: signal_id(at)?,
            target: self.target(at)?,
            outcome: at.id(r#","outcome":"#)?,
            reason: at.id(r#","reason":"#)?,
            rule: at.text(r#","rule":"#)?.to_owned().into(),
            explanation: at.text(r#","explanation":"#)?.to_owned().into(),
            latency_ns: at.maybe_number(r#","latency_ns":"#)?,
            generated_mono_ns: at.maybe_number(r#","generated_mono_ns":"#)?,
            path: at.maybe_there(r#","path":"#)?.unwrap_or_default(),
        })
    }

    fn when(&mut self, at: &mut Cursor<'_>) -> Option<When> {
        let text = at.text(r#""ts":"#)?;
        Some(When {
            ts: self.time(text)?,
            mono_ns: at.number(r#","mono_ns":"#)?,
        })
    }

    /// Most lines are of the same minute as the one before.
    fn time(&mut self, text: &str) -> Option<Timestamp> {
        let (minute, rest) = text.split_at_checked(MINUTE)?;
        let (seconds, nanos) = rest.strip_suffix('Z')?.split_once('.')?;
        if seconds.len() != 2 || nanos.len() != 9 {
            return None;
        }
        let begin = match &self.minute {
            Some((known, begin)) if **known == *minute => *begin,
            _ => {
                let Timestamp(begin) = Timestamp::parse(&format!("{minute}00Z"))?;
                self.minute = Some((minute.into(), begin));
                begin
            }
        };
        let number = |digits: &str| {
            let is_number = digits.bytes().all(|b| b.is_ascii_digit());
            is_number.then(|| digits.parse::<u64>().ok()).flatten()
        };
        let seconds = number(seconds).filter(|seconds| *seconds < 60)?;
        begin
            .checked_add(seconds * 1_000_000_000 + number(nanos)?)
            .map(Timestamp)
    }

    fn sender(&mut self, at: &mut Cursor<'_>) -> Option<Sender> {
        let sender = Sender {
            kind: at.id(r#","sender":{"kind":"#)?,
            process: self.process(at, ",")?,
            ancestors: at.maybe_there(r#","ancestors":"#)?.unwrap_or_default(),
            injected: at.literal(r#","injected":true"#).is_some(),
            role: at
                .maybe_text(r#","role":"#)?
                .map(|role| role.to_owned().into()),
            role_words: at.maybe_text(r#","role_words":"#)?.map(str::to_owned),
        };
        at.literal("}")?;
        Some(sender)
    }

    fn target(&mut self, at: &mut Cursor<'_>) -> Option<Target> {
        let target = Target {
            process: self.process(at, r#","target":{"#)?,
            is_init: at.flag(r#","is_init":"#)?,
            is_global_init: at.flag(r#","is_global_init":"#)?,
            unkillable: at.flag(r#","unkillable":"#)?,
            disposition: at.maybe_id(r#","disposition":"#)?,
            blocked: at.maybe_flag(r#","blocked":"#)?,
            sigwait: at.maybe_flag(r#","sigwait":"#)?,
            ptraced: at.flag(r#","ptraced":"#)?,
            exiting: at.flag(r#","exiting":"#)?,
            frozen: at.maybe_flag(r#","frozen":"#)?,
            sigterm_disposition: at.maybe_there(r#","sigterm_disposition":"#)?,
        };
        at.literal("}")?;
        Some(target)
    }

    fn process(&mut self, at: &mut Cursor<'_>, before: &str) -> Option<Process> {
        at.literal(before)?;
        Some(Process {
            pid: at.maybe_number(r#""pid":"#)?,
            tid: at.maybe_number(r#","tid":"#)?,
            ns_pid: at.maybe_number(r#","ns_pid":"#)?,
            pid_ns: at.maybe_number(r#","pid_ns":"#)?,
            ns_level: at.maybe_number(r#","ns_level":"#)?,
            comm: match at.literal(r#","comm":null"#) {
                Some(()) => None,
                None => Some(at.text(r#","comm":"#)?.into()),
            },
            uid: at.maybe_number(r#","uid":"#)?,
            start_ns: at.maybe_number(r#","start_ns":"#)?,
            container: match at.literal(r#","container":null"#) {
                Some(()) => None,
                None => Some(self.container(at)?),
            },
            ns_pids: at.maybe_there(r#","ns_pids":"#)?,
            pid_ns_id: at.number_there(r#","pid_ns_id":"#)?,
            cgroup_id: at.number_there(r#","cgroup_id":"#)?,
            cgroup_v1_id: at.number_there(r#","cgroup_v1_id":"#)?,
        })
    }

    fn container(&mut self, at: &mut Cursor<'_>) -> Option<ContainerRef> {
        at.literal(r#","container":"#)?;
        // An object is never the begin of another one.
        let known = |(json, _): &&(Box<str>, ContainerRef)| at.literal(json).is_some();
        if let Some((_, container)) = self.containers.iter().find(known) {
            return Some(container.clone());
        }
        let (json, container): (&str, Container) = at.value()?;
        let container = ContainerRef(Arc::new(container));
        let entry = (json.into(), container.clone());
        if self.containers.len() < REMEMBERED {
            self.containers.push(entry);
        } else {
            self.containers[self.oldest] = entry;
            self.oldest = (self.oldest + 1) % REMEMBERED;
        }
        Some(container)
    }
}

/// Without an allocation where the names are the usual ones.
fn signal_id(at: &mut Cursor<'_>) -> Option<SignalId> {
    let number = at.number(r#","signal":{"number":"#)?;
    let name = at.text(r#","name":"#)?;
    let code = at.signed(r#","code":"#)?;
    let code_name = at.text(r#","code_name":"#)?;
    at.literal("}")?;
    let usual = names::signal(number);
    let usual_code = names::code(number, code);
    Some(SignalId {
        number,
        name: if name == usual {
            usual.into()
        } else {
            name.to_owned().into()
        },
        code,
        code_name: if code_name == usual_code {
            usual_code
        } else {
            code_name.to_owned().into()
        },
    })
}

fn derived(line: &str) -> Result<Record, Not> {
    #[derive(Deserialize)]
    struct Typed<'a> {
        #[serde(borrow)]
        r#type: std::borrow::Cow<'a, str>,
    }
    serde_json::from_str(line).map_err(|_| {
        let is_newer = serde_json::from_str::<Typed<'_>>(line)
            .is_ok_and(|typed| !KNOWN.contains(&&*typed.r#type));
        if is_newer { Not::Known } else { Not::ARecord }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::fixtures::{self, dice::Dice};

    fn derived(line: &str) -> Record {
        super::derived(line).expect("a record")
    }

    #[test]
    fn what_is_read_by_hand_is_what_the_derived_code_reads_and_what_was_written() {
        let mut lines = Lines::default();
        let mut records = fixtures::all();
        records.extend(Dice(0xd1ce).records(1000));
        for record in &records {
            let line = serde_json::to_string(record).expect("serialises");
            let read = lines.read(line.as_bytes()).expect("reads");
            assert_eq!(read, derived(&line), "{line}");
            // A name of bytes that are no UTF-8, or cut within a letter, is no
            // longer the same; its text is.
            assert_eq!(serde_json::to_string(&read).expect("serialises"), line);
        }
    }

    #[test]
    fn signals_and_deliveries_are_read_by_hand() {
        let mut lines = Lines::default();
        for record in Dice(7).records(100) {
            let line = serde_json::to_string(&record).expect("serialises");
            let by_hand = lines.by_hand(&line);
            // What needs escaping may be left to serde.
            assert!(by_hand.is_some() || line.contains('\\'), "{line}");
            if let Some(by_hand) = by_hand {
                assert_eq!(by_hand, derived(&line), "{line}");
            }
        }
    }

    #[test]
    fn the_order_of_fields_and_unknown_ones_do_not_matter() {
        let record = Record::Signal(Box::new(fixtures::dropped()));
        let mut value = serde_json::to_value(&record).expect("serialises");
        value["new_in_some_year"] = serde_json::json!({"a": [1]});
        value["target"]["also_new"] = 7.into();
        // A map sorts its keys, so `type` is not the first.
        let line = value.to_string();
        assert!(!line.starts_with(r#"{"type""#));
        assert_eq!(Lines::default().read(line.as_bytes()), Ok(record));
    }

    #[test]
    fn what_is_no_record_says_so() {
        let mut lines = Lines::default();
        let newer = br#"{"type":"dream","ts":"2026-11-22T14:03:07.221000000Z","mono_ns":5}"#;
        assert_eq!(lines.read(newer), Err(Not::Known));
        for line in [
            "",
            "null",
            "{",
            "[1,2]",
            r#"{"type":"signal"}"#,
            r#"{"type":"signal","ts":"yesterday","mono_ns":1}"#,
            r#"{"type":7}"#,
            "bash 1234 [000] signal:signal_generate: sig=15",
        ] {
            assert_eq!(lines.read(line.as_bytes()), Err(Not::ARecord), "{line}");
        }
        assert_eq!(lines.read(&[0xff, 0xfe, b'{']), Err(Not::ARecord));
    }

    #[test]
    fn no_damage_to_a_line_is_more_than_an_error() {
        let mut lines = Lines::default();
        let line = serde_json::to_vec(&fixtures::all()[0]).expect("serialises");
        for at in 0..line.len() {
            let _ = lines.read(&line[..at]);
            let mut flipped = line.clone();
            flipped[at] ^= 1 << (at % 8);
            let _ = lines.read(&flipped);
        }
        assert!(lines.containers.len() <= REMEMBERED);
    }
}
