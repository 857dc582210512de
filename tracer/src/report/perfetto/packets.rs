//! Packets of one sequence: strings are written once and then called by a number,
//! tracks are described before their first event. Memory is bounded: tables that
//! are full are emptied, and begin again.

use std::{
    collections::HashMap,
    hash::Hash,
    io::{self, Write},
};

use prost::Message as _;

use super::proto::{
    BOOTTIME, Clock, ClockSnapshot, DebugAnnotation, INCREMENTAL_STATE_CLEARED, Interned,
    InternedData, NEEDS_INCREMENTAL_STATE, Packet, REALTIME, TrackDescriptor, TrackEvent,
};

/// Everything is of this sequence.
const SEQUENCE: u32 = 1;

/// Strings of each kind remembered.
const STRINGS: usize = 8_192;

/// Tracks remembered; one that comes again after so many others is there twice.
const TRACKS: usize = 1 << 18;

/// Longer texts are not worth a number.
const LONG: usize = 200;

/// The root of all tracks.
pub const ROOT: u64 = 1;

/// A packet is a field of `Trace`: number 1, with its length.
const FIELD: u8 = 0x0a;

/// Writes packets.
#[derive(Debug)]
pub struct Packets<W, K> {
    out: W,
    buffer: Vec<u8>,
    names: Table,
    categories: Table,
    keys: Table,
    values: Table,
    /// What the next packet tells of the tables.
    news: InternedData,
    is_cleared: bool,
    tracks: HashMap<K, (u64, String)>,
    next_track: u64,
    has_clock: bool,
}

/// Strings by number.
#[derive(Debug, Default)]
struct Table(HashMap<String, u64>);

impl Table {
    fn number(&mut self, text: &str, news: &mut Vec<Interned>) -> u64 {
        if let Some(number) = self.0.get(text) {
            return *number;
        }
        let number = self.0.len() as u64 + 1;
        self.0.insert(text.to_owned(), number);
        news.push(Interned {
            iid: Some(number),
            name: Some(text.to_owned()),
        });
        number
    }
}

/// An event in the making.
#[derive(Debug)]
pub struct Event<'a, W, K> {
    packets: &'a mut Packets<W, K>,
    at: u64,
    event: TrackEvent,
}

/// What a trace begins with, by which it may be overwritten.
pub fn head() -> Vec<u8> {
    let packet = Packet {
        trusted_packet_sequence_id: Some(SEQUENCE),
        sequence_flags: Some(INCREMENTAL_STATE_CLEARED),
        track_descriptor: Some(TrackDescriptor {
            uuid: Some(ROOT),
            name: Some("sigwhy".to_owned()),
            parent_uuid: None,
        }),
        ..Packet::default()
    };
    let mut bytes = vec![FIELD];
    bytes.extend(packet.encode_length_delimited_to_vec());
    bytes
}

