//! Looks into other containers that do not come back.

use super::*;

/// An inner container that its outer one's files name.
fn inner(tree: &Tree, outer: &str) -> Identity {
    let at = format!("/docker/{outer}");
    tree.process(&Process::init(40, "dockerd", 4_026_532_001, &at));
    let config = format!("/proc/40/root/var/lib/docker/containers/{ID}/config.v2.json");
    tree.file(&config, r#"{"Name":"/inner"}"#);
    let mut identity = poor(Runtime::Docker, ID);
    identity.outer = Some(outer.to_owned());
    identity.cgroup = Some(format!("{at}/docker/{ID}"));
    identity
}

type Look = JoinHandle<Option<Identity>>;

/// A look that hangs for as long as the sender lives.
fn hanging(runtime: &tokio::runtime::Runtime) -> (std::sync::mpsc::Sender<()>, Look) {
    let (go, gone) = std::sync::mpsc::channel();
    let look = runtime.spawn_blocking(move || {
        let _: Result<(), _> = gone.recv();
        None
    });
    (go, look)
}

#[test]
fn a_container_that_hangs_is_looked_into_once_at_a_time() {
    let tree = Tree::new();
    let identity = inner(&tree, ID2);
    let key = (identity.owner, PathBuf::from(ID2));
    let mut sockets = Sockets::new(tree.root(), Vec::new());
    let runtime = runtime().expect("a runtime");
    let (go, look) = hanging(&runtime);
    sockets.looks.insert(key.clone(), look);
    for pause in [FIRST_REST, 2 * FIRST_REST] {
        let begun = Instant::now();
        assert!(!runtime.block_on(sockets.complete(&mut identity.clone())));
        assert!(begun.elapsed() < AT_ONCE, "it was waited for");
        let rest = sockets.resting.get_mut(&key).expect("it rests");
        assert_eq!(rest.next, 2 * pause);
        // The rest is over.
        rest.until = Instant::now();
        assert_eq!(sockets.looks.len(), 1);
    }
    // It has come back.
    drop(go);
    let end = Instant::now() + AT_ONCE;
    while !sockets.looks[&key].is_finished() && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(1));
    }
    let mut told = identity;
    assert!(runtime.block_on(sockets.complete(&mut told)));
    assert_eq!(told.name.as_deref(), Some("inner"));
    assert!(sockets.looks.is_empty() && sockets.resting.is_empty());
}

#[test]
fn no_more_looks_than_a_few_hang_at_one_time() {
    let tree = Tree::new();
    let identity = inner(&tree, ID2);
    let mut sockets = Sockets::new(tree.root(), Vec::new());
    let runtime = runtime().expect("a runtime");
    let mut all = Vec::new();
    for number in 0..LOOKS {
        let (go, look) = hanging(&runtime);
        all.push(go);
        sockets.looks.insert((0, number.to_string().into()), look);
    }
    assert!(!runtime.block_on(sockets.complete(&mut identity.clone())));
    // It did nothing itself.
    assert!(sockets.resting.is_empty() && sockets.looks.len() == LOOKS);
    all.pop();
    let end = Instant::now() + AT_ONCE;
    while sockets.looks.values().all(|look| !look.is_finished()) && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(1));
    }
    assert!(runtime.block_on(sockets.complete(&mut identity.clone())));
    assert_eq!(sockets.looks.len(), LOOKS - 1);
}

#[test]
fn those_that_rest_are_so_many_at_most() {
    let mut sockets = Sockets::new(Tree::new().root(), Vec::new());
    let key = |number: usize| (1000, PathBuf::from(number.to_string()));
    for number in 0..2 * RESTING {
        sockets.rest(key(number));
        assert!(sockets.is_resting(&key(number)));
    }
    assert_eq!(sockets.resting.len(), RESTING);
    assert!(!sockets.is_resting(&key(0)), "the first is asked again");
    // Who rests already takes no room.
    sockets.rest(key(2 * RESTING - 1));
    assert_eq!(sockets.resting.len(), RESTING);
    assert!(sockets.is_resting(&key(RESTING)));
}
