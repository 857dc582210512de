//! `docs/reasons.md`: every reason, each with a question whose answer it is.

use super::hold;
use crate::decide::{Outcome, Reason};
use crate::explain::page::{self, Example};

fn reference() -> String {
    let sections = Reason::ALL.iter().map(|reason| {
        let mut text = format!("### `{}`\n\n{}\n\n", reason.id(), reason.about());
        match page::example(*reason) {
            Some(example) => text += &asked(&example),
            None => {
                text += "`sigwhy explain` has no question with this answer: it takes facts that are not asked about.\n\n";
            }
        }
        text
    });
    sections.collect()
}

/// A question and its answer, in short.
fn asked(example: &Example) -> String {
    let answer = &example.answer;
    let mut text = format!(
        "`{}` asks it. **{}**: {}.",
        example.command,
        answer.outcome.id(),
        answer.explanation
    );
    if let Some(taken) = &answer.delivery {
        text += &format!(
            " When it leaves the queue, **{}** (`{}`): {}.",
            taken.outcome.id(),
            taken.reason.id(),
            taken.explanation
        );
    }
    text += &format!(" Decided by the rule `{}`.\n\n", answer.rule);
    text
}

#[test]
fn the_page_of_reasons_is_that_of_the_code() {
    hold("reasons.md", "the reasons", "docs::reasons", &reference());
}

#[test]
fn the_page_of_reasons_tells_every_outcome() {
    let page = include_str!("../../../docs/reasons.md");
    for outcome in Outcome::ALL {
        let row = format!("\n| `{}` | ", outcome.id());
        assert!(page.contains(&row), "docs/reasons.md lacks {row}");
    }
}
