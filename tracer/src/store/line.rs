//! One line to one record.
//!
//! The derived `Deserialize` of [`Record`] is the meaning; but it goes through
//! maps for `#[serde(flatten)]`, and a recording has millions of signals. Those
//! are read here field by field into structs that borrow from the line, and the
//! tests hold the result to the derived one.

use std::{borrow::Cow, sync::Arc};

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{
    decide::{Outcome, Reason, names, sender::Kind},
    record::{
        Ancestor, Comm, Container, ContainerRef, Deliver, Disposition, PathStep, Process, Record,
        Relation, Scope, Sender, Signal, SignalId, Target, Timestamp, TraceResult, When,
    },
};

/// Containers that are remembered by their JSON.
const REMEMBERED: usize = 16;

/// The record types that this version reads.
const KNOWN: [&str; 8] = [
    "signal", "deliver", "zap", "exit", "episode", "loss", "start", "stop",
];

/// Why a line is no record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Not {
    /// JSON of a type that this version does not know: a newer one wrote it.
    Known,
    /// Anything else.
    ARecord,
}

/// Reads lines, and remembers the containers that they name.
#[derive(Debug, Default)]
pub struct Lines {
    containers: Vec<(Box<str>, ContainerRef)>,
    /// The next one to forget.
    oldest: usize,
}

impl Lines {
    /// Reads a line, without its line feed.
    ///
    /// # Errors
    /// When it is no record.
    pub fn read(&mut self, line: &[u8]) -> Result<Record, Not> {
        // Ours have the type first. Whatever is read so is a record whole.
        let fast = if line.starts_with(br#"{"type":"signal","#) {
            serde_json::from_slice(line)
                .ok()
                .and_then(|line| self.signal(line))
        } else if line.starts_with(br#"{"type":"deliver","#) {
            serde_json::from_slice(line)
                .ok()
                .and_then(|line| self.deliver(line))
        } else {
            None
        };
        fast.map_or_else(|| slow(line), Ok)
    }

    fn signal(&mut self, line: SignalLine<'_>) -> Option<Record> {
        Some(Record::Signal(Box::new(Signal {
            when: line.when(),
            signal: line.signal.read(),
            sender: line.sender.read(self)?,
            target: line.target.read(self)?,
            scope: line.scope,
            relation: line.relation,
            forced: line.forced,
            result: line.result,
            outcome: line.outcome,
            reason: line.reason,
            rule: Cow::Owned(line.rule.into_owned()),
            explanation: Cow::Owned(line.explanation.into_owned()),
            path: line.path,
        })))
    }

    fn deliver(&mut self, line: DeliverLine<'_>) -> Option<Record> {
        Some(Record::Deliver(Box::new(Deliver {
            when: line.when(),
            signal: line.signal.read(),
            target: line.target.read(self)?,
            outcome: line.outcome,
            reason: line.reason,
            rule: Cow::Owned(line.rule.into_owned()),
            explanation: Cow::Owned(line.explanation.into_owned()),
            latency_ns: line.latency_ns,
            generated_mono_ns: line.generated_mono_ns,
            path: line.path,
        })))
    }

