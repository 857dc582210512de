//! Signals on their way: when each was generated, until it is taken.
//!
//! One entry is one queue of the kernel for one signal: a thread's own or its
//! process's, as `task->pending` and `signal->shared_pending` are two.

use std::collections::VecDeque;

use super::{ProcessKey, REMEMBERED, bounded::Bounded};

/// The first real-time signal, as the kernel counts (libc's is higher).
const SIGRTMIN: u32 = 32;

/// Times kept for one real-time signal in one queue; the kernel's limit
/// (RLIMIT_SIGPENDING) is in the thousands.
const QUEUED: usize = 64;

/// Process, thread (0 for the whole process), signal.
type Key = (ProcessKey, u32, u32);

/// All that are on their way.
#[derive(Debug)]
pub struct Awaited {
    queues: Bounded<Key, Queue>,
}

/// Those of one signal in one queue, the oldest first: in this order the kernel
/// hands them out.
#[derive(Debug)]
struct Queue {
    /// `None` once only untimed ones are left.
    first: Option<u64>,
    later: VecDeque<u64>,
    /// Queued after `later`, for which there was no room.
    untimed: u32,
}

impl Awaited {
    pub fn new() -> Self {
        Self {
            queues: Bounded::new(REMEMBERED),
        }
    }

    /// A signal was queued at `ts`: for `thread`, or for any. `merges` where the
    /// kernel keeps no more than one of it.
    pub fn queued(
        &mut self,
        process: ProcessKey,
        thread: Option<u32>,
        sig: u32,
        merges: bool,
        ts: u64,
    ) {
        let key = (process, thread.unwrap_or(0), sig);
        // Signals below SIGRTMIN are queued only where none is pending: what is
        // still noted was taken in a way that no hook sees (sigtimedwait,
        // signalfd) or thrown away (SIG_IGN).
        if sig >= SIGRTMIN
            && let Some(queue) = self.queues.get_mut(&key)
        {
            if merges {
                return;
            }
            if queue.untimed == 0 && queue.later.len() + 1 < QUEUED {
                queue.later.push_back(ts);
            } else {
                queue.untimed = queue.untimed.saturating_add(1);
            }
            return;
        }
        self.queues.insert(
            key,
            Queue {
                first: Some(ts),
                later: VecDeque::new(),
                untimed: 0,
            },
        );
    }

    /// `thread` takes a signal: when it was generated. As in the kernel, its own
    /// queue comes first.
    pub fn taken(&mut self, process: ProcessKey, thread: u32, sig: u32) -> Option<u64> {
        self.pop((process, thread, sig))
            .or_else(|| self.pop((process, 0, sig)))
            .flatten()
    }

    /// The time of the next one of a queue, where there is one.
    fn pop(&mut self, key: Key) -> Option<Option<u64>> {
        let queue = self.queues.get_mut(&key)?;
        let next = queue.first.take();
        if next.is_some() {
            queue.first = queue.later.pop_front();
        } else {
            queue.untimed = queue.untimed.saturating_sub(1);
        }
        if queue.first.is_none() && queue.untimed == 0 {
            self.queues.remove(&key);
        }
        Some(next)
    }

    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.queues.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHO: ProcessKey = (7, 70);

    #[test]
    fn real_time_signals_queue_up() {
        let mut awaited = Awaited::new();
        for ts in [10, 20, 30] {
            awaited.queued(WHO, None, 34, false, ts);
        }
        let mut taken = || awaited.taken(WHO, 7, 34);
        assert_eq!([taken(), taken(), taken()], [Some(10), Some(20), Some(30)]);
        assert_eq!(taken(), None);
        assert_eq!(awaited.len(), 0);
    }

    #[test]
    fn beyond_its_room_a_queue_tells_no_time_rather_than_a_wrong_one() {
        let mut awaited = Awaited::new();
        let full = QUEUED as u64;
        for ts in 0..full + 2 {
            awaited.queued(WHO, None, 34, false, ts);
        }
        for ts in 0..full {
            assert_eq!(awaited.taken(WHO, 7, 34), Some(ts));
        }
        awaited.queued(WHO, None, 34, false, 1_000);
        for _ in 0..3 {
            assert_eq!(awaited.taken(WHO, 7, 34), None);
        }
        awaited.queued(WHO, None, 34, false, 2_000);
        assert_eq!(awaited.taken(WHO, 7, 34), Some(2_000));
    }

    #[test]
    fn a_thread_takes_its_own_first() {
        let mut awaited = Awaited::new();
        awaited.queued(WHO, None, 10, false, 1);
        awaited.queued(WHO, Some(8), 10, false, 2);
        assert_eq!(awaited.taken(WHO, 8, 10), Some(2));
        assert_eq!(awaited.taken(WHO, 8, 10), Some(1));
        awaited.queued(WHO, Some(8), 10, false, 3);
        assert_eq!(awaited.taken(WHO, 7, 10), None, "another thread's");
    }

    #[test]
    fn an_ordinary_signal_is_queued_only_where_none_is() {
        let mut awaited = Awaited::new();
        awaited.queued(WHO, None, 10, false, 1);
        // The first was taken by sigtimedwait(2), say.
        awaited.queued(WHO, None, 10, false, 900);
        assert_eq!(awaited.taken(WHO, 7, 10), Some(900));
        assert_eq!(awaited.taken(WHO, 7, 10), None);
    }

    #[test]
    fn a_signal_without_an_entry_merges_with_what_is_queued() {
        let mut awaited = Awaited::new();
        awaited.queued(WHO, None, 34, true, 1);
        awaited.queued(WHO, None, 34, true, 2);
        assert_eq!(awaited.taken(WHO, 7, 34), Some(1));
        assert_eq!(awaited.taken(WHO, 7, 34), None);
    }
}
