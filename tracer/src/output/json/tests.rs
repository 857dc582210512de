use std::io::{self, Write};

use super::*;
use crate::decide::{Outcome, Reason, sender::Kind};
use crate::output::fixtures;
use crate::record::{
    Ancestor, Disposition, Relation, Scope, Sender, Signal, Target, Timestamp, TraceResult, When,
};

fn lines(records: &[Record]) -> String {
    let mut sink = Json::new(Vec::new());
    for record in records {
        sink.record(record).expect("a Vec takes everything");
    }
    sink.flush().expect("a Vec takes everything");
    String::from_utf8(sink.into_inner()).expect("JSON is UTF-8")
}

/// xorshift64*: the tests need variety, not chance.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let high = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(high).expect("31 bits") % sides
    }

    fn coin(&mut self) -> bool {
        self.roll(2) == 0
    }

    fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.roll(from.len())].clone()
    }

    fn maybe<T>(&mut self, value: impl FnOnce(&mut Self) -> T) -> Option<T> {
        self.coin().then(|| value(self))
    }

    fn number(&mut self) -> u32 {
        match self.roll(4) {
            0 => 0,
            1 => u32::MAX,
            _ => u32::try_from(self.roll(1 << 30)).expect("30 bits"),
        }
    }

    fn text(&mut self) -> String {
        let chars = [
            'a', 'Z', '0', ' ', '"', '\\', '/', '\n', '\0', '\u{1f}', '\u{7f}', '\u{9b}', 'ü',
            '日', '\u{202e}', '🦀', '<',
        ];
        (0..self.roll(40)).map(|_| self.pick(&chars)).collect()
    }

    fn process(&mut self) -> crate::record::Process {
        let container = self.maybe(|d| fixtures::container(&d.text(), d.number(), &d.text()));
        crate::record::Process {
            pid: self.maybe(Self::number),
            tid: self.maybe(Self::number),
            ns_pid: self.maybe(Self::number),
            pid_ns: self.maybe(Self::number),
            ns_level: self.maybe(Self::number),
            comm: self.maybe(|d| d.text().as_str().into()),
            uid: self.maybe(Self::number),
            start_ns: self.maybe(|d| u64::from(d.number()) << 32),
            container,
            ns_pids: self.maybe(|d| (0..d.roll(4)).map(|_| d.number()).collect()),
            pid_ns_id: self.maybe(|_| u64::MAX),
            cgroup_id: self.maybe(|d| d.number().into()),
            cgroup_v1_id: self.maybe(|d| d.number().into()),
        }
    }

    fn target(&mut self) -> Target {
        Target {
            process: self.process(),
            is_init: self.coin(),
            is_global_init: self.coin(),
            unkillable: self.coin(),
            disposition: self.pick(&[
                None,
                Some(Disposition::Default),
                Some(Disposition::Ignore),
                Some(Disposition::Handler),
            ]),
            blocked: self.maybe(Self::coin),
            sigwait: self.maybe(Self::coin),
            ptraced: self.coin(),
            exiting: self.coin(),
            frozen: self.maybe(Self::coin),
            sigterm_disposition: self.maybe(|_| Disposition::Handler),
        }
    }

    fn signal(&mut self) -> Signal {
        let mut signal = fixtures::dropped();
        signal.when = When {
            ts: Timestamp(u64::from(self.number()) << 32),
            mono_ns: self.number().into(),
        };
        signal.signal.number = self.number();
        signal.signal.name = self.text().into();
        signal.signal.code = -i32::try_from(self.number() >> 1).expect("31 bits");
        signal.sender = Sender {
            kind: self.pick(&Kind::ALL),
            process: self.process(),
            ancestors: (0..self.roll(3))
                .map(|_| Ancestor {
                    pid: self.number(),
                    comm: self.text().as_str().into(),
                })
                .collect(),
            role: self.maybe(|_| "runtime"),
            role_words: self.maybe(Self::text),
        };
        signal.target = self.target();
        signal.scope = self.pick(&[Scope::Process, Scope::Thread]);
        signal.relation = self.pick(&[
            Relation::Same,
            Relation::Ancestor,
            Relation::Descendant,
            Relation::Unrelated,
            Relation::Kernel,
        ]);
        signal.forced = self.coin();
        signal.result = self.pick(&[
            TraceResult::Delivered,
            TraceResult::Ignored,
            TraceResult::AlreadyPending,
            TraceResult::OverflowFail,
            TraceResult::LoseInfo,
            TraceResult::Unknown,
        ]);
        signal.outcome = self.pick(&Outcome::ALL);
        signal.reason = self.pick(Reason::ALL);
        signal.explanation = self.text().into();
        if self.coin() {
            signal.path = fixtures::path();
            signal.path[0].values = self.text();
        }
        signal
    }
}

