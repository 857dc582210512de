//! Which containers somebody asked for, by name and by what belongs to it. Pure.
//!
//! Not here: whose processes are in them ([`super::registry`]), and whether the
//! kernel side may leave out the others ([`crate::capture`]).

use std::borrow::Cow;

use tracer_common::globals::INIT_PID_NS_INUM;

use crate::record::{Container, Runtime};

/// The pod namespace where a container has a pod and none is written.
const DEFAULT_NAMESPACE: &str = "default";

/// No PID namespace's inode is below the host's (`PROC_DYNAMIC_FIRST` in the
/// kernel's `fs/proc/generic.c`).
const FIRST_INODE: u32 = INIT_PID_NS_INUM;

/// As runtimes take ids: any beginning that is not too short to mean one.
const SHORTEST_ID: usize = 4;

/// Wanted containers. Each list that is not empty must have one that matches.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// By anything that a container may be called by.
    pub called: Vec<Pattern>,
    pub runtimes: Vec<Runtime>,
    /// `NAME` or `NAMESPACE/NAME`.
    pub pods: Vec<Pattern>,
    /// Of Kubernetes.
    pub namespaces: Vec<Pattern>,
}

/// What a container is called, wherever that is kept.
#[derive(Debug, Clone)]
pub struct Called<'a> {
    pub name: &'a str,
    pub id: Option<&'a str>,
    pub runtime: Runtime,
    pub image: Option<&'a str>,
    pub pod: Option<&'a str>,
    pub pod_namespace: Option<&'a str>,
    /// Inode of its PID namespace.
    pub pid_ns: Option<u32>,
    /// Its init's name.
    pub init: Option<Cow<'a, str>>,
}

impl<'a> From<&'a Container> for Called<'a> {
    fn from(container: &'a Container) -> Self {
        Self {
            name: &container.name,
            id: container.id.as_deref(),
            runtime: container.runtime,
            image: container.image.as_deref(),
            pod: container.pod.as_deref(),
            pod_namespace: container.pod_namespace.as_deref(),
            pid_ns: Some(container.pid_ns),
            init: container.init_comm.as_ref().map(|comm| comm.as_str()),
        }
    }
}

impl Called<'_> {
    fn namespace(&self) -> Option<&str> {
        let of_pod = self.pod.map(|_| DEFAULT_NAMESPACE);
        self.pod_namespace.or(of_pod)
    }
}

impl Wanted {
    /// Whether nobody asked for anything, and so everything is wanted.
    pub fn is_all(&self) -> bool {
        *self == Self::default()
    }

    /// Whether something is wanted that may be in no container.
    pub fn takes_any(&self, container: Option<&Container>) -> bool {
        self.is_all() || container.is_some_and(|container| self.takes(container))
    }

    /// Whether a container is wanted.
    pub fn takes<'a>(&self, container: impl Into<Called<'a>>) -> bool {
        if self.is_all() {
            return true;
        }
        let container = container.into();
        let one_of = |patterns: &[Pattern], test: &dyn Fn(&Pattern) -> bool| {
            patterns.is_empty() || patterns.iter().any(test)
        };
        (self.runtimes.is_empty() || self.runtimes.contains(&container.runtime))
            && one_of(&self.called, &|pattern| pattern.names(&container))
            && one_of(&self.pods, &|pattern| pattern.names_pod(&container))
            && one_of(&self.namespaces, &|pattern| {
                container.namespace().is_some_and(|name| pattern.is(name))
            })
    }

    /// The PID namespaces, where nothing but those was asked for: numbers that
    /// need no names.
    pub fn pid_namespaces(&self) -> Option<Vec<u32>> {
        let Self {
            called,
            runtimes,
            pods,
            namespaces,
        } = self;
        let is_more = !runtimes.is_empty() || !pods.is_empty() || !namespaces.is_empty();
        if called.is_empty() || is_more {
            return None;
        }
        called.iter().map(Pattern::pid_ns).collect()
    }
}

/// A text in which `*` and `?` match as in a shell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(String);

