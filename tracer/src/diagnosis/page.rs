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

    /// Where proofs are.
    const TESTS: [&str; 11] = [
        include_str!("tests/stops.rs"),
        include_str!("tests/ends.rs"),
        include_str!("tests/waits.rs"),
        include_str!("../../../tests/episodes/denied.rs"),
        include_str!("../../../tests/episodes/stops.rs"),
        include_str!("../../../tests/episodes/ends.rs"),
        include_str!("../../../tests/episodes/waits.rs"),
        include_str!("../waits/tests.rs"),
        include_str!("../audit/tests.rs"),
        include_str!("../../../tests/cli/why.rs"),
        include_str!("../../../tests/cli/audit.rs"),
    ];

    #[test]
    fn the_page_is_that_of_the_code() {
        crate::docs::hold("diagnoses.md", "the table", "diagnosis::page", &table());
    }

    #[test]
    fn every_diagnosis_is_proved() {
        for entry in ALL {
            for name in entry.proof {
                let function = format!("fn {name}()");
                assert!(
                    TESTS.iter().any(|source| source.contains(&function)),
                    "{}: there is no test {name}",
                    entry.id.id()
                );
            }
        }
        // And each is found by name in a test, as the exact list of a stream.
        for entry in ALL {
            let quoted = format!("\"{}\"", entry.id.id());
            assert!(
                TESTS.iter().any(|source| source.contains(&quoted)),
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