    fn container(&mut self, json: &str) -> Option<ContainerRef> {
        if let Some((_, known)) = self.containers.iter().find(|(text, _)| **text == *json) {
            return Some(known.clone());
        }
        let container: Container = serde_json::from_str(json).ok()?;
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

fn slow(line: &[u8]) -> Result<Record, Not> {
    #[derive(Deserialize)]
    struct Typed<'a> {
        #[serde(borrow)]
        r#type: Cow<'a, str>,
    }
    serde_json::from_slice(line).map_err(|_| {
        let is_newer = serde_json::from_slice::<Typed<'_>>(line)
            .is_ok_and(|typed| !KNOWN.contains(&&*typed.r#type));
        if is_newer { Not::Known } else { Not::ARecord }
    })
}

/// Declares what stands in a line beside a `when`, and how to read that.
macro_rules! with_when {
    (struct $name:ident { $($(#[$meta:meta])* $field:ident: $type:ty,)+ }) => {
        #[derive(Deserialize)]
        struct $name<'a> {
            ts: Timestamp,
            mono_ns: u64,
            $($(#[$meta])* $field: $type,)+
        }

        impl $name<'_> {
            fn when(&self) -> When {
                When { ts: self.ts, mono_ns: self.mono_ns }
            }
        }
    };
}

with_when! {
    struct SignalLine {
        #[serde(borrow)]
        signal: SignalIdLine<'a>,
        #[serde(borrow)]
        sender: SenderLine<'a>,
        #[serde(borrow)]
        target: TargetLine<'a>,
        scope: Scope,
        relation: Relation,
        forced: bool,
        result: TraceResult,
        outcome: Outcome,
        reason: Reason,
        #[serde(borrow)]
        rule: Cow<'a, str>,
        #[serde(borrow)]
        explanation: Cow<'a, str>,
        #[serde(default)]
        path: Vec<PathStep>,
    }
}

with_when! {
    struct DeliverLine {
        #[serde(borrow)]
        signal: SignalIdLine<'a>,
        #[serde(borrow)]
        target: TargetLine<'a>,
        outcome: Outcome,
        reason: Reason,
        #[serde(borrow)]
        rule: Cow<'a, str>,
        #[serde(borrow)]
        explanation: Cow<'a, str>,
        latency_ns: Option<u64>,
        generated_mono_ns: Option<u64>,
        #[serde(default)]
        path: Vec<PathStep>,
    }
}

#[derive(Deserialize)]
struct SignalIdLine<'a> {
    number: u32,
    #[serde(borrow)]
    name: Cow<'a, str>,
    code: i32,
    #[serde(borrow)]
    code_name: Cow<'a, str>,
}

impl SignalIdLine<'_> {
    /// Without an allocation where the names are the usual ones.
    fn read(self) -> SignalId {
        let usual = names::signal(self.number);
        let usual_code = names::code(self.number, self.code);
        SignalId {
            number: self.number,
            name: if self.name == usual {
                Cow::Borrowed(usual)
            } else {
                Cow::Owned(self.name.into_owned())
            },
            code: self.code,
            code_name: if self.code_name == usual_code {
                usual_code
            } else {
                Cow::Owned(self.code_name.into_owned())
            },
        }
    }
}

/// Declares what stands in a line beside the fields of a process, and how to read
/// those.
macro_rules! with_process {
    (struct $name:ident { $($(#[$meta:meta])* $field:ident: $type:ty,)+ }) => {
        #[derive(Deserialize)]
        struct $name<'a> {
            pid: Option<u32>,
            tid: Option<u32>,
            ns_pid: Option<u32>,
            pid_ns: Option<u32>,
            ns_level: Option<u32>,
            comm: Option<Comm>,
            uid: Option<u32>,
            start_ns: Option<u64>,
            #[serde(borrow)]
            container: Option<&'a RawValue>,
            ns_pids: Option<Vec<u32>>,
            pid_ns_id: Option<u64>,
            cgroup_id: Option<u64>,
            cgroup_v1_id: Option<u64>,
            $($(#[$meta])* $field: $type,)+
        }

        impl $name<'_> {
            /// `None` where the container is none.
            fn process(&mut self, lines: &mut Lines) -> Option<Process> {
                let container = match self.container {
                    Some(json) => Some(lines.container(json.get())?),
                    None => None,
                };
                Some(Process {
                    pid: self.pid,
                    tid: self.tid,
                    ns_pid: self.ns_pid,
                    pid_ns: self.pid_ns,
                    ns_level: self.ns_level,
                    comm: self.comm,
                    uid: self.uid,
                    start_ns: self.start_ns,
                    container,
                    ns_pids: self.ns_pids.take(),
                    pid_ns_id: self.pid_ns_id,
                    cgroup_id: self.cgroup_id,
                    cgroup_v1_id: self.cgroup_v1_id,
                })
            }
        }
    };
}

with_process! {
    struct SenderLine {
        kind: Kind,
        #[serde(default)]
        ancestors: Vec<Ancestor>,
        role: Option<Cow<'static, str>>,
        role_words: Option<String>,
    }
}

with_process! {
    struct TargetLine {
        is_init: bool,
        is_global_init: bool,
        unkillable: bool,
        disposition: Option<Disposition>,
        blocked: Option<bool>,
        sigwait: Option<bool>,
        ptraced: bool,
        exiting: bool,
        frozen: Option<bool>,
        sigterm_disposition: Option<Disposition>,
    }
}

impl TargetLine<'_> {
    fn read(mut self, lines: &mut Lines) -> Option<Target> {
        Some(Target {
            process: self.process(lines)?,
            is_init: self.is_init,
            is_global_init: self.is_global_init,
            unkillable: self.unkillable,
            disposition: self.disposition,
            blocked: self.blocked,
            sigwait: self.sigwait,
            ptraced: self.ptraced,
            exiting: self.exiting,
            frozen: self.frozen,
            sigterm_disposition: self.sigterm_disposition,
        })
    }
}

impl SenderLine<'_> {
    fn read(mut self, lines: &mut Lines) -> Option<Sender> {
        Some(Sender {
            process: self.process(lines)?,
            kind: self.kind,
            ancestors: self.ancestors,
            role: self.role,
            role_words: self.role_words,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::fixtures::{self, dice::Dice};

    fn derived(line: &str) -> Record {
        serde_json::from_str(line).expect("a record")
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
            let by_hand = match record {
                Record::Signal(_) => serde_json::from_str(&line)
                    .ok()
                    .and_then(|line| lines.signal(line)),
                _ => serde_json::from_str(&line)
                    .ok()
                    .and_then(|line| lines.deliver(line)),
            };
            assert_eq!(by_hand, Some(derived(&line)), "{line}");
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
