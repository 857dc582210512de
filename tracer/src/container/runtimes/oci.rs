//! What the runtimes of the Open Container Initiative share: the bundle's
//! `config.json`, runc's `state.json`, and annotations in either.
//!
//! The same annotations are a map in `config.json` and a list of `key=value`
//! in `state.json`.

use std::collections::HashMap;
use std::path::Path;

use serde::Deserialize;

use super::super::{Identity, Kind, Root};
use super::lenient::{field, some};
use crate::decide::names::parse_signal;
use crate::record::Runtime;

/// Annotations by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Annotations(HashMap<String, String>);

impl Annotations {
    pub fn get(&self, key: &str) -> Option<String> {
        some(self.0.get(key).cloned())
    }

    /// The first of several that is there.
    fn first(&self, keys: &[&str]) -> Option<String> {
        keys.iter().find_map(|key| self.get(key))
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Who made the container, where it says so.
    pub fn manager(&self) -> Option<Runtime> {
        match self.0.get("io.container.manager").map(String::as_str) {
            Some("libpod") => Some(Runtime::Podman),
            Some("cri-o") => Some(Runtime::CriO),
            _ if self.0.contains_key("io.kubernetes.cri-o.ContainerType") => Some(Runtime::CriO),
            _ => None,
        }
    }

    /// Fills what is still unknown in an identity.
    pub fn fill(&self, identity: &mut Identity) {
        let set = |slot: &mut Option<String>, keys: &[&str]| {
            if slot.is_none() {
                *slot = self.first(keys);
            }
        };
        set(
            &mut identity.name,
            &[
                "io.kubernetes.cri.container-name",
                "io.kubernetes.container.name",
                "nerdctl/name",
            ],
        );
        set(
            &mut identity.image,
            &[
                "io.kubernetes.cri.image-name",
                "io.kubernetes.cri-o.UserRequestedImage",
                "io.kubernetes.cri-o.ImageName",
                "io.kubernetes.cri-o.Image",
            ],
        );
        set(
            &mut identity.pod,
            &["io.kubernetes.cri.sandbox-name", "io.kubernetes.pod.name"],
        );
        set(
            &mut identity.pod_namespace,
            &[
                "io.kubernetes.cri.sandbox-namespace",
                "io.kubernetes.pod.namespace",
            ],
        );
        set(
            &mut identity.pod_uid,
            &["io.kubernetes.cri.sandbox-uid", "io.kubernetes.pod.uid"],
        );
        let kind = self.first(&[
            "io.kubernetes.cri.container-type",
            "io.kubernetes.cri-o.ContainerType",
        ]);
        if kind.as_deref() == Some("sandbox") {
            identity.kind = Kind::Sandbox;
        }
        if identity.stop_signal.is_none() {
            identity.stop_signal = self
                .get("org.opencontainers.image.stopSignal")
                .and_then(|text| stop_signal(&text));
        }
        if identity.stop_timeout.is_none() {
            identity.stop_timeout = self
                .get("io.kubernetes.pod.terminationGracePeriod")
                .and_then(|text| text.parse().ok());
        }
    }
}

/// A stop signal as runtimes write it: `SIGTERM`, `TERM`, `15`, `SIGRTMIN+3`.
pub fn stop_signal(text: &str) -> Option<u32> {
    parse_signal(text.trim()).ok()
}

/// `config.json` of a bundle.
#[derive(Debug, Default, Deserialize)]
pub struct Config {
    #[serde(default, deserialize_with = "field")]
    annotations: HashMap<String, serde_json::Value>,
    #[serde(default, deserialize_with = "field")]
    process: Process,
}

#[derive(Debug, Default, Deserialize)]
struct Process {
    #[serde(default, deserialize_with = "field")]
    args: Vec<String>,
}

impl Config {
    pub fn read(root: &Root, path: &Path) -> Option<Self> {
        root.json(path)
    }

    pub fn annotations(&self) -> Annotations {
        let text = |(key, value): (&String, &serde_json::Value)| {
            Some((key.clone(), value.as_str()?.to_owned()))
        };
        Annotations(self.annotations.iter().filter_map(text).collect())
    }

