//! What a record must say: only the fields that a case names are compared, but
//! the records of a target are compared as a whole list.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};
use serde_json::Value;
use sigwhy::lab::arena::Specimen;

/// One record that must be there.
#[derive(Debug, Clone)]
pub struct Expect {
    kind: &'static str,
    fields: Vec<(&'static str, Value)>,
    /// What fields must not be.
    barred: Vec<(&'static str, Value)>,
    /// The host pids of whom a zap killed.
    killed: Option<BTreeSet<i64>>,
    /// CLOCK_BOOTTIME in ns; the record must be from after it.
    after: Option<u64>,
    is_optional: bool,
}

/// A `signal` record.
pub fn sig(signal: i32) -> Expect {
    Expect::new("signal").with("/signal/number", signal)
}

/// A `deliver` record.
pub fn deliver(signal: i32) -> Expect {
    Expect::new("deliver").with("/signal/number", signal)
}

/// The `zap` record of an init that has sent its SIGKILLs, and waits.
pub fn zap_begins() -> Expect {
    Expect::new("zap").with("/phase", "begin")
}

/// The `zap` record of an init that waits no longer.
pub fn zap_ends() -> Expect {
    Expect::new("zap").with("/phase", "end")
}

/// The `exit` record of a process that exited by itself.
pub fn exited(code: i32) -> Expect {
    Expect::new("exit")
        .with("/exit_code", code)
        .with("/signal", Value::Null)
}

/// The `exit` record of a process that a signal ended.
pub fn died_of(signal: i32) -> Expect {
    Expect::new("exit")
        .with("/exit_code", Value::Null)
        .with("/signal/number", signal)
}

impl Expect {
    fn new(kind: &'static str) -> Self {
        Self {
            kind,
            fields: Vec::new(),
            barred: Vec::new(),
            killed: None,
            after: None,
            is_optional: false,
        }
    }

    /// Requires a field, named by JSON pointer; the last word on it counts.
    pub fn with(mut self, pointer: &'static str, value: impl Into<Value>) -> Self {
        self.fields.retain(|(field, _)| *field != pointer);
        self.fields.push((pointer, value.into()));
        self
    }

    /// Bars a value from a field.
    pub fn never(mut self, pointer: &'static str, value: impl Into<Value>) -> Self {
        self.barred.push((pointer, value.into()));
        self
    }

    fn judged(self, outcome: &str, reason: &str) -> Self {
        self.with("/outcome", outcome).with("/reason", reason)
    }

    pub fn dropped(self, reason: &str) -> Self {
        self.judged("dropped", reason).with("/result", "ignored")
    }

    pub fn queued(self, reason: &str) -> Self {
        self.judged("queued", reason).with("/result", "delivered")
    }

    pub fn fatal(self, reason: &str) -> Self {
        self.judged("fatal", reason).with("/result", "delivered")
    }

    pub fn coalesced(self) -> Self {
        self.judged("coalesced", "already_pending")
            .with("/result", "already_pending")
    }

    pub fn failed(self) -> Self {
        self.judged("failed", "queue_full")
            .with("/result", "overflow_fail")
    }

    /// The sender may not send it.
    pub fn refused(self) -> Self {
        self.judged("failed", "permission_denied")
            .with("/result", "refused")
    }

    /// Of a `deliver` record.
    pub fn outcome(self, outcome: &str) -> Self {
        self.with("/outcome", outcome)
    }

    pub fn reason(self, reason: &str) -> Self {
        self.with("/reason", reason)
    }

    pub fn forced(self, forced: bool) -> Self {
        self.with("/forced", forced)
    }

    pub fn code(self, code: i32) -> Self {
        self.with("/signal/code", code)
    }

    pub fn for_thread(self) -> Self {
        self.with("/scope", "thread")
    }

    /// Sent by this process, which stands so to the target.
    pub fn by(self, sender: &Specimen, relation: &'static str) -> Self {
        self.with("/sender/kind", "process")
            .with("/sender/pid", sender.pid())
            .with("/sender/ns_pid", sender.ns_pid())
            .with("/relation", relation)
    }

    /// Sent by no process.
    pub fn by_kernel(self, kind: &'static str) -> Self {
        self.with("/sender/kind", kind).with("/relation", "kernel")
    }

    /// Of another kind that names the process behind it.
    pub fn by_way_of(self, kind: &'static str, behind: &Specimen, relation: &'static str) -> Self {
        self.with("/sender/kind", kind)
            .with("/sender/pid", behind.pid())
            .with("/relation", relation)
    }

    /// Of the begin of a zap: it killed these processes and no other, in
    /// whatever order. Repeated names, where several threads of one got their
    /// SIGKILL, count as one.
    pub fn killing(mut self, victims: &[&Specimen]) -> Self {
        self.killed = Some(victims.iter().map(|victim| victim.pid().into()).collect());
        self
    }

    /// From after this moment ([`now`]).
    pub fn after(mut self, moment_ns: u64) -> Self {
        self.after = Some(moment_ns);
        self
    }

    /// Not held to be there, where chance decides; what is in its place must be
    /// the next in the list.
    pub fn maybe(mut self) -> Self {
        self.is_optional = true;
        self
    }

    pub fn is_optional(&self) -> bool {
        self.is_optional
    }

    /// The `type` of the record.
    pub fn kind(&self) -> &'static str {
        self.kind
    }

    /// What is wrong with `record`; empty if nothing is.
    pub fn mismatches(&self, record: &Value) -> Vec<String> {
        let own = Value::from(self.kind);
        let barred = self
            .barred
            .iter()
            .filter(|(pointer, value)| record.pointer(pointer) == Some(value))
            .map(|(pointer, value)| format!("{pointer} must not be {value}"));
        let early = self
            .after
            .filter(|after| record["mono_ns"].as_u64() < Some(*after))
            .map(|after| format!("is from before {after}"));
        let victims = self.killed.as_ref().and_then(|wanted| {
            let got = victims_of(record);
            (got.as_ref() != Some(wanted)).then(|| format!("killed {got:?}, want {wanted:?}"))
        });
        std::iter::once(("/type", &own))
            .chain(self.fields.iter().map(|(pointer, value)| (*pointer, value)))
            .filter_map(|(pointer, wanted)| {
                let got = record.pointer(pointer);
                (got != Some(wanted)).then(|| match got {
                    None => format!("{pointer} is missing, want {wanted}"),
                    Some(got) => format!("{pointer} is {got}, want {wanted}"),
                })
            })
            .chain(barred)
            .chain(early)
            .chain(victims)
            .collect()
    }
}

impl fmt::Display for Expect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.kind)?;
        for (pointer, value) in &self.fields {
            write!(f, " {}={value}", &pointer[1..])?;
        }
        Ok(())
    }
}

