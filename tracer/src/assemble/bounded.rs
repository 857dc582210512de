//! A map that forgets its oldest entries, so that memory stays bounded whatever
//! the machine does.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

/// Keeps at most `limit` entries; the one inserted first goes first.
#[derive(Debug, Clone)]
pub struct Bounded<K, V> {
    limit: usize,
    map: HashMap<K, (u64, V)>,
    /// Keys by age, each with the stamp of its insertion: an entry that was
    /// removed and inserted again has a newer stamp than its first place here.
    order: VecDeque<(K, u64)>,
    stamp: u64,
}

impl<K: Hash + Eq + Copy, V> Bounded<K, V> {
    /// An empty map of at most `limit` entries.
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            map: HashMap::new(),
            order: VecDeque::new(),
            stamp: 0,
        }
    }

    /// Sets an entry, which becomes the youngest, and forgets what is too old.
    pub fn insert(&mut self, key: K, value: V) {
        self.stamp += 1;
        self.map.insert(key, (self.stamp, value));
        self.order.push_back((key, self.stamp));
        // Removed and renewed entries leave their old places behind: a bound on
        // the queue bounds both.
        while self.map.len() > self.limit || self.order.len() > 2 * self.limit {
            let Some((oldest, stamp)) = self.order.pop_front() else {
                break;
            };
            if self.map.get(&oldest).is_some_and(|(s, _)| *s == stamp) {
                self.map.remove(&oldest);
            }
        }
    }

    pub fn get(&self, key: &K) -> Option<&V> {
        if self.map.is_empty() {
            return None;
        }
        self.map.get(key).map(|(_, value)| value)
    }

    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.map.get_mut(key).map(|(_, value)| value)
    }

    pub fn contains(&self, key: &K) -> bool {
        self.get(key).is_some()
    }

    pub fn remove(&mut self, key: &K) -> Option<V> {
        if self.map.is_empty() {
            return None;
        }
        self.map.remove(key).map(|(_, value)| value)
    }

    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.map.len()
    }

    #[cfg(test)]
    pub fn is_empty(&self) -> bool {
        self.map.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::Bounded;

    #[test]
    fn forgets_the_oldest_and_stays_within_its_limit() {
        let mut map = Bounded::new(3);
        for key in 0..100 {
            map.insert(key, key * 10);
            assert!(map.len() <= 3);
        }
        assert_eq!(map.get(&96), None);
        assert_eq!(map.get(&97), Some(&970));
    }

    #[test]
    fn a_renewed_entry_is_young_again() {
        let mut map = Bounded::new(2);
        map.insert(1, 'a');
        map.insert(2, 'b');
        map.insert(1, 'c');
        map.insert(3, 'd');
        assert_eq!(
            (map.get(&1), map.get(&2), map.get(&3)),
            (Some(&'c'), None, Some(&'d'))
        );
    }

    #[test]
    fn insert_and_remove_forever_keeps_the_queue_bounded() {
        let mut map = Bounded::new(4);
        for key in 0..10_000 {
            map.insert(key, ());
            map.remove(&key);
        }
        assert!(map.is_empty());
        assert!(map.order.len() <= 8);
    }
}
