//! Traces read back with the same messages; `perfetto_trace_pb2` of Perfetto's own
//! Python package was held against one by hand.

use std::collections::{BTreeMap, BTreeSet};

use prost::Message as _;

use super::proto::{INCREMENTAL_STATE_CLEARED, INSTANT, Packet, SLICE_BEGIN, SLICE_END};
use super::*;
use crate::{
    decide::Reason,
    diagnosis::Teller,
    episode::tape::{From, Tape},
};

/// All that a trace says, with its strings in place.
#[derive(Debug, Default)]
struct Read {
    /// Number to name and parent.
    tracks: BTreeMap<u64, (String, Option<u64>)>,
    events: Vec<Seen>,
    resets: usize,
}

#[derive(Debug)]
struct Seen {
    at: u64,
    kind: i32,
    name: String,
    path: String,
    flows: Vec<u64>,
    ends: Vec<u64>,
    texts: BTreeMap<String, String>,
}

fn read(mut bytes: &[u8]) -> Read {
    let mut read = Read::default();
    let mut strings: BTreeMap<(u8, u64), String> = BTreeMap::new();
    while let Some((&0x0a, rest)) = bytes.split_first() {
        bytes = rest;
        let packet = Packet::decode_length_delimited(&mut bytes).expect("a packet");
        if packet.sequence_flags.unwrap_or(0) & INCREMENTAL_STATE_CLEARED != 0 {
            strings.clear();
            read.resets += 1;
        }
        let news = packet.interned_data.unwrap_or_default();
        for (kind, list) in [
            (1, news.event_categories),
            (2, news.event_names),
            (3, news.debug_annotation_names),
            (4, news.debug_annotation_string_values),
        ] {
            for one in list {
                let key = (kind, one.iid.expect("a number"));
                strings.insert(key, one.name.expect("a text"));
            }
        }
        if let Some(track) = packet.track_descriptor {
            let name = track.name.expect("a name");
            read.tracks
                .insert(track.uuid.expect("a number"), (name, track.parent_uuid));
        }
        let Some(event) = packet.track_event else {
            continue;
        };
        let text = |kind, id: u64| strings.get(&(kind, id)).expect("told before").clone();
        read.events.push(Seen {
            at: packet.timestamp.expect("a time"),
            kind: event.kind.expect("a kind"),
            name: event.name_iid.map_or(String::new(), |id| text(2, id)),
            path: path(&read.tracks, event.track_uuid.expect("a track")),
            flows: event.flow_ids,
            ends: event.terminating_flow_ids,
            texts: event
                .debug_annotations
                .iter()
                .filter_map(|one| {
                    let value = one.string_value.clone();
                    let value = value.or(one.string_value_iid.map(|id| text(4, id)))?;
                    Some((text(3, one.name_iid?), value))
                })
                .collect(),
        });
    }
    assert!(bytes.is_empty(), "{} bytes are no packets", bytes.len());
    read
}

/// `node/web (nginx)/bash 1[31150]`
fn path(tracks: &BTreeMap<u64, (String, Option<u64>)>, track: u64) -> String {
    let (name, parent) = tracks
        .get(&track)
        .expect("described before its first event");
    match parent {
        Some(parent) if *parent != ROOT => format!("{}/{name}", path(tracks, *parent)),
        _ => name.clone(),
    }
}

fn trace(tape: &Tape, wanted: Wanted) -> Vec<u8> {
    let mut trace = Trace::new(Vec::new(), wanted).expect("memory");
    let (mut teller, mut out) = (Teller::new(), Vec::new());
    trace.begin().expect("memory");
    for record in &tape.records {
        teller.take(record, &mut out);
        trace.record(record).expect("memory");
    }
    teller.end(&mut out);
    for record in out {
        if let Record::Episode(episode) = record {
            trace.told(&episode).expect("memory");
        }
    }
    trace.into_inner()
}

fn ten_seconds() -> Tape {
    Tape::new("bash")
        .starts(&[])
        .named(2, "server")
        .dropped(15, From::Runtime)
        .handled(10, From::Host, 2)
        .at(70_000)
        .killed(From::Runtime)
        .dies_with(&[(2, true, false)])
}

