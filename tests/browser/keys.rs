//! What the page does: pictures that have everything, tooltips for a pointer and
//! for keys, the filter, and what is left without a script.

use anyhow::ensure;

use super::Outcome;
use super::page::{open, records};

const FOCUSED: &str = "document.activeElement.dataset.row || document.activeElement.id || ''";
const TIP: &str =
    "document.getElementById('tip').hidden ? '' : document.getElementById('tip').innerText";

#[test]
fn a_picture_has_an_arrow_for_each_signal() -> Outcome {
    let mut opened = open("arrows")?;
    let browser = &mut opened.browser;
    let signals = records()?
        .iter()
        .filter(|record| record["type"] == "signal" && record["signal"]["name"] != "SIGCHLD")
        .count();
    ensure!(signals > 10, "a recording of {signals} signals");
    let arrows = browser.number("document.querySelectorAll('.plot .shaft').length")?;
    assert_eq!(arrows, signals as f64);
    // Each event of a picture is a line of its list.
    let lost = browser.eval(
        "[...document.querySelectorAll('.plot a')].filter(a => !document.getElementById(a.dataset.row)).length",
    )?;
    assert_eq!(lost, 0);
    // The ten seconds: hatched, and most of the strip to scale.
    let waste = browser.text("document.querySelector('.wasted-word').textContent")?;
    assert_eq!(waste, "10.0 s wasted");
    let strip = browser.number(
        "document.querySelector('.plot rect.wasted').getBoundingClientRect().width \
         / document.querySelector('.plot .strip').getBoundingClientRect().width",
    )?;
    ensure!(strip > 0.99, "{strip}");
    // Below it the end, of a few milliseconds, has room as well.
    let zap =
        browser.number("document.querySelector('.plot rect.zap').getBoundingClientRect().width")?;
    ensure!(zap > 100.0, "the end of the namespace is {zap} pixels wide");
    assert_eq!(browser.trouble()?, [""; 0]);
    Ok(())
}

#[test]
fn keys_go_from_event_to_event_and_tell_why() -> Outcome {
    let mut opened = open("keys")?;
    let browser = &mut opened.browser;
    browser.eval("document.querySelector('.plot a').focus()")?;
    assert_eq!(browser.text(FOCUSED)?, "t1e1");
    let tip = browser.text(TIP)?;
    for words in [
        "1 · +0.000000 s",
        "SIGTERM dropped",
        "PID 1 has no SIGTERM handler, and the kernel protects",
        "sig_task_ignored/unkillable",
    ] {
        ensure!(tip.contains(words), "{words:?} is not in {tip}");
    }
    // To the SIGKILL: what has no lane is not stopped at.
    browser.key("ArrowRight")?;
    let tip = browser.text(TIP)?;
    ensure!(tip.contains("SIGKILL fatal"), "{tip}");
    browser.key("ArrowLeft")?;
    browser.key("ArrowLeft")?;
    assert_eq!(browser.text(FOCUSED)?, "t1e1", "the first stays the first");
    browser.key("End")?;
    let last = browser.text("[...document.querySelectorAll('.plot')][0].querySelector('a:last-of-type') && [...document.querySelector('.plot').querySelectorAll('a')].pop().dataset.row")?;
    assert_eq!(browser.text(FOCUSED)?, last);
    browser.key("Escape")?;
    assert_eq!(browser.text(TIP)?, "");
    // Enter goes to the line, and the next Tab leaves the picture as one thing.
    browser.key("Home")?;
    browser.key("Enter")?;
    assert_eq!(browser.text("location.hash")?, "#t1e1");
    assert_eq!(browser.text(FOCUSED)?, "t1e1");
    assert_eq!(browser.text("document.activeElement.localName")?, "tr");
    let stops = browser.number("document.querySelectorAll('.plot a[tabindex=\"0\"]').length")?;
    let plots = browser.number("document.querySelectorAll('.plot').length")?;
    assert_eq!(stops, plots, "one stop for Tab in each picture");
    assert_eq!(browser.trouble()?, [""; 0]);
    Ok(())
}

#[test]
fn tab_reaches_the_pictures_and_focus_is_seen() -> Outcome {
    let mut opened = open("tab")?;
    let browser = &mut opened.browser;
    let mut reached = false;
    for _ in 0..40 {
        browser.key("Tab")?;
        if browser.text(FOCUSED)? == "t1e1" {
            reached = true;
            break;
        }
    }
    ensure!(reached, "no picture within 40 stops");
    let width = browser
        .text("getComputedStyle(document.activeElement.querySelector('.badge')).strokeWidth")?;
    assert_eq!(width, "4px", "the focused badge has a ring");
    Ok(())
}

