use std::io::{self, Write};

use super::*;
use crate::output::fixtures::{self, dice::Dice};

fn lines(records: &[Record]) -> String {
    let mut sink = Json::new(Vec::new());
    for record in records {
        sink.record(record).expect("a Vec takes everything");
    }
    sink.flush().expect("a Vec takes everything");
    String::from_utf8(sink.into_inner()).expect("JSON is UTF-8")
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
    assert_as_derived(&Dice(0x5eed).records(1000));
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