/// What the derived `Serialize` writes is the contract.
fn assert_as_derived(records: &[Record]) {
    let ours = lines(records);
    let mut derived = String::new();
    for record in records {
        derived.push_str(&serde_json::to_string(record).expect("serialises"));
        derived.push('\n');
    }
    for (ours, derived) in ours.lines().zip(derived.lines()) {
        assert_eq!(ours, derived);
    }
    assert_eq!(ours, derived);
}

#[test]
fn the_hand_written_json_is_the_derived_one() {
    // Twice, so that every container comes from memory once.
    let mut records = fixtures::all();
    records.extend(fixtures::all());
    assert_as_derived(&records);
}

#[test]
fn so_it_is_for_any_values() {
    let mut dice = Dice(0x5eed);
    let mut records = Vec::new();
    for _ in 0..1000 {
        let signal = dice.signal();
        let mut deliver = fixtures::deliver();
        deliver.target = signal.target.clone();
        deliver.explanation = signal.explanation.clone();
        deliver.path = signal.path.clone();
        deliver.latency_ns = dice.maybe(|_| u64::MAX);
        records.push(Record::Signal(Box::new(signal)));
        records.push(Record::Deliver(Box::new(deliver)));
        // One of before: its container may be forgotten or not.
        records.push(dice.pick(&records));
    }
    assert_as_derived(&records);
}

#[test]
fn type_comes_first_and_hostile_names_stay_whole_on_one_line() {
    for name in fixtures::HOSTILE {
        let text = lines(&[Record::Signal(Box::new(fixtures::hostile(name)))]);
        assert_eq!(text.matches('\n').count(), 1, "{text:?}");
        assert!(text.starts_with(r#"{"type":"signal","ts":""#), "{text}");
        let value: serde_json::Value = serde_json::from_str(&text).expect("valid JSON");
        let comm = crate::record::Comm::from(name);
        assert_eq!(value["sender"]["comm"], *comm.as_str());
        assert_eq!(value["sender"]["container"]["name"], name);
    }
}

/// Takes a number of writes, then fails.
struct Fails(usize, Vec<usize>);

impl Write for Fails {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.1.len() == self.0 {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        self.1.push(bytes.len());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn writes_are_few_and_big_and_their_errors_come_back() {
    let record = Record::Signal(Box::new(fixtures::dropped()));
    let size = lines(std::slice::from_ref(&record)).len();
    let mut sink = Json::new(Fails(2, Vec::new()));
    for _ in 0..2 * CHUNK / size {
        sink.record(&record).expect("no third write yet");
    }
    assert_eq!(sink.writer.1.len(), 1);
    assert!(sink.writer.1[0] >= CHUNK && sink.writer.1[0] < CHUNK + size);
    assert_eq!(sink.writer.1[0] % size, 0, "whole lines only");
    sink.flush().expect("the second write");
    sink.record(&record).expect("held back");
    let error = sink.flush().expect_err("the third write fails");
    assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
}