impl<W: Write, K: Eq + Hash> Packets<W, K> {
    /// Begins a trace.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn new(mut out: W) -> io::Result<Self> {
        out.write_all(&head())?;
        Ok(Self {
            out,
            buffer: Vec::new(),
            names: Table::default(),
            categories: Table::default(),
            keys: Table::default(),
            values: Table::default(),
            news: InternedData::default(),
            is_cleared: false,
            tracks: HashMap::new(),
            next_track: ROOT,
            has_clock: false,
        })
    }

    pub fn into_inner(self) -> W {
        self.out
    }

    /// The track of that key, described anew where its name has changed.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn track(&mut self, key: K, parent: u64, name: &str) -> io::Result<u64> {
        let number = match self.tracks.get_mut(&key) {
            Some((number, known)) if known == name => return Ok(*number),
            Some((number, known)) => {
                name.clone_into(known);
                *number
            }
            None => {
                if self.tracks.len() >= TRACKS {
                    self.tracks.clear();
                }
                self.next_track += 1;
                self.tracks.insert(key, (self.next_track, name.to_owned()));
                self.next_track
            }
        };
        self.write(&Packet {
            trusted_packet_sequence_id: Some(SEQUENCE),
            track_descriptor: Some(TrackDescriptor {
                uuid: Some(number),
                name: Some(name.to_owned()),
                parent_uuid: Some(parent),
            }),
            ..Packet::default()
        })?;
        Ok(number)
    }

    /// An event of that kind (`TrackEvent.Type`), which [`Event::write`] writes.
    pub fn event(&mut self, kind: i32, at: u64, track: u64) -> Event<'_, W, K> {
        self.make_room();
        Event {
            packets: self,
            at,
            event: TrackEvent {
                kind: Some(kind),
                track_uuid: Some(track),
                ..TrackEvent::default()
            },
        }
    }

    /// Between two packets only: what the one refers to must be told with it.
    fn make_room(&mut self) {
        let tables = [
            &mut self.names,
            &mut self.categories,
            &mut self.keys,
            &mut self.values,
        ];
        if tables.iter().any(|table| table.0.len() >= STRINGS) {
            for table in tables {
                table.0.clear();
            }
            self.news = InternedData::default();
            self.is_cleared = true;
        }
    }

    fn write_event(&mut self, at: u64, event: TrackEvent) -> io::Result<()> {
        if !self.has_clock {
            self.has_clock = true;
            self.write(&clock(at))?;
        }
        let news = std::mem::take(&mut self.news);
        let cleared = if std::mem::take(&mut self.is_cleared) {
            INCREMENTAL_STATE_CLEARED
        } else {
            0
        };
        self.write(&Packet {
            timestamp: Some(at),
            trusted_packet_sequence_id: Some(SEQUENCE),
            track_event: Some(event),
            interned_data: (news != InternedData::default()).then_some(news),
            sequence_flags: Some(NEEDS_INCREMENTAL_STATE | cleared),
            ..Packet::default()
        })
    }

    fn write(&mut self, packet: &Packet) -> io::Result<()> {
        self.buffer.clear();
        self.buffer.push(FIELD);
        packet
            .encode_length_delimited(&mut self.buffer)
            .map_err(io::Error::other)?;
        self.out.write_all(&self.buffer)
    }
}

impl<W: Write, K: Eq + Hash> Event<'_, W, K> {
    pub fn name(mut self, name: &str) -> Self {
        let p = &mut *self.packets;
        self.event.name_iid = Some(p.names.number(name, &mut p.news.event_names));
        self
    }

    pub fn category(mut self, name: &str) -> Self {
        let p = &mut *self.packets;
        let number = p.categories.number(name, &mut p.news.event_categories);
        self.event.category_iids.push(number);
        self
    }

    /// An arrow begins here.
    pub fn flow(mut self, id: u64) -> Self {
        self.event.flow_ids.push(id);
        self
    }

    /// An arrow ends here.
    pub fn flow_ends(mut self, id: u64) -> Self {
        self.event.terminating_flow_ids.push(id);
        self
    }

    pub fn number(mut self, key: &str, value: impl Into<u64>) -> Self {
        let annotation = DebugAnnotation {
            uint_value: Some(value.into()),
            ..self.key(key)
        };
        self.event.debug_annotations.push(annotation);
        self
    }

    pub fn text(mut self, key: &str, value: &str) -> Self {
        let mut annotation = self.key(key);
        if value.len() > LONG {
            annotation.string_value = Some(value.to_owned());
        } else {
            let p = &mut *self.packets;
            let news = &mut p.news.debug_annotation_string_values;
            annotation.string_value_iid = Some(p.values.number(value, news));
        }
        self.event.debug_annotations.push(annotation);
        self
    }

    fn key(&mut self, key: &str) -> DebugAnnotation {
        let p = &mut *self.packets;
        let number = p.keys.number(key, &mut p.news.debug_annotation_names);
        DebugAnnotation {
            name_iid: Some(number),
            ..DebugAnnotation::default()
        }
    }

    /// Writes it.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn write(self) -> io::Result<()> {
        self.packets.write_event(self.at, self.event)
    }
}

/// Times are wall-clock times, which those of several nodes share; the trace's own
/// clock is made to agree.
fn clock(at: u64) -> Packet {
    let clock = |id| Clock {
        clock_id: Some(id),
        timestamp: Some(at),
    };
    Packet {
        clock_snapshot: Some(ClockSnapshot {
            clocks: vec![clock(BOOTTIME), clock(REALTIME)],
        }),
        timestamp: Some(at),
        trusted_packet_sequence_id: Some(SEQUENCE),
        ..Packet::default()
    }
}
