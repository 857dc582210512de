//! Where a user's own containers are: runtimes without root keep their files
//! in the owner's home, and state in `/run/user/UID`.

use std::path::PathBuf;

use super::super::Root;

/// The home of a user, from `/etc/passwd`. Users from elsewhere (LDAP) have
/// none here.
pub fn home(root: &Root, uid: u32) -> Option<PathBuf> {
    let text = root.text("/etc/passwd")?;
    text.lines().find_map(|line| {
        let mut fields = line.split(':').skip(2);
        let is_it = fields.next()?.parse() == Ok(uid);
        let home = fields.nth(2)?;
        (is_it && home.starts_with('/')).then(|| PathBuf::from(home))
    })
}

/// The state directory of a user's session, root's being `/run`.
pub fn run(uid: u32) -> PathBuf {
    if uid == 0 {
        PathBuf::from("/run")
    } else {
        PathBuf::from(format!("/run/user/{uid}"))
    }
}

/// The user whose session a cgroup is in (`user-1000.slice`, `user@1000.service`).
pub fn of_cgroup(path: &str) -> Option<u32> {
    path.split('/').find_map(|part| {
        part.strip_prefix("user-")
            .and_then(|rest| rest.strip_suffix(".slice"))
            .or_else(|| part.strip_prefix("user@")?.strip_suffix(".service"))?
            .parse()
            .ok()
    })
}

/// The users whose containers may be meant, the likeliest first.
pub fn owners(clue: &super::Clue) -> Vec<u32> {
    let by_parent = clue.parent.as_ref().map(|parent| parent.uid);
    let by_path = clue.path.as_deref().and_then(of_cgroup);
    let mut uids: Vec<u32> = [by_parent, by_path].into_iter().flatten().collect();
    // A user's own process may say nothing about root's containers, and so the
    // files of root come last: they are under names that no user can make up.
    uids.push(0);
    uids.dedup();
    uids
}

#[cfg(test)]
mod tests {
    use super::super::super::fixtures::Tree;
    use super::*;

    #[test]
    fn homes() {
        let tree = Tree::new();
        tree.file(
            "/etc/passwd",
            "root:x:0:0:root:/root:/bin/sh\nbad\nx:y:z\nann:x:1000:1000:,,,:/home/ann:/bin/sh\n\
             odd:x:7:7::relative:/bin/sh\n",
        );
        let root = tree.root();
        assert_eq!(home(&root, 0), Some("/root".into()));
        assert_eq!(home(&root, 1000), Some("/home/ann".into()));
        assert_eq!((home(&root, 7), home(&root, 8)), (None, None));
    }

    #[test]
    fn sessions() {
        assert_eq!(of_cgroup("/user.slice/user-1000.slice/x.scope"), Some(1000));
        assert_eq!(of_cgroup("/x/user@33.service"), Some(33));
        assert_eq!(of_cgroup("/user.slice/user-x.slice"), None);
        assert_eq!(run(1000), PathBuf::from("/run/user/1000"));
    }
}
