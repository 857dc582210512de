//! Containers whose main process is no init: nothing is taken along by its end.

use tracer_common::signals::SIGKILL;

use super::Finding;
use crate::episode::{
    story::{Hop, Story},
    words,
};

/// The runtime's SIGKILL for another process of the container, after its main
/// process had ended.
fn leftover(story: &Story) -> Option<&Hop> {
    let exit = story.exit.as_ref().filter(|_| !story.is_init)?;
    story.members.iter().find(|hop| {
        hop.signal.number == SIGKILL && hop.is_by_runtime() && hop.when.mono_ns >= exit.when.mono_ns
    })
}

fn finding(story: &Story, hop: &Hop, which: &str) -> Finding {
    let text = format!(
        "{} runs in {which} PID namespace: {} outlived it and was killed by {}",
        words::process(&story.main),
        words::process(&hop.target),
        words::sender(&hop.sender, &hop.target)
    );
    let exit = story.exit.as_ref().map(|exit| exit.reference());
    Finding::new(text, exit.into_iter().chain([hop.reference()]))
}

pub fn host(story: &Story) -> Option<Finding> {
    let hop = leftover(story)?;
    (story.main.ns_level == Some(0)).then(|| finding(story, hop, "the host's"))
}

pub fn pod(story: &Story) -> Option<Finding> {
    let hop = leftover(story)?;
    (story.main.ns_level > Some(0)).then(|| finding(story, hop, "a shared"))
}
