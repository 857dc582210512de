//! The reference: `docs/diagnoses.md`, made from the catalogue, and held to it.

use super::catalogue::ALL;

/// The table of `docs/diagnoses.md`.
pub fn table() -> String {
    let mut text = String::from("| diagnosis | evidence | fix | proved by |\n|---|---|---|---|\n");
    for entry in ALL {
        let proof: Vec<_> = entry.proof.iter().map(|name| format!("`{name}`")).collect();
        text.push_str(&format!(
            "| `{}` {} | {} | {} | {} |\n",
            entry.id.id(),
            entry.about,
            entry.evidence,
            entry.fix,
            proof.join(", ")
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::diagnosis::Id;

    /// Proofs by records and facts that are made up.
    const MADE_UP: [&str; 5] = [
        include_str!("tests/stops.rs"),
        include_str!("tests/ends.rs"),
        include_str!("tests/waits.rs"),
        include_str!("../waits/tests.rs"),
        include_str!("../audit/tests.rs"),
    ];

    /// By what happened: to processes, to containers of real runtimes, or in what
    /// another tracer has written down.
    const REAL: [&str; 11] = [
        include_str!("../../../tests/episodes/denied.rs"),
        include_str!("../../../tests/episodes/stops.rs"),
        include_str!("../../../tests/episodes/ends.rs"),
        include_str!("../../../tests/episodes/waits.rs"),
        include_str!("../../../tests/episodes/shared.rs"),
        include_str!("../../../tests/cli/why.rs"),
        include_str!("../../../tests/cli/audit.rs"),
        include_str!("../../../tests/runtimes/docker.rs"),
        include_str!("../../../tests/runtimes/verdicts.rs"),
        include_str!("../../../tests/runtimes/kubelet.rs"),
        include_str!("../import/tests/mod.rs"),
    ];

    #[test]
    fn the_page_is_that_of_the_code() {
        crate::docs::hold("diagnoses.md", "the table", "diagnosis::page", &table());
    }

    #[test]
    fn every_diagnosis_is_proved() {
        let is_in = |sources: &[&str], name: &str| {
            let function = format!("fn {name}()");
            sources.iter().any(|source| source.contains(&function))
        };
        for entry in ALL {
            let id = entry.id.id();
            for name in entry.proof {
                assert!(
                    is_in(&MADE_UP, name) || is_in(&REAL, name),
                    "{id}: there is no test {name}"
                );
            }
            // Records that are made up prove what is made of them, not that they come.
            let is_real = entry.proof.iter().any(|name| is_in(&REAL, name));
            assert!(is_real, "{id}: never for real");
        }
        // And each is found by name in a test, as the exact list of a stream.
        for entry in ALL {
            let quoted = format!("\"{}\"", entry.id.id());
            assert!(
                MADE_UP
                    .iter()
                    .chain(&REAL)
                    .any(|source| source.contains(&quoted)),
                "no test expects {quoted}"
            );
        }
    }

    #[test]
    fn ids_are_what_they_look_like() {
        let mut seen = BTreeSet::new();
        for entry in ALL {
            let id = entry.id;
            assert!(seen.insert(id.id()), "{id:?} twice");
            assert_eq!(Id::find(&id.cli()), Some(id));
            assert_eq!(Id::find(id.id()), Some(id));
            let letters = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
            assert!(id.id().chars().all(letters));
            for text in [entry.about, entry.fix] {
                assert!(text.ends_with('.') && !text.contains('|'), "{id:?}: {text}");
            }
            assert!(!entry.evidence.ends_with('.') && !entry.evidence.contains('|'));
        }
        assert_eq!(Id::find("pid1-no-handler"), Some(Id::Pid1NoHandler));
        assert_eq!(Id::find("nonsense"), None);
    }
}