#[test]
fn a_pointer_tells_why_too() -> Outcome {
    let mut opened = open("pointer")?;
    let browser = &mut opened.browser;
    browser.eval(
        "document.querySelector('.plot').scrollIntoView({block: 'center', behavior: 'instant'})",
    )?;
    let at = browser.eval(
        "(() => { const box = document.querySelector('.plot .badge').getBoundingClientRect(); \
         return [box.x + box.width / 2, box.y + box.height / 2]; })()",
    )?;
    let (x, y) = (at[0].as_f64().unwrap_or(0.0), at[1].as_f64().unwrap_or(0.0));
    browser.point(x, y)?;
    ensure!(browser.text(TIP)?.contains("SIGTERM dropped"));
    // Within the window, beside what it tells of.
    let inside = browser.eval(
        "(() => { const tip = document.getElementById('tip').getBoundingClientRect(); \
         return tip.left >= 0 && tip.right <= innerWidth && tip.top >= 0 && tip.bottom <= innerHeight; })()",
    )?;
    assert_eq!(inside, true);
    browser.point(2.0, 2.0)?;
    browser.eval("new Promise(done => setTimeout(done, 400))")?;
    assert_eq!(browser.text(TIP)?, "");
    Ok(())
}

#[test]
fn the_filter_hides_what_does_not_fit() -> Outcome {
    const SHOWN: &str =
        "[...document.querySelectorAll('article:not([hidden]) h2')].map(h => h.id).join(' ')";
    let mut opened = open("filter")?;
    let browser = &mut opened.browser;
    assert_eq!(browser.text(SHOWN)?, "t1 t2 t3 t4");
    browser.eval("document.getElementById('find').focus()")?;
    // A pid: of the words of a fix, others have the same.
    browser.write("c-init 15927")?;
    assert_eq!(browser.text(SHOWN)?, "t3");
    assert_eq!(
        browser.text("document.getElementById('count').textContent")?,
        "1 of 4"
    );
    browser
        .eval("(() => { document.getElementById('find').value = ''; ungraceful.click(); })()")?;
    assert_eq!(browser.text(SHOWN)?, "t1 t2");
    browser.eval(
        "(() => { cause.value = 'sig-ign-inherited'; cause.dispatchEvent(new Event('input', {bubbles: true})); })()",
    )?;
    assert_eq!(browser.text(SHOWN)?, "t2");
    let lines = browser.number("document.querySelectorAll('tr[data-of]:not([hidden])').length")?;
    assert_eq!(lines, 1.0);
    Ok(())
}

#[test]
fn without_a_script_all_there_is_to_read_is_there() -> Outcome {
    let mut opened = open("noscript")?;
    let file = opened.file.clone();
    let browser = &mut opened.browser;
    browser.scripts(false)?;
    browser.open(&file)?;
    // Scripts of the page are off; ours, which only look, are not.
    let text = browser.text("document.body.innerText")?;
    for words in [
        "4 terminations, 2 ungraceful",
        "web stopped ungracefully after 10.0 s: docker (runc) sent SIGTERM",
        "Handle SIGTERM in PID 1",
        "PID 1 has no SIGTERM handler, and the kernel protects",
        "complete_signal/sig_fatal",
    ] {
        ensure!(text.contains(words), "{words:?} is not in {text}");
    }
    ensure!(
        !text.contains("ungraceful only"),
        "a filter that does nothing"
    );
    // The browser's own tooltips.
    let titles = browser.number("document.querySelectorAll('.plot a > title').length")?;
    let links = browser.number("document.querySelectorAll('.plot a[href^=\"#t\"]').length")?;
    ensure!(links > 20.0 && titles == links, "{titles} of {links}");
    Ok(())
}

#[test]
fn who_cannot_see_the_picture_hears_it() -> Outcome {
    let mut opened = open("names")?;
    let browser = &mut opened.browser;
    let tree = browser.call("Accessibility.getFullAXTree", serde_json::json!({}))?;
    let nodes = tree["nodes"].as_array().cloned().unwrap_or_default();
    let named = |role: &str| -> Vec<String> {
        nodes
            .iter()
            .filter(|node| node["role"]["value"] == role && node["ignored"] != true)
            .filter_map(|node| Some(node["name"]["value"].as_str()?.to_owned()))
            .collect()
    };
    let links = named("link");
    ensure!(
        links.iter().any(
            |name| name.starts_with("1. docker (runc) sends SIGTERM, which the kernel dropped")
        ),
        "{links:?}"
    );
    ensure!(links.iter().all(|name| !name.is_empty()));
    let groups = named("group");
    ensure!(
        groups.iter().any(|name| name.starts_with("Timeline of ")),
        "{groups:?}"
    );
    let headings = named("heading");
    ensure!(headings.len() >= 7, "{headings:?}");
    for role in ["searchbox", "combobox", "checkbox"] {
        ensure!(named(role).iter().all(|name| !name.is_empty()), "{role}");
        assert_eq!(named(role).len(), 1, "{role}");
    }
    Ok(())
}
