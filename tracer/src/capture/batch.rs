//! Raw records that wait for their turn, by time.
//!
//! Not here: when their turn is, and what they say.

use crate::decode;

/// Records held at most once a drain is over. The watermark of one busy ring can
/// hold back what the other one brings for as long as that lasts; beyond this
/// the oldest go first and the order gives way, since nothing may be lost and
/// memory is not endless. With records of 456 bytes, the largest, and as much
/// again of not yet reclaimed room, this is about 15 MiB.
pub const HELD: usize = 16_384;

/// Time, begin and end in the bytes.
pub type Entry = (u64, u32, u32);

/// Raw records by time.
#[derive(Default)]
pub struct Batch {
    bytes: Vec<u8>,
    index: Vec<Entry>,
    /// Bytes of records that were forgotten, which are still in `bytes`.
    dead: usize,
}

impl Batch {
    pub fn push(&mut self, record: &[u8]) {
        let begin = self.bytes.len() as u32;
        self.bytes.extend_from_slice(record);
        let ts = decode::peek_time(record).unwrap_or(0);
        self.index.push((ts, begin, self.bytes.len() as u32));
    }

    pub fn len(&self) -> usize {
        self.index.len()
    }

    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// The time of the record pushed last, before any [`Self::due`].
    pub fn last_time(&self) -> Option<u64> {
        self.index.last().map(|(ts, _, _)| *ts)
    }

    pub fn entries(&self) -> &[Entry] {
        &self.index
    }

    pub fn slice(&self, (_, begin, end): Entry) -> &[u8] {
        &self.bytes[begin as usize..end as usize]
    }

    /// Sorts by time, and says how many are not younger than `watermark` or
    /// more than [`HELD`].
    pub fn due(&mut self, watermark: u64) -> usize {
        self.index.sort_by_key(|(ts, _, _)| *ts);
        let old = self.index.partition_point(|(ts, _, _)| *ts <= watermark);
        old.max(self.index.len().saturating_sub(HELD))
    }

    /// Drops the first `count` records. What is kept is copied only once more
    /// than half of the bytes are of no use, so each byte a few times at most.
    pub fn forget(&mut self, count: usize) {
        self.dead += self.index[..count]
            .iter()
            .map(|(_, begin, end)| (end - begin) as usize)
            .sum::<usize>();
        self.index.drain(..count);
        if self.index.is_empty() {
            self.bytes.clear();
            self.dead = 0;
        } else if self.dead > self.bytes.len() / 2 {
            let mut kept = Vec::with_capacity(self.bytes.len() - self.dead);
            for (_, begin, end) in &mut self.index {
                let record = &self.bytes[*begin as usize..*end as usize];
                *begin = kept.len() as u32;
                kept.extend_from_slice(record);
                *end = kept.len() as u32;
            }
            self.bytes = kept;
            self.dead = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEN: usize = 456;

    /// A record of the largest size that carries its time at both ends.
    fn record(ts: u64) -> Vec<u8> {
        let mut bytes = vec![0; LEN];
        bytes[..8].copy_from_slice(&ts.to_le_bytes());
        bytes[LEN - 8..].copy_from_slice(&ts.to_le_bytes());
        bytes
    }

    fn check(batch: &Batch, times: impl IntoIterator<Item = u64>) {
        let told: Vec<u64> = batch
            .entries()
            .iter()
            .map(|entry| {
                let bytes = batch.slice(*entry);
                assert_eq!(bytes, record(entry.0), "the bytes of another record");
                entry.0
            })
            .collect();
        assert_eq!(told, times.into_iter().collect::<Vec<_>>());
    }

    #[test]
    fn what_is_kept_keeps_its_bytes() {
        let mut batch = Batch::default();
        for ts in [5, 3, 9, 1, 7] {
            batch.push(&record(ts));
        }
        assert_eq!(batch.due(3), 2);
        batch.forget(2);
        check(&batch, [5, 7, 9]);
        batch.push(&record(2));
        assert_eq!(batch.due(7), 3);
        batch.forget(3);
        check(&batch, [9]);
        assert_eq!(batch.bytes.len(), LEN, "room was made");
        batch.forget(1);
        assert!(batch.is_empty() && batch.bytes.is_empty());
    }

    #[test]
    fn a_watermark_that_stays_does_not_fill_the_memory() {
        let mut batch = Batch::default();
        let mut told = 0;
        for ts in 0..4 * HELD as u64 {
            batch.push(&record(ts));
            if ts % 1_024 == 0 {
                // Nothing is old enough by itself.
                let due = batch.due(0);
                told += due;
                batch.forget(due);
                assert!(batch.len() <= HELD);
                assert!(batch.bytes.len() <= 2 * LEN * (HELD + 1_024));
            }
        }
        assert_eq!(told + batch.len(), 4 * HELD, "none is lost");
        check(&batch, (told as u64)..4 * HELD as u64);
    }

    #[test]
    fn forgetting_one_by_one_copies_little() {
        let mut batch = Batch::default();
        for ts in 0..4_096 {
            batch.push(&record(ts));
        }
        let mut moved = 0;
        while !batch.is_empty() {
            let begins: Vec<u32> = batch.entries()[1..].iter().map(|e| e.1).collect();
            batch.forget(1);
            moved += batch
                .entries()
                .iter()
                .zip(begins)
                .filter(|(entry, begin)| entry.1 != *begin)
                .count();
        }
        assert!(moved < 2 * 4_096, "{moved} copies");
    }
}