    /// The command line of the container's init.
    pub fn args(&self) -> &[String] {
        &self.process.args
    }

    /// Fills what is still unknown in an identity.
    pub fn fill(&self, identity: &mut Identity) {
        self.annotations().fill(identity);
        if identity.args.is_empty() {
            identity.args = self.args().to_vec();
        }
    }
}

/// runc's `state.json`, which is there while the container lives.
#[derive(Debug, Default, Deserialize)]
pub struct State {
    #[serde(default, deserialize_with = "field")]
    pub id: Option<String>,
    /// In the PID namespace of the runtime.
    #[serde(default, deserialize_with = "field")]
    pub init_process_pid: Option<u32>,
    /// Field 22 of `/proc/PID/stat`.
    #[serde(default, deserialize_with = "field")]
    pub init_process_start: Option<u64>,
    #[serde(default, deserialize_with = "field")]
    config: StateConfig,
}

#[derive(Debug, Default, Deserialize)]
struct StateConfig {
    #[serde(default, deserialize_with = "field")]
    labels: Vec<String>,
}

impl State {
    pub fn read(root: &Root, path: &Path) -> Option<Self> {
        root.json(path)
    }

    pub fn annotations(&self) -> Annotations {
        let pair = |label: &String| {
            let (key, value) = label.split_once('=')?;
            Some((key.to_owned(), value.to_owned()))
        };
        Annotations(self.config.labels.iter().filter_map(pair).collect())
    }

    /// Fills what is still unknown in an identity.
    pub fn fill(&self, identity: &mut Identity) {
        if identity.init_pid.is_none() {
            identity.init_pid = self.init_process_pid;
        }
        // The start is that of this init and of no other.
        if identity.init_pid == self.init_process_pid {
            identity.init_start_ticks = self.init_process_start;
        }
        self.annotations().fill(identity);
    }

    /// The bundle's directory.
    pub fn bundle(&self) -> Option<String> {
        self.annotations()
            .get("bundle")
            .filter(|path| path.starts_with('/'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn annotations_in_both_forms_say_the_same() {
        let config: Config = serde_json::from_str(
            r#"{"annotations":{"io.kubernetes.cri.container-name":"app","n":7,
                "org.opencontainers.image.stopSignal":"SIGQUIT","e":""},
                "process":{"args":["/bin/app","-x"]}}"#,
        )
        .expect("JSON");
        let state: State = serde_json::from_str(
            r#"{"config":{"labels":["io.kubernetes.cri.container-name=app","bad",
                "org.opencontainers.image.stopSignal=3","bundle=/a=b"]}}"#,
        )
        .expect("JSON");
        for annotations in [config.annotations(), state.annotations()] {
            let mut identity = Identity::new(Runtime::Containerd);
            annotations.fill(&mut identity);
            assert_eq!(identity.name.as_deref(), Some("app"));
            assert_eq!(identity.stop_signal, Some(3));
        }
        assert_eq!(state.bundle().as_deref(), Some("/a=b"));
        assert_eq!(config.args(), ["/bin/app", "-x"]);
        assert_eq!(config.annotations().get("e"), None, "empty is unknown");
    }

    #[test]
    fn a_field_of_another_type_costs_only_itself() {
        let state: State = serde_json::from_str(
            r#"{"id":7,"init_process_pid":"x","init_process_start":5,"config":{"labels":{"a":1}}}"#,
        )
        .expect("JSON");
        assert_eq!((state.id.as_deref(), state.init_process_pid), (None, None));
        assert_eq!(state.init_process_start, Some(5));
        let config: Config =
            serde_json::from_str(r#"{"annotations":[1],"process":{"args":[1]}}"#).expect("JSON");
        assert!(config.annotations().is_empty() && config.args().is_empty());
    }

    #[test]
    fn stop_signals() {
        for (text, number) in [
            ("SIGTERM", Some(15)),
            ("TERM", Some(15)),
            ("15", Some(15)),
            ("SIGRTMIN+3", Some(37)),
            (" 3\n", Some(3)),
            ("0", None),
            ("65", None),
            ("-9", None),
            ("\u{1b}", None),
        ] {
            assert_eq!(stop_signal(text), number, "{text:?}");
        }
    }
}