#[test]
fn tracks_are_nested_and_arrows_go_from_sender_to_target() {
    let bytes = trace(&ten_seconds(), Wanted::default());
    assert!(bytes.starts_with(&head()));
    let read = read(&bytes);
    let paths: BTreeSet<_> = read
        .events
        .iter()
        .map(|event| event.path.as_str())
        .collect();
    assert_eq!(
        paths.into_iter().collect::<Vec<_>>(),
        [
            "node/outside of containers/bash 901",
            "node/outside of containers/runc 900",
            "node/web (nginx)",
            "node/web (nginx)/bash 1[31150]",
            "node/web (nginx)/server 2[31151]",
            "node/web (nginx)/termination",
        ]
    );
    let starts: BTreeMap<_, _> = read
        .events
        .iter()
        .flat_map(|event| event.flows.iter().map(move |flow| (*flow, event)))
        .collect();
    let starts = &starts;
    let arrows: Vec<_> = read
        .events
        .iter()
        .flat_map(|event| event.ends.iter().map(move |flow| (starts[flow], event)))
        .map(|(from, to)| format!("{} -> {} ({})", from.path, to.path, to.name))
        .collect();
    assert_eq!(
        arrows,
        [
            "node/outside of containers/runc 900 -> node/web (nginx)/bash 1[31150] (SIGTERM dropped)",
            "node/outside of containers/bash 901 -> node/web (nginx)/server 2[31151] (SIGUSR1 queued)",
            "node/web (nginx)/server 2[31151] -> node/web (nginx)/server 2[31151] (SIGUSR1 taken: handled)",
            "node/outside of containers/runc 900 -> node/web (nginx)/bash 1[31150] (SIGKILL fatal)",
            "node/web (nginx)/bash 1[31150] -> node/web (nginx)/server 2[31151] (SIGKILL fatal)",
        ]
    );
    let term = read.events.iter().find(|e| e.name == "SIGTERM dropped");
    let term = term.expect("it was sent");
    assert_eq!(term.texts["reason"], "unkillable_init");
    assert_eq!(term.texts["from"], "docker (runc) 900");
    assert_eq!(term.texts["rule"], "test/rule");
}

#[test]
fn slices_begin_and_end_within_each_other() {
    let read = read(&trace(&ten_seconds(), Wanted::default()));
    let mut open: BTreeMap<&str, Vec<(&str, u64)>> = BTreeMap::new();
    let mut slices = Vec::new();
    for event in &read.events {
        let stack = open.entry(&event.path).or_default();
        match event.kind {
            SLICE_BEGIN => stack.push((&event.name, event.at)),
            SLICE_END => {
                let (name, from) = stack.pop().expect("it began");
                assert!(from <= event.at && stack.iter().all(|(_, outer)| *outer <= from));
                slices.push((name, event.at - from));
            }
            kind => assert_eq!(kind, INSTANT),
        }
    }
    assert!(open.values().all(Vec::is_empty), "{open:?}");
    // Made-up records have wall clocks of whole milliseconds.
    let names: Vec<_> = slices.iter().map(|(name, _)| *name).collect();
    assert_eq!(
        names,
        [
            "end of the PID namespace",
            "10.0 s wasted",
            "ungraceful termination"
        ]
    );
}

#[test]
fn what_is_not_wanted_is_not_there() {
    let wanted = Wanted {
        since: Some(when_of(&ten_seconds(), 5)),
        ..Wanted::default()
    };
    let read = read(&trace(&ten_seconds(), wanted));
    assert!(
        !read
            .events
            .iter()
            .any(|event| event.name.contains("SIGTERM dropped"))
    );
    assert!(
        read.events
            .iter()
            .any(|event| event.name == "SIGKILL fatal")
    );
}

fn when_of(tape: &Tape, index: usize) -> Timestamp {
    tape.records[index].when().ts
}

#[test]
fn tables_that_are_full_begin_again() {
    let mut trace = Trace::new(Vec::new(), Wanted::default()).expect("memory");
    let tape = Tape::new("app").signal(15, From::Host, 1, (Outcome::Dropped, Reason::Ignored));
    let Record::Signal(one) = &tape.records[0] else {
        panic!("a signal");
    };
    for n in 0..20_000_u64 {
        let mut one = one.clone();
        one.explanation = format!("because of {n}").into();
        one.when.mono_ns += n;
        trace.record(&Record::Signal(one)).expect("memory");
    }
    let read = read(&trace.into_inner());
    assert_eq!(read.resets, 3, "at the begin, and twice since");
    assert_eq!(read.events.len(), 40_000);
    let last = read.events.last().expect("some");
    assert_eq!(last.texts["why"], "because of 19999");
}
