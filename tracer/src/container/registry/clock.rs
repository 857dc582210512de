//! A map of at most so many entries, which lets go first of what was not asked
//! for lately (the CLOCK algorithm: a look-up only sets a bit, and the hand
//! takes it away again before it takes the entry).

use std::collections::HashMap;
use std::hash::Hash;

#[derive(Debug)]
struct Slot<K, V> {
    key: K,
    value: V,
    /// It was looked up since the hand last came by.
    used: bool,
}

#[derive(Debug)]
pub struct Clock<K, V> {
    limit: usize,
    by_key: HashMap<K, u32>,
    slots: Vec<Slot<K, V>>,
    hand: usize,
}

impl<K: Hash + Eq + Clone, V> Clock<K, V> {
    /// An empty map of at most `limit` entries, at least one.
    pub fn new(limit: usize) -> Self {
        Self {
            limit: limit.clamp(1, u32::MAX as usize),
            by_key: HashMap::new(),
            slots: Vec::new(),
            hand: 0,
        }
    }

    /// Looks up and remembers that somebody did.
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        let slot = &mut self.slots[*self.by_key.get(key)? as usize];
        slot.used = true;
        Some(&mut slot.value)
    }

    /// Looks up without a trace.
    pub fn peek(&self, key: &K) -> Option<&V> {
        Some(&self.slots[*self.by_key.get(key)? as usize].value)
    }

    /// The same for who changes the entry.
    pub fn peek_mut(&mut self, key: &K) -> Option<&mut V> {
        Some(&mut self.slots[*self.by_key.get(key)? as usize].value)
    }

    /// Sets an entry. Returns what had to go for it.
    pub fn insert(&mut self, key: K, value: V) -> Option<(K, V)> {
        if let Some(at) = self.by_key.get(&key) {
            self.slots[*at as usize].value = value;
            return None;
        }
        let slot = Slot {
            key: key.clone(),
            value,
            used: false,
        };
        if self.slots.len() < self.limit {
            self.by_key.insert(key, self.slots.len() as u32);
            self.slots.push(slot);
            return None;
        }
        // Ends within two rounds: the first takes every bit away.
        while std::mem::take(&mut self.slots[self.hand].used) {
            self.hand = (self.hand + 1) % self.slots.len();
        }
        let old = std::mem::replace(&mut self.slots[self.hand], slot);
        self.by_key.remove(&old.key);
        self.by_key.insert(key, self.hand as u32);
        self.hand = (self.hand + 1) % self.slots.len();
        Some((old.key, old.value))
    }

    /// All, in no order, without a trace.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.slots.iter().map(|slot| (&slot.key, &slot.value))
    }

    pub fn remove(&mut self, key: &K) -> Option<V> {
        let at = self.by_key.remove(key)? as usize;
        let slot = self.slots.swap_remove(at);
        if let Some(moved) = self.slots.get(at) {
            self.by_key.insert(moved.key.clone(), at as u32);
        }
        if self.hand >= self.slots.len() {
            self.hand = 0;
        }
        Some(slot.value)
    }

    pub fn len(&self) -> usize {
        self.slots.len()
    }

    #[cfg(test)]
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Bytes on the heap, without what the entries themselves point to.
    pub fn heap(&self) -> usize {
        self.slots.capacity() * size_of::<Slot<K, V>>()
            // hashbrown: a byte of control for each bucket, 7 of 8 in use.
            + self.by_key.capacity() * 8 / 7 * (size_of::<(K, u32)>() + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_asked_for_stays() {
        let mut clock = Clock::new(100);
        clock.insert(0, "kept");
        for key in 1..10_000 {
            assert_eq!(clock.get_mut(&0).copied(), Some("kept"), "{key}");
            clock.insert(key, "passing");
            assert!(clock.len() <= 100);
        }
        assert!(clock.peek(&9_999).is_some() && clock.peek(&5_000).is_none());
    }

    #[test]
    fn agrees_with_a_map_as_long_as_there_is_room() {
        let (mut clock, mut map) = (Clock::new(1000), HashMap::new());
        let mut random = 1u64;
        for _ in 0..20_000 {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let key = (random >> 33) % 500;
            if random >> 63 == 0 {
                assert!(clock.insert(key, random).is_none());
                map.insert(key, random);
            } else {
                assert_eq!(clock.remove(&key), map.remove(&key));
            }
            assert_eq!(clock.len(), map.len());
        }
        assert!(
            map.iter()
                .all(|(key, value)| clock.peek(key) == Some(value))
        );
        assert!(!clock.is_empty());
    }

    #[test]
    fn full_of_used_ones_it_still_takes_new_ones() {
        let mut clock = Clock::new(3);
        for key in 0..3 {
            clock.insert(key, key);
            clock.get_mut(&key);
        }
        assert_eq!(clock.insert(3, 3), Some((0, 0)));
        assert_eq!(clock.remove(&3), Some(3));
        assert_eq!(clock.insert(4, 4), None);
        assert_eq!(clock.len(), 3);
    }
}