impl Pattern {
    pub fn new(pattern: &str) -> Self {
        Self(pattern.to_owned())
    }

    pub fn list(patterns: &[String]) -> Vec<Self> {
        patterns.iter().map(|pattern| Self::new(pattern)).collect()
    }

    fn is(&self, text: &str) -> bool {
        glob(&self.0, text)
    }

    /// The inode of a PID namespace, where the pattern is just that. A number by
    /// itself that no namespace can have is a name, or the beginning of an id.
    fn pid_ns(&self) -> Option<u32> {
        match self.0.strip_prefix("pidns-") {
            Some(inode) => inode.parse().ok(),
            None => self.0.parse().ok().filter(|inode| *inode >= FIRST_INODE),
        }
    }

    fn names_pod(&self, container: &Called<'_>) -> bool {
        let Some(pod) = container.pod else {
            return false;
        };
        let whole = || format!("{}/{pod}", container.namespace().unwrap_or_default());
        self.is(pod) || self.is(&whole())
    }

    fn names(&self, container: &Called<'_>) -> bool {
        let is = |text: Option<&str>| text.is_some_and(|text| self.is(text));
        let begins = |id: &str| self.0.len() >= SHORTEST_ID && id.starts_with(&self.0);
        (container.pid_ns.is_some() && self.pid_ns() == container.pid_ns)
            || self.is(container.name)
            || container.id.is_some_and(begins)
            || is(container.image)
            || is(container.image.and_then(familiar))
            || self.names_pod(container)
            || is(container.init.as_deref())
    }
}

/// What Docker's own users call an image of Docker's registry, which other
/// runtimes write out: `nginx:1.27` for `docker.io/library/nginx:1.27`,
/// `bitnami/redis` for `docker.io/bitnami/redis`. `None` if it has no shorter name.
fn familiar(image: &str) -> Option<&str> {
    let (host, rest) = image.split_once('/')?;
    if !matches!(host, "docker.io" | "index.docker.io") {
        return None;
    }
    // Below `library` there is one level, and `library/` alone is no image.
    let official = rest
        .strip_prefix("library/")
        .filter(|name| !name.is_empty() && !name.contains('/'));
    Some(official.unwrap_or(rest))
}

