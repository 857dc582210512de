//! Streams that make no sense: random events of several containers, reordered,
//! repeated, cut and lossy. Never a panic, never more than there is room for,
//! never a sender or a piece of evidence that was not in the stream.

use std::collections::HashSet;

use super::*;
use crate::record::{Referred, Sender};

/// splitmix64: the same stream for the same seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % sides
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.roll(from.len() as u64) as usize]
    }
}

const SIGNALS: [u32; 16] = [1, 2, 3, 6, 9, 9, 9, 11, 13, 15, 15, 15, 17, 24, 31, 37];
const OUTCOMES: [Outcome; 5] = [
    Outcome::Dropped,
    Outcome::Coalesced,
    Outcome::Failed,
    Outcome::Queued,
    Outcome::Fatal,
];
const COMMS: [&str; 5] = ["bash", "npm start", "systemd", "\u{1b}[2J", "pause"];

fn event(dice: &mut Dice, tape: Tape) -> Tape {
    let member = 1 + dice.roll(5) as u32;
    let from = match dice.roll(8) {
        0 | 1 => From::Runtime,
        2 => From::Host,
        3 => From::Neighbour,
        4 => From::Of(dice.pick(&Kind::ALL)),
        _ => From::Member(1 + dice.roll(5) as u32),
    };
    let fate = (dice.pick(&OUTCOMES), dice.pick(Reason::ALL));
    let sig = dice.pick(&SIGNALS);
    let to = if dice.roll(2) == 0 { 1 } else { member };
    let victims: Vec<_> = (2..2 + dice.roll(4) as u32)
        .map(|member| (member, dice.roll(2) == 0, dice.roll(2) == 0))
        .collect();
    let at = 60_000 + dice.roll(200_000);
    let tape = if dice.roll(4) == 0 { tape.at(at) } else { tape };
    match dice.roll(12) {
        0 => tape.exits(member, dice.roll(256) as u32),
        1 => tape.dies(member, sig),
        2 => tape.zaps(&victims),
        3 => tape.zapped(),
        4 => tape.taken(sig, to, fate),
        5 => tape.lost(dice.roll(100)),
        6 => tape.killed(from).dies_with(&victims),
        _ => tape.signal_with(sig, from, to, fate, |signal| {
            signal.target.ptraced = dice.roll(8) == 0;
            signal.target.frozen = dice.pick(&[None, Some(true), Some(false)]);
            // What could not be read is unknown.
            match dice.roll(12) {
                0 => signal.target.process.start_ns = None,
                1 => signal.sender.process.pid = None,
                2 => signal.target.process.container = None,
                3 => signal.target.process.comm = None,
                _ => {}
            }
        }),
    }
}

fn stream(dice: &mut Dice) -> Vec<Record> {
    let mut records = Vec::new();
    for nth in 0..1 + dice.roll(4) as u32 {
        let mut tape = Tape::nth(dice.pick(&COMMS), nth);
        if dice.roll(3) == 0 {
            tape = tape.in_pod();
        }
        for _ in 0..dice.roll(60) {
            tape = event(dice, tape);
        }
        records.extend(tape.records);
    }
    match dice.roll(3) {
        0 => records.sort_by_key(Record::mono_ns),
        1 => {
            for index in 1..records.len() {
                let other = dice.roll(index as u64 + 1) as usize;
                records.swap(index, other);
            }
        }
        _ => {}
    }
    let lose = dice.roll(4);
    records.retain(|_| lose == 0 || dice.roll(10) >= lose);
    records
}

/// Who is said to have sent something: kind, pid, start time.
fn identity(sender: &Sender) -> (Kind, Option<u32>, Option<u64>) {
    (sender.kind, sender.process.pid, sender.process.start_ns)
}

#[test]
fn nothing_is_made_up_of_nonsense() {
    let mut told = 0;
    for seed in 0..3_000 {
        let mut dice = Dice(seed);
        let records = stream(&mut dice);
        let (mut teller, mut out) = (Teller::new(), Vec::new());
        for record in &records {
            teller.take(record, &mut out);
        }
        teller.tick(when(400_000), &mut out);
        teller.finish(when(500_000), &mut out);

        let senders: HashSet<_> = records
            .iter()
            .filter_map(|record| match record {
                Record::Signal(signal) => Some(identity(&signal.sender)),
                _ => None,
            })
            .collect();
        let references: HashSet<_> = records
            .iter()
            .filter_map(|record| {
                let kind = match record {
                    Record::Signal(_) => Referred::Signal,
                    Record::Deliver(_) => Referred::Deliver,
                    Record::Exit(_) => Referred::Exit,
                    Record::Zap(_) => Referred::Zap,
                    _ => return None,
                };
                Some((kind, record.mono_ns()))
            })
            .collect();
        for record in &out {
            let Record::Episode(episode) = record else {
                panic!("seed {seed}: {record:?}");
            };
            told += 1;
            for sender in episode.stop_sender.iter().chain(&episode.kill_sender) {
                assert!(
                    senders.contains(&identity(sender)),
                    "seed {seed}: {sender:?}"
                );
            }
            let evidence = episode.diagnoses.iter().flat_map(|d| &d.evidence);
            let timeline = episode.timeline.iter().map(|entry| &entry.reference);
            for reference in evidence.chain(timeline) {
                assert!(
                    references.contains(&(reference.record, reference.mono_ns)),
                    "seed {seed}: {reference:?}"
                );
            }
            assert!(episode.timeline.len() <= 96, "seed {seed}");
            // Whatever it is, it can be printed.
            assert!(!verdict(episode, true).is_empty());
        }
    }
    assert!(told > 1_000, "{told}");
}
