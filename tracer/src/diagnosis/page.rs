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

    const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/diagnoses.md");
    const BEGIN: &str = "<!-- the table: UPDATE_DOCS=1 cargo test diagnosis::page -->\n";
    const END: &str = "<!-- the end of the table -->\n";

    /// Where proofs are.
    const TESTS: [&str; 10] = [
        include_str!("tests/stops.rs"),
        include_str!("tests/ends.rs"),
        include_str!("tests/waits.rs"),
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
        let page = std::fs::read_to_string(PAGE).expect("docs/diagnoses.md is there");
        let (before, rest) = page.split_once(BEGIN).expect("a beginning of the table");
        let (was, after) = rest.split_once(END).expect("an end of the table");
        let is = table();
        if std::env::var_os("UPDATE_DOCS").is_some_and(|v| v == "1") {
            let new = format!("{before}{BEGIN}{is}{END}{after}");
            std::fs::write(PAGE, new).expect("docs can be written");
            return;
        }
        assert!(
            was == is,
            "docs/diagnoses.md is not that of the code: run the test with UPDATE_DOCS=1 and look at the difference"
        );
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