/// Shell matching with `*` and `?`, over characters.
fn glob(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    // Where to go on after the last star took one character more.
    let mut retry: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                retry = Some((p + 1, t));
                p += 1;
            }
            Some(c) if *c == '?' || *c == text[t] => {
                p += 1;
                t += 1;
            }
            _ => match retry {
                Some((after, taken)) => {
                    retry = Some((after, taken + 1));
                    p = after;
                    t = taken + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn app() -> Called<'static> {
        Called {
            name: "app",
            id: Some("9db05c0cf888"),
            runtime: Runtime::Containerd,
            image: Some("nginx:1.27"),
            pod: Some("web-7c9f"),
            pod_namespace: Some("shop"),
            pid_ns: Some(4_026_532_180),
            init: Some("nginx".into()),
        }
    }

    fn called(pattern: &str) -> Wanted {
        Wanted {
            called: vec![Pattern::new(pattern)],
            ..Wanted::default()
        }
    }

    #[test]
    fn globs() {
        for (pattern, text, yes) in [
            ("web", "web", true),
            ("web", "web-1", false),
            ("web*", "web-1", true),
            ("*-1", "web-1", true),
            ("w?b", "wéb", true),
            ("*a*b*c", "xxaxxbxxbxxc", true),
            ("*a*b*c", "xxaxxcxxb", false),
            ("", "", true),
            ("*", "", true),
            ("?", "", false),
        ] {
            assert_eq!(glob(pattern, text), yes, "{pattern} {text}");
        }
    }

    #[test]
    fn a_container_has_many_names() {
        for yes in [
            "app",
            "a*",
            "9db0",
            "nginx:1.27",
            "nginx",
            "web-*",
            "shop/web-?c9f",
            "4026532180",
            "pidns-4026532180",
        ] {
            assert!(called(yes).takes(app()), "{yes}");
        }
        for no in [
            "9db",
            "shop",
            "default/web-7c9f",
            "containerd",
            "17",
            "db05",
        ] {
            assert!(!called(no).takes(app()), "{no}");
        }
    }

    #[test]
    fn an_image_of_dockers_registry_has_its_short_name_too() {
        let of = |image| Called {
            image: Some(image),
            ..app()
        };
        for (image, pattern, yes) in [
            ("docker.io/library/nginx:1.27", "nginx:1.27", true),
            ("docker.io/library/nginx:1.27", "ngin?:1.*", true),
            ("index.docker.io/library/nginx:1.27", "nginx:1.27", true),
            // As it is written as well, and by parts of neither.
            (
                "docker.io/library/nginx:1.27",
                "docker.io/library/nginx:1.27",
                true,
            ),
            ("docker.io/library/nginx:1.27", "docker.io/*", true),
            ("docker.io/library/nginx:1.27", "nginx:1.2", false),
            ("docker.io/library/nginx:1.27", "library/nginx:1.27", false),
            ("docker.io/library/redis@sha256:00", "redis@sha256:*", true),
            ("docker.io/bitnami/redis:7", "bitnami/redis:7", true),
            ("docker.io/bitnami/redis:7", "bitnami/*", true),
            ("docker.io/bitnami/redis:7", "redis:7", false),
            ("docker.io/library/a/b", "a/b", false),
            ("docker.io/library/a/b", "library/a/b", true),
            // Another registry's is another image.
            ("quay.io/library/redis:7", "redis:7", false),
            ("localhost/redis:7", "redis:7", false),
            ("registry:5000/redis:7", "redis:7", false),
            ("docker.io/", "library", false),
            ("docker.io/library/", "", false),
        ] {
            assert_eq!(called(pattern).takes(of(image)), yes, "{image} {pattern}");
        }
    }

    #[test]
    fn a_pod_without_a_namespace_is_in_the_default_one() {
        let bare = Called {
            pod_namespace: None,
            ..app()
        };
        assert!(called("default/web-7c9f").takes(bare.clone()));
        let of = |namespace: &str| Wanted {
            namespaces: vec![Pattern::new(namespace)],
            ..Wanted::default()
        };
        assert!(of("default").takes(bare.clone()) && of("sh*").takes(app()));
        assert!(!of("default").takes(app()));
        let no_pod = Called { pod: None, ..bare };
        assert!(!of("default").takes(no_pod.clone()) && !of("*").takes(no_pod));
    }

    #[test]
    fn every_list_must_match_and_one_of_each_is_enough() {
        let mut wanted = Wanted {
            runtimes: vec![Runtime::Docker, Runtime::Containerd],
            pods: Pattern::list(&["db".to_owned(), "shop/*".to_owned()]),
            ..Wanted::default()
        };
        assert!(wanted.takes(app()));
        wanted.namespaces = vec![Pattern::new("prod")];
        assert!(!wanted.takes(app()));
        wanted.namespaces = vec![Pattern::new("s???")];
        assert!(wanted.takes(app()));
        wanted.runtimes = vec![Runtime::Docker];
        assert!(!wanted.takes(app()));
        assert!(Wanted::default().takes(app()) && Wanted::default().is_all());
        assert!(!wanted.is_all());
    }

    #[test]
    fn only_numbers_need_no_names() {
        assert_eq!(called("pidns-17").pid_namespaces(), Some(vec![17]));
        let inode = 4_026_532_180;
        assert_eq!(called("4026532180").pid_namespaces(), Some(vec![inode]));
        // The beginning of an id may have no letter in it.
        assert_eq!(called("000003170006").pid_namespaces(), None);
        assert_eq!(called("1234").pid_namespaces(), None);
        assert_eq!(called("web-17").pid_namespaces(), None);
        assert_eq!(Wanted::default().pid_namespaces(), None);
        let more = Wanted {
            runtimes: vec![Runtime::Docker],
            ..called("4026532180")
        };
        assert_eq!(more.pid_namespaces(), None);
    }
}
