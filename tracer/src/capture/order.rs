//! Up to when a ring has brought all that it will bring of a time.
//!
//! Not here: what else holds records back (the names, the judge).

/// How long a record is held so that an earlier one from another ring or
/// processor can overtake it. A record is committed within microseconds of its
/// time; one that is not (its processor was taken away) holds all later ones
/// back, and what the kernel itself does late is [`super::foresight`]'s.
pub const SLACK_NS: u64 = 2_000_000;

/// What a look has left in a ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// Nothing that was reserved when it began.
    Nothing,
    /// A record that is reserved and not written: its program's processor was taken
    /// away, for however long.
    Unwritten,
    /// Perhaps much, since only so many are read at a time; the time of the last.
    More(u64),
}

/// One ring.
#[derive(Debug, Default)]
pub struct Edge {
    /// When the last look began that left nothing.
    clean: u64,
}

impl Edge {
    /// The time that no record which is still to come is older than, after a look
    /// that began at `begun`.
    pub fn watermark(&mut self, begun: u64, left: Left) -> u64 {
        let latest = match left {
            Left::Nothing => {
                self.clean = begun;
                begun
            }
            // It was reserved after that look, and may have taken its time before.
            Left::Unwritten => self.clean,
            // What is still in there was reserved after that one.
            Left::More(last) => last.min(begun),
        };
        latest.saturating_sub(SLACK_NS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    #[test]
    fn all_that_was_there_is_told_after_the_slack() {
        let mut edge = Edge::default();
        assert_eq!(edge.watermark(100 * MS, Left::Nothing), 98 * MS);
        assert_eq!(edge.watermark(200 * MS, Left::Nothing), 198 * MS);
    }

    #[test]
    fn a_record_that_is_long_unwritten_holds_back_what_could_be_younger() {
        let mut edge = Edge::default();
        edge.watermark(100 * MS, Left::Nothing);
        // Its time was taken a little before that look, its place after it.
        let its_time = 99 * MS;
        for begun in [101 * MS, 110 * MS, 1_000 * MS] {
            assert!(edge.watermark(begun, Left::Unwritten) < its_time);
        }
        assert_eq!(edge.watermark(1_001 * MS, Left::Nothing), 999 * MS);
    }

    #[test]
    fn a_look_that_was_cut_goes_by_its_last_and_is_not_clean() {
        let mut edge = Edge::default();
        edge.watermark(100 * MS, Left::Nothing);
        assert_eq!(edge.watermark(200 * MS, Left::More(150 * MS)), 148 * MS);
        assert_eq!(edge.watermark(201 * MS, Left::Unwritten), 98 * MS);
        // A record that came while it looked is no reason to tell more.
        assert_eq!(edge.watermark(300 * MS, Left::More(301 * MS)), 298 * MS);
    }
}
