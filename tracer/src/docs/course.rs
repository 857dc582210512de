//! `docs/lab.md`: the scenarios of `sigwhy lab`, in the order of its list.

use super::{cell, hold};
use crate::lab::scenarios;

fn list() -> String {
    let mut text = String::from("| lesson | what it shows |\n|---|---|\n");
    for scenario in scenarios::ALL {
        text += &format!(
            "| [`{0}`](#{0}) | {1} |\n",
            scenario.name,
            cell(scenario.summary)
        );
    }
    text
}

fn lessons() -> String {
    let lessons = scenarios::ALL.iter().map(|scenario| {
        let functions: Vec<_> = scenario
            .functions
            .iter()
            .map(|function| format!("`{function}`"))
            .collect();
        format!(
            "### {}\n\n**{}**\n\n{}\n\n*Why:* {}\n\nIn the kernel: {}. Run it: `sudo sigwhy lab run {}`\n\n",
            scenario.name,
            scenario.title,
            scenario.prediction,
            scenario.lesson,
            functions.join(", "),
            scenario.name,
        )
    });
    lessons.collect()
}

#[test]
fn the_course_is_that_of_the_code() {
    let test = "docs::course";
    hold("lab.md", "the list", test, &list());
    hold("lab.md", "the lessons", test, &lessons());
}
