//! What a record must say: only the fields that a case names are compared, but
//! the records of a target are compared as a whole list.

use std::fmt;

use serde_json::Value;
use sigwhy::lab::arena::Specimen;

/// One record that must be there.
#[derive(Debug, Clone)]
pub struct Expect {
    kind: &'static str,
    signal: i32,
    fields: Vec<(&'static str, Value)>,
    /// What fields must not be.
    barred: Vec<(&'static str, Value)>,
}

/// A `signal` record.
pub fn sig(signal: i32) -> Expect {
    Expect {
        kind: "signal",
        signal,
        fields: Vec::new(),
        barred: Vec::new(),
    }
}

/// A `deliver` record.
pub fn deliver(signal: i32) -> Expect {
    Expect {
        kind: "deliver",
        signal,
        fields: Vec::new(),
        barred: Vec::new(),
    }
}

impl Expect {
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

    /// `signal` or `deliver`.
    pub fn kind(&self) -> &'static str {
        self.kind
    }

    /// What is wrong with `record`; empty if nothing is.
    pub fn mismatches(&self, record: &Value) -> Vec<String> {
        let own = [
            ("/type", Value::from(self.kind)),
            ("/signal/number", Value::from(self.signal)),
        ];
        let barred = self
            .barred
            .iter()
            .filter(|(pointer, value)| record.pointer(pointer) == Some(value))
            .map(|(pointer, value)| format!("{pointer} must not be {value}"));
        own.iter()
            .map(|(pointer, value)| (*pointer, value))
            .chain(self.fields.iter().map(|(pointer, value)| (*pointer, value)))
            .filter_map(|(pointer, wanted)| {
                let got = record.pointer(pointer);
                (got != Some(wanted)).then(|| match got {
                    None => format!("{pointer} is missing, want {wanted}"),
                    Some(got) => format!("{pointer} is {got}, want {wanted}"),
                })
            })
            .chain(barred)
            .collect()
    }
}

impl fmt::Display for Expect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.signal)?;
        for (pointer, value) in &self.fields {
            write!(f, " {}={value}", &pointer[1..])?;
        }
        Ok(())
    }
}

/// Holds the records of one target to a list: the same number, in the same
/// order, each as expected. The answer is empty if all is well, else it is a
/// text for a person.
pub fn compare(records: &[Value], expected: &[Expect]) -> String {
    let mut wrong = String::new();
    for (index, expect) in expected.iter().enumerate() {
        match records.get(index) {
            None => wrong += &format!("  missing #{index}: {expect}\n"),
            Some(record) => {
                for mismatch in expect.mismatches(record) {
                    wrong += &format!("  #{index} ({expect}): {mismatch}\n");
                }
            }
        }
    }
    for record in records.iter().skip(expected.len()) {
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
    fn lists_are_compared_whole() {
        let expect = || sig(15).dropped("unkillable_init");
        assert!(compare(&[], &[expect()]).contains("missing #0"));
        assert!(compare(&[record(), record()], &[expect()]).contains("not expected"));
        assert!(compare(&[record()], &[deliver(15)]).contains("type"));
        assert!(compare(&[record()], &[sig(9)]).contains("number"));
    }
}