/// CLOCK_BOOTTIME in ns, by which records are timed.
pub fn now() -> u64 {
    let clock = clock_gettime(ClockId::CLOCK_BOOTTIME);
    clock.map_or(0, |time| Duration::from(time).as_nanos() as u64)
}

/// Whom a `zap` record says were killed, by host pid.
fn victims_of(record: &Value) -> Option<BTreeSet<i64>> {
    let victims = record["killed"].as_array()?;
    victims
        .iter()
        .map(|victim| victim["pid"].as_i64())
        .collect()
}

/// Holds the records of one target to a list: the same number, in the same
/// order, each as expected. The answer is empty if all is well, else it is a
/// text for a person.
pub fn compare(records: &[Value], expected: &[Expect]) -> String {
    let mut wrong = String::new();
    let mut left = records.iter().peekable();
    for (index, expect) in expected.iter().enumerate() {
        let mismatches = left.peek().map(|record| expect.mismatches(record));
        match mismatches {
            None if expect.is_optional => {}
            None => wrong += &format!("  missing #{index}: {expect}\n"),
            Some(mismatches) if expect.is_optional && !mismatches.is_empty() => {}
            Some(mismatches) => {
                left.next();
                for mismatch in mismatches {
                    wrong += &format!("  #{index} ({expect}): {mismatch}\n");
                }
            }
        }
    }
    for record in left {
        wrong += &format!("  not expected: {}\n", brief(record));
    }
    if !wrong.is_empty() {
        for record in records {
            wrong += &format!("  record: {record}\n");
        }
    }
    wrong
}

/// Whether it is what an init's zap sends to the init itself: where the last
/// thread to die is not the main one, it finds its own pid in the namespace.
/// Nothing comes of it, and which thread is the last is chance.
///
/// Whether that is the zap's or just the kernel's doing is not held to here.
pub fn is_own_zap(record: &Value) -> bool {
    let own = match record["sender"]["kind"].as_str() {
        Some("zap") => record["sender"]["pid"] == record["target"]["pid"],
        kind => kind == Some("kernel"),
    };
    own && record["signal"]["number"] == libc::SIGKILL
        && record["scope"] == "process"
        && record["target"]["is_init"] == true
        && record["reason"] == "target_exiting"
}

