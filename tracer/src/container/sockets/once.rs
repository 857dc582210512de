//! Asking about all that is there at one time, for who lists it.

use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use super::super::{Identity, Root};
use super::{Sockets, place};
use crate::record::Runtime;

/// What runtimes say of these containers, as far as they say it within `patience`;
/// those that none knows stay as they are.
pub fn ask_all(root: &Root, identities: Vec<Identity>, patience: Duration) -> Vec<Identity> {
    if identities.is_empty() {
        return identities;
    }
    let mut known = identities.clone();
    let end = Instant::now() + patience;
    let (tell, told) = channel();
    let mut by_runtime: Vec<(Runtime, Vec<(usize, Identity)>)> = Vec::new();
    for (index, identity) in identities.into_iter().enumerate() {
        let is_it = |(runtime, _): &&mut (Runtime, _)| *runtime == identity.runtime;
        match by_runtime.iter_mut().find(is_it) {
            Some((_, of_it)) => of_it.push((index, identity)),
            None => by_runtime.push((identity.runtime, vec![(index, identity)])),
        }
    }
    // A thread for each runtime, so that none waits for another's daemon. Left
    // behind where it does not come back in time: it ends with the process.
    for (_, of_it) in by_runtime {
        let (root, tell) = (root.clone(), tell.clone());
        let asker = thread::Builder::new().name("sigwhy-ask".to_owned());
        let _ = asker.spawn(move || {
            let Ok(runtime) = runtime() else { return };
            let mut sockets = Sockets::new(root, place::from_env());
            for (index, mut identity) in of_it {
                let is_known = runtime.block_on(sockets.complete(&mut identity));
                if is_known && tell.send((index, identity)).is_err() {
                    return;
                }
            }
        });
    }
    drop(tell);
    let left = || end.saturating_duration_since(Instant::now());
    while let Ok((index, identity)) = told.recv_timeout(left()) {
        known[index] = identity;
    }
    known
}

/// What a thread that asks runs on.
///
/// # Errors
/// When there are no file descriptors left.
pub fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .build()
}
