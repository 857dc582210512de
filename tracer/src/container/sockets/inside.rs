//! Looking into a container for what is in it, on a thread of its own each time: the
//! files in there may hang.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::task::{JoinHandle, spawn_blocking};

use super::super::nested::{self, Members};
use super::super::{Identity, Root};

/// For how long a look through all processes is good for the next question. Who came
/// meanwhile is found when it is asked again.
const FRESH: Duration = Duration::from_secs(1);

/// What was seen last, and when.
type Seen = Mutex<Option<(Instant, Arc<Members>)>>;

/// Who is where, as it was seen last.
#[derive(Debug, Default)]
pub struct Inside(Arc<Seen>);

impl Inside {
    /// Begins to look. Must be called on a Tokio runtime.
    pub fn look(&self, root: Root, identity: Identity) -> JoinHandle<Option<Identity>> {
        let seen = Arc::clone(&self.0);
        spawn_blocking(move || {
            let members = members(&root, &seen);
            nested::identify(&root, &identity, &members)
        })
    }
}

/// Reads /proc alone, which does not hang: so others may wait for the lock.
fn members(root: &Root, seen: &Seen) -> Arc<Members> {
    let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((at, members)) = &*seen
        && at.elapsed() < FRESH
    {
        return Arc::clone(members);
    }
    let members = Arc::new(Members::read(root));
    *seen = Some((Instant::now(), Arc::clone(&members)));
    members
}
