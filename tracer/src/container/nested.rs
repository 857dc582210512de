//! A container within a container (Docker in Docker, kind): its name is in files
//! that only the processes of the outer one see.
//!
//! The kernel's cgroup says which container it is and which one is around it;
//! this reads what the runtime in there wrote, by the same [`runtimes`] as
//! everywhere, in the root of one of the outer one's processes. Those files are
//! the outer container's own: they can name what is inside of it and nothing
//! else, and they may never come, so this belongs where nobody waits for it.

use std::collections::HashMap;

use super::runtimes::{self, Clue, Parent};
use super::{Identity, Root, process, shapes};

/// Who is in which container, and in none within it, as it was at one time: to look
/// through all processes once is enough for any number of containers.
#[derive(Debug, Default)]
pub struct Members(HashMap<String, Vec<u32>>);

impl Members {
    pub fn read(root: &Root) -> Self {
        let mut members: HashMap<String, Vec<u32>> = HashMap::new();
        let mut all = process::all(root);
        all.sort_unstable();
        for pid in all {
            if let Some(id) = container_of(root, pid) {
                members.entry(id).or_default().push(pid);
            }
        }
        Self(members)
    }

    fn of(&self, id: &str) -> &[u32] {
        self.0.get(id).map_or(&[], Vec::as_slice)
    }
}

/// What the runtime within the outer container calls this one. `None` if it is in
/// none, or nothing in there knows it.
pub fn identify(root: &Root, identity: &Identity, members: &Members) -> Option<Identity> {
    let (outer, path) = (identity.outer.as_deref()?, identity.cgroup.as_deref()?);
    let id = identity.id.as_deref()?;
    let (pid, parent) = runtime_of(root, members.of(outer), id)?;
    let inside = root.of_process(pid)?;
    // Whoever has that number now must be in there too.
    if container_of(root, pid).as_deref() != Some(outer) {
        return None;
    }
    let clue = Clue {
        path: Some(path.to_owned()),
        shape: shapes::shape(path),
        parent,
        ..Clue::default()
    };
    let mut told = runtimes::identify(&inside, &clue)?;
    // A number of the namespace that the runtime is in, which is not ours.
    told.init_pid = None;
    let is_it = told.complete && told.id.as_deref() == Some(id);
    is_it.then_some(told)
}

/// Of the processes of the outer container the one that watches over the inner if
/// there is one: where a runtime keeps its files is as it sees them.
fn runtime_of(root: &Root, members: &[u32], id: &str) -> Option<(u32, Option<Parent>)> {
    let mut any = None;
    for pid in members {
        let Some(parent) = Parent::read(root, *pid) else {
            continue;
        };
        if parent.id() == Some(id) {
            return Some((*pid, Some(parent)));
        }
        any = any.or(Some((*pid, None)));
    }
    any
}

/// The innermost container that a process is in.
fn container_of(root: &Root, pid: u32) -> Option<String> {
    let text = root.text(format!("/proc/{pid}/cgroup"))?;
    let paths = text.lines().filter_map(|line| line.splitn(3, ':').nth(2));
    let (_, shape) = shapes::innermost(paths.map(str::to_owned))?;
    shape.id
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{ID, ID2, Process, Tree};
    use super::*;
    use crate::record::Runtime;

    /// Docker's container ID2, with a Docker in it that runs ID.
    fn docker_in_docker(tree: &Tree) -> Identity {
        let outer = format!("/docker/{ID2}");
        let inner = format!("{outer}/docker/{ID}");
        tree.process(&Process::init(40, "dockerd", 4_026_532_001, &outer));
        tree.process(&Process::init(50, "sleep", 4_026_532_002, &inner));
        let config = r#"{"Name":"/inner","State":{"Pid":9},"Config":{"Image":"shop/app:1"}}"#;
        let at = format!("/theirs/var/lib/docker/containers/{ID}/config.v2.json");
        tree.file(&at, config);
        let theirs = tree.root().at("/theirs");
        std::os::unix::fs::symlink(theirs, tree.root().at("/proc/40/root")).expect("a link");
        Identity {
            id: Some(ID.to_owned()),
            outer: Some(ID2.to_owned()),
            cgroup: Some(inner),
            ..Identity::new(Runtime::Docker)
        }
    }

    fn identify(root: &Root, identity: &Identity) -> Option<Identity> {
        super::identify(root, identity, &Members::read(root))
    }

    #[test]
    fn who_is_in_which() {
        let tree = Tree::new();
        docker_in_docker(&tree);
        tree.process(&Process::init(
            45,
            "containerd",
            4_026_532_001,
            &format!("/docker/{ID2}"),
        ));
        tree.process(&Process::new(60, "bash"));
        let members = Members::read(&tree.root());
        assert_eq!(members.of(ID2), [40, 45], "and not who is within");
        assert_eq!(members.of(ID), [50]);
        assert!(members.of("x").is_empty());
        assert_eq!(members.0.len(), 2);
    }

    #[test]
    fn whoever_has_left_meanwhile_is_not_looked_into() {
        let tree = Tree::new();
        let identity = docker_in_docker(&tree);
        let members = Members::read(&tree.root());
        let told = super::identify(&tree.root(), &identity, &members);
        assert!(told.is_some());
        tree.file("/proc/40/cgroup", "0::/user.slice\n");
        assert_eq!(super::identify(&tree.root(), &identity, &members), None);
    }

    #[test]
    fn the_files_of_the_outer_one_name_it() {
        let tree = Tree::new();
        let identity = docker_in_docker(&tree);
        let told = identify(&tree.root(), &identity).expect("known");
        assert_eq!(told.name.as_deref(), Some("inner"));
        assert_eq!(told.image.as_deref(), Some("shop/app:1"));
        assert_eq!(told.init_pid, None, "a number of another namespace");
    }

    #[test]
    fn the_host_s_own_files_say_nothing_of_it() {
        let tree = Tree::new();
        let mut identity = docker_in_docker(&tree);
        let at = format!("/var/lib/docker/containers/{ID}/config.v2.json");
        tree.file(&at, r#"{"Name":"/another"}"#);
        let told = identify(&tree.root(), &identity).expect("known");
        assert_eq!(told.name.as_deref(), Some("inner"));
        // In no container, or in one where nobody is.
        identity.outer = None;
        assert_eq!(identify(&tree.root(), &identity), None);
        identity.outer = Some("f".repeat(64));
        assert_eq!(identify(&tree.root(), &identity), None);
    }

    #[test]
    fn what_nothing_in_there_knows_stays_unknown() {
        let tree = Tree::new();
        let mut identity = docker_in_docker(&tree);
        let other = "0".repeat(64);
        identity.cgroup = Some(format!("/docker/{ID2}/docker/{other}"));
        identity.id = Some(other);
        assert_eq!(identify(&tree.root(), &identity), None);
    }
}
