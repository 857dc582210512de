//! The path through the kernel's tests, as `-v` shows it.

use super::*;

fn path(case: Case) -> String {
    let mut walk = Walk::on();
    let decision = generate::decide(&case.0, &mut walk);
    let mut text = String::new();
    for step in walk.into_steps() {
        let answer = if step.holds { "yes" } else { "no" };
        text += &format!(
            "{}: {}? {answer} ({})\n",
            step.function, step.test, step.values
        );
    }
    text + &format!(
        "=> {} {} by {}",
        decision.outcome.id(),
        decision.reason.id(),
        decision.rule
    )
}

#[test]
fn e01_sigterm_from_inside() {
    insta::assert_snapshot!(path(to_init(15).ignored()));
}

#[test]
fn e07_sigkill_from_the_host() {
    insta::assert_snapshot!(path(to_init(9).sent_by_host().begins_exit()));
}

#[test]
fn a_walk_that_is_off_keeps_nothing() {
    let mut walk = Walk::off();
    generate::decide(&to_init(15).ignored().0, &mut walk);
    assert!(walk.into_steps().is_empty());
}
