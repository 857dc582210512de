//! Names that are chosen by whoever is watched: none of them becomes markup, and
//! what would, could do nothing.

use anyhow::ensure;
use serde_json::{Value, json};

use super::Outcome;
use super::page::{open, open_records, records};

/// For names of containers, which are of any length.
const LONG: &str = "</title></style></script><script>document.title='pwned'</script>\
    <img src=x onerror=\"document.title='pwned'\"><!--\u{2028}\u{202e}\" onmouseover='document.title=1' &lt;b&gt;";

/// For names of processes, which have 15 bytes.
const SHORT: [&str; 4] = ["<script>a()", "\" onload=a()", "</svg><b>", "']]><!--&amp;"];

/// Every name that a record has is a hostile one.
fn poison(value: &mut Value, index: usize) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                match key.as_str() {
                    "comm" | "init_comm" if value.is_string() => {
                        *value = SHORT[index % SHORT.len()].into();
                    }
                    "name" | "image" | "cgroup" | "role_words" | "explanation" | "rule"
                    | "host" | "kernel" | "code_name"
                        if value.is_string() =>
                    {
                        *value = LONG.into();
                    }
                    _ => poison(value, index),
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(|value| poison(value, index)),
        _ => {}
    }
}

#[test]
fn hostile_names_are_text() -> Outcome {
    let mut records = records()?;
    for (index, record) in records.iter_mut().enumerate() {
        poison(record, index);
    }
    let mut opened = open_records("hostile", &records)?;
    let browser = &mut opened.browser;
    let scripts = browser.number("document.querySelectorAll('script').length")?;
    assert_eq!(scripts, 1.0, "ours");
    let foreign = browser.number(
        "document.querySelectorAll('img, b b, [onerror], [onload], [onmouseover]').length",
    )?;
    assert_eq!(foreign, 0.0);
    assert_eq!(
        browser.text("document.title")?,
        "4 terminations, 2 ungraceful"
    );
    ensure!(
        browser
            .text("document.body.innerText")?
            .contains("<img src=x onerror=")
    );
    // Through every tooltip, whose text the script has moved.
    browser.eval("for (const one of document.querySelectorAll('.plot a')) one.focus()")?;
    let foreign = browser.number("document.querySelectorAll('#tip img, #tip script').length")?;
    assert_eq!(foreign, 0.0);
    assert_eq!(
        browser.text("document.title")?,
        "4 terminations, 2 ungraceful"
    );
    let odd = browser
        .eval("/[\\u2028\\u202e\\u0000-\\u0008]/.test(document.documentElement.outerHTML)")?;
    assert_eq!(odd, false, "nothing hides or reorders text");
    assert_eq!(browser.trouble()?, [""; 0]);
    Ok(())
}

#[test]
fn what_got_in_could_do_nothing() -> Outcome {
    let mut opened = open("policy")?;
    let browser = &mut opened.browser;
    assert_eq!(
        browser.trouble()?,
        [""; 0],
        "the page's own script and style may"
    );
    // As if an escape were missing.
    browser.eval(
        "(() => { const at = document.createElement('div'); document.body.append(at); \
         at.innerHTML = '<img src=\"http://127.0.0.1:9/x\" onerror=\"document.title=1\"><p style=\"color:red\" id=red>x</p>'; \
         const script = document.createElement('script'); script.textContent = 'document.title=2'; at.append(script); })()",
    )?;
    browser.eval("new Promise(done => setTimeout(done, 300))")?;
    assert_eq!(
        browser.text("document.title")?,
        "4 terminations, 2 ungraceful"
    );
    ensure!(
        browser.text("getComputedStyle(document.getElementById('red')).color")? != "rgb(255, 0, 0)"
    );
    // It was refused, and the browser says so; what it would have asked for was
    // blocked before it left.
    let refused = browser.trouble()?;
    ensure!(
        refused
            .iter()
            .any(|what| what.contains("Content Security Policy")),
        "{refused:?}"
    );
    let asked = refused.iter().filter(|what| what.starts_with("http://"));
    assert_eq!(asked.count(), browser.blocked(), "{refused:?}");
    Ok(())
}

#[test]
fn a_flood_is_a_picture_of_bounded_size() -> Outcome {
    let mut all = records()?;
    let Some(at) = all.iter().position(|record| record["type"] == "signal") else {
        anyhow::bail!("no signal");
    };
    let first = all[at].clone();
    let Some(began) = first["mono_ns"].as_u64() else {
        anyhow::bail!("no time");
    };
    for n in 0..5_000_u64 {
        let mut one = first.clone();
        one["mono_ns"] = json!(began + 1 + n * 1_000);
        one["signal"] = json!({"number": 10, "name": "SIGUSR1", "code": 0, "code_name": "SI_USER"});
        all.insert(at + 1 + n as usize, one);
    }
    let mut opened = open_records("flood", &all)?;
    let browser = &mut opened.browser;
    let arrows =
        browser.number("document.querySelector('.plot').querySelectorAll('.shaft').length")?;
    ensure!((90.0..110.0).contains(&arrows), "{arrows}");
    let note = browser.text("document.querySelector('figcaption').textContent")?;
    ensure!(note.contains("signals found no room in it"), "{note}");
    // The end is there all the same, and the page is no wider for it.
    ensure!(
        browser.number("document.querySelector('.plot').querySelectorAll('.killed').length")?
            >= 4.0
    );
    browser.size(360, 740, 1.0)?;
    ensure!(browser.number("document.documentElement.scrollWidth")? <= 360.0);
    let role = browser.text("document.querySelector('.scroll').getAttribute('role') || ''")?;
    assert_eq!(role, "region", "what scrolls can be reached by keys");
    Ok(())
}
