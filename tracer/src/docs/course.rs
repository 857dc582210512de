//! `docs/lab.md`: the lessons of `sigwhy lab`, in the order of its list.

use super::{cell, hold};
use crate::lab::scenario::Scenario;
use crate::lab::scenarios;

fn list() -> String {
    let mut text = String::from("| lesson | what it shows |\n|---|---|\n");
    for chapter in scenarios::COURSE {
        text += &format!("| **{}** | |\n", chapter.title);
        for scenario in chapter.scenarios {
            let (name, summary) = (scenario.name, cell(scenario.summary));
            text += &format!("| [`{name}`](#{name}) | {summary} |\n");
        }
    }
    text
}

fn lessons() -> String {
    let mut text = String::new();
    for chapter in scenarios::COURSE {
        text += &format!("## {}\n\n", chapter.title);
        text.extend(chapter.scenarios.iter().map(|scenario| lesson(scenario)));
    }
    text
}

fn lesson(scenario: &Scenario) -> String {
    let Scenario {
        name,
        title,
        prediction,
        lesson,
        ..
    } = scenario;
    let mut text = format!("### {name}\n\n**{title}**\n\n{prediction}\n\n");
    text += &bullets("See", scenario.see);
    text += &format!("*Why:* {lesson}\n\n");
    if let Some(article) = scenario.article {
        text += &format!("> {article}\n\n");
    }
    text += &bullets("Then try", scenario.exercises);
    let functions = scenario.functions.iter();
    let functions: Vec<_> = functions.map(|function| format!("`{function}`")).collect();
    if !functions.is_empty() {
        text += &format!("In the kernel: {}.\n\n", functions.join(", "));
    }
    text + &format!("```sh\nsudo sigwhy lab run {name}\n```\n\n")
}

fn bullets(heading: &str, lines: &[&str]) -> String {
    if lines.is_empty() {
        return String::new();
    }
    let lines: String = lines.iter().map(|line| format!("- {line}\n")).collect();
    format!("{heading}:\n\n{lines}\n")
}

#[test]
fn the_course_is_that_of_the_code() {
    let test = "docs::course";
    hold("lab.md", "the list", test, &list());
    hold("lab.md", "the lessons", test, &lessons());
}