/// A record in a few words.
pub fn brief(record: &Value) -> String {
    let word = |pointer: &str| match record.pointer(pointer) {
        None => "-".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
    };
    match record["type"].as_str() {
        Some("zap") => return format!("zap {}", word("/phase")),
        Some("exit") => return format!("exit {} of {}", word("/exit_code"), word("/signal/name")),
        _ => {}
    }
    format!(
        "{} {} {}/{} ({}, forced {}, {} {})",
        word("/type"),
        word("/signal/name"),
        word("/outcome"),
        word("/reason"),
        word("/result"),
        word("/forced"),
        word("/sender/kind"),
        word("/relation"),
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn record() -> Value {
        json!({
            "type": "signal", "signal": {"number": 15, "code": 0}, "outcome": "dropped",
            "reason": "unkillable_init", "result": "ignored", "forced": true,
            "sender": {"kind": "process", "pid": 42}, "relation": "ancestor",
        })
    }

    #[test]
    fn what_is_named_is_compared() {
        let good = sig(15).dropped("unkillable_init").forced(true).code(0);
        assert_eq!(compare(&[record()], &[good]), "");
        let bad = sig(15).queued("handler").forced(false);
        let text = compare(&[record()], &[bad]);
        for part in ["outcome", "reason", "result", "forced is true, want false"] {
            assert!(text.contains(part), "{part}: {text}");
        }
        let barred = sig(15).never("/reason", "unkillable_init");
        assert!(compare(&[record()], &[barred]).contains("must not be"));
        let absent = sig(15).with("/target/pid", 1);
        assert!(compare(&[record()], &[absent]).contains("missing"));
    }

    #[test]
    fn a_zap_of_the_init_itself_is_told_from_others() {
        let zap = |kind: &str, sender: i32, reason: &str| {
            json!({
                "signal": {"number": 9}, "sender": {"kind": kind, "pid": sender},
                "target": {"pid": 7, "is_init": true}, "scope": "process", "reason": reason,
            })
        };
        assert!(is_own_zap(&zap("zap", 7, "target_exiting")));
        assert!(is_own_zap(&zap("kernel", 0, "target_exiting")));
        assert!(!is_own_zap(&zap("zap", 8, "target_exiting")));
        assert!(!is_own_zap(&zap("process", 7, "target_exiting")));
        assert!(!is_own_zap(&zap("zap", 7, "kill")));
    }

    #[test]
    fn zaps_are_held_to_their_victims_and_their_time() {
        let zap = json!({
            "type": "zap", "mono_ns": 70, "phase": "begin",
            "killed": [{"pid": 5}, {"pid": 3}, {"pid": 5}],
        });
        let killing = |pids: [i64; 2]| Expect {
            killed: Some(pids.into()),
            ..zap_begins()
        };
        assert_eq!(
            compare(std::slice::from_ref(&zap), &[killing([3, 5]).after(70)]),
            ""
        );
        assert!(compare(std::slice::from_ref(&zap), &[killing([3, 4])]).contains("killed"));
        assert!(
            compare(std::slice::from_ref(&zap), &[zap_begins().after(71)]).contains("before 71")
        );
        assert!(compare(&[zap], &[zap_ends()]).contains("phase"));
        let end = json!({"type": "zap", "mono_ns": 70, "phase": "end"});
        assert!(compare(&[end], &[killing([3, 5])]).contains("killed None"));
    }

    #[test]
    fn lists_are_compared_whole() {
        let expect = || sig(15).dropped("unkillable_init");
        assert!(compare(&[], &[expect()]).contains("missing #0"));
        assert!(compare(&[record(), record()], &[expect()]).contains("not expected"));
        assert!(compare(&[record()], &[deliver(15)]).contains("type"));
        assert!(compare(&[record()], &[sig(9)]).contains("number"));
        let maybe = || sig(9).maybe();
        assert_eq!(compare(&[record()], &[maybe(), expect(), maybe()]), "");
        assert_eq!(compare(&[record()], &[expect().maybe()]), "");
        assert!(compare(&[record()], &[maybe()]).contains("not expected"));
    }
}
