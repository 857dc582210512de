//! From times to places: an axis on which 24 microseconds and 10 seconds can both
//! be seen.
//!
//! The distance between two neighbours in time grows with the logarithm of what
//! lies between them, and a little faster: so an order stays an order, a gap stays
//! visible, and what people wait for has most room. That is no scale: the picture
//! says so, and has a strip to scale beside it.

use super::write::Percent;

/// Left free on either side, in percent: the half of a badge on a narrow screen.
const EDGE: f64 = 4.0;

/// What two neighbours are apart at least, what each power of ten above a
/// microsecond adds, and what its square adds, in units of [`UNIT`].
const LEAST: f64 = 0.95;
const DECADE: f64 = 0.25;
const SQUARE: f64 = 0.075;

/// Pixels that a unit should have.
const UNIT: f64 = 13.5;

/// Times in their order, each with its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    /// Sorted; a time may come twice, with two places.
    times: Vec<u64>,
    places: Vec<Percent>,
    /// In units.
    length: f64,
}

impl Axis {
    /// An axis of these times, in nanoseconds. Two events at the same time are
    /// apart.
    pub fn new(mut times: Vec<u64>) -> Self {
        times.sort_unstable();
        let mut at = 0.0;
        let mut places = Vec::with_capacity(times.len());
        let mut before = None;
        for time in &times {
            if let Some(before) = before {
                at += width(time - before);
            }
            before = Some(*time);
            places.push(at);
        }
        let length = at;
        let scale = (100.0 - 2.0 * EDGE) / if length > 0.0 { length } else { 1.0 };
        let places = places
            .into_iter()
            .map(|at| Percent(EDGE + at * scale))
            .collect();
        Self {
            times,
            places,
            length,
        }
    }

    /// Where the `nth` of several events at that time is; of a time that is not on
    /// the axis, where its next neighbour is.
    pub fn place(&self, time: u64, nth: usize) -> Percent {
        let first = self.times.partition_point(|known| *known < time);
        let of_it = self.times[first..].partition_point(|known| *known == time);
        let index = first + nth.min(of_it.saturating_sub(1));
        let index = index.min(self.places.len().saturating_sub(1));
        self.places.get(index).copied().unwrap_or(Percent(EDGE))
    }

    /// Where something is that has no place of its own: between its neighbours,
    /// to scale.
    pub fn between(&self, time: u64) -> Percent {
        let after = self.times.partition_point(|known| *known <= time);
        let Some(before) = after.checked_sub(1) else {
            return self.place(time, 0);
        };
        if after == self.times.len() {
            return self.place(time, usize::MAX);
        }
        let (from, to) = (self.places[before].0, self.places[after].0);
        let (since, all) = (
            time - self.times[before],
            self.times[after] - self.times[before],
        );
        let part = since as f64 / all as f64;
        Percent(from + part * (to - from))
    }

    /// The same on a line to scale.
    pub fn to_scale(&self, time: u64) -> Percent {
        let (Some(first), Some(last)) = (self.times.first(), self.times.last()) else {
            return Percent(EDGE);
        };
        let (since, all) = (time.saturating_sub(*first), last - first);
        if all == 0 {
            return Percent(EDGE);
        }
        let part = since.min(all) as f64 / all as f64;
        Percent(EDGE + part * (100.0 - 2.0 * EDGE))
    }

    /// Neighbours that are apart: their places, and the time between.
    pub fn gaps(&self) -> impl Iterator<Item = (Percent, Percent, u64)> {
        let times = self.times.windows(2).map(|pair| pair[1] - pair[0]);
        let places = self.places.windows(2).map(|pair| (pair[0], pair[1]));
        places
            .zip(times)
            .map(|((from, to), gap)| (from, to, gap))
            .filter(|(_, _, gap)| *gap > 0)
    }

    /// Pixels below which events would lie on each other.
    pub fn least_width(&self) -> u32 {
        (self.length * UNIT).ceil() as u32
    }

    /// First to last, in nanoseconds.
    pub fn span(&self) -> u64 {
        match (self.times.first(), self.times.last()) {
            (Some(first), Some(last)) => last - first,
            _ => 0,
        }
    }
}

fn width(gap_ns: u64) -> f64 {
    let us = gap_ns as f64 / 1_000.0;
    let decades = (1.0 + us).log10();
    LEAST + DECADE * decades + SQUARE * decades * decades
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn microseconds_and_seconds_are_both_seen() {
        let axis = Axis::new(vec![0, 24_000, 10_000_000_000]);
        let short = axis.place(24_000, 0).0 - axis.place(0, 0).0;
        let long = axis.place(10_000_000_000, 0).0 - axis.place(24_000, 0).0;
        assert!(short > 15.0, "24 us are {short} %");
        assert!(long > 2.0 * short, "10 s are {long} %");
        let to_scale = axis.to_scale(24_000).0 - axis.to_scale(0).0;
        assert!(to_scale < 0.001, "to scale nothing of it is left");
    }

    #[test]
    fn an_order_stays_an_order_within_the_edges() {
        let times: Vec<u64> = (0..64).map(|shift| 1 << shift).collect();
        let axis = Axis::new(times.iter().rev().copied().collect());
        let places: Vec<_> = times.iter().map(|time| axis.place(*time, 0).0).collect();
        assert!(
            places.windows(2).all(|pair| pair[0] < pair[1]),
            "{places:?}"
        );
        assert_eq!((places[0], places[63]), (EDGE, 100.0 - EDGE));
        assert_eq!(axis.gaps().count(), 63);
        assert_eq!(axis.to_scale(1 << 63).0, 100.0 - EDGE);
    }

    #[test]
    fn two_at_one_time_are_apart() {
        let axis = Axis::new(vec![5, 5, 9]);
        assert!(axis.place(5, 0).0 < axis.place(5, 1).0);
        assert_eq!(axis.place(5, 7), axis.place(5, 1));
        assert_eq!(axis.gaps().count(), 1);
    }

    #[test]
    fn what_has_no_place_is_between_its_neighbours() {
        let axis = Axis::new(vec![100, 200, 200]);
        assert_eq!(axis.between(100), axis.place(100, 0));
        assert_eq!(axis.between(50), axis.place(100, 0));
        assert_eq!(axis.between(900), axis.place(200, 1));
        let half = (axis.place(100, 0).0 + axis.place(200, 0).0) / 2.0;
        assert_eq!(axis.between(150), Percent(half));
    }

    #[test]
    fn few_times_are_no_problem() {
        for times in [vec![], vec![7], vec![7, 7], vec![u64::MAX, 0]] {
            let axis = Axis::new(times.clone());
            for time in [0, 7, u64::MAX] {
                for place in [axis.place(time, 3), axis.to_scale(time), axis.between(time)] {
                    assert!((EDGE..=100.0 - EDGE).contains(&place.0), "{times:?}");
                }
            }
            assert!(axis.least_width() < 400);
        }
    }
}
