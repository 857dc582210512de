//! How the page looks: on a telephone, in the dark, on paper; and the picture of it
//! in the documentation.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};
use serde_json::json;

use super::Outcome;
use super::chromium::Browser;
use super::page::open;

/// Elements that stick out of the window, but for what scrolls by itself.
const WIDE: &str = "[...document.querySelectorAll('body *')].filter(e => !e.closest('.scroll, #tip, .defs, thead') \
    && e.getBoundingClientRect().right > innerWidth + 1).map(e => e.outerHTML.slice(0, 80)).join('\\n')";

#[test]
fn a_telephone_is_wide_enough() -> Outcome {
    let mut opened = open("narrow")?;
    let browser = &mut opened.browser;
    for width in [320, 360, 390, 760, 1280] {
        browser.size(width, 740, 1.0)?;
        let page = browser.number("document.documentElement.scrollWidth")?;
        ensure!(page <= f64::from(width), "{page} of {width} pixels");
        assert_eq!(browser.text(WIDE)?, "", "{width}");
    }
    browser.size(360, 740, 1.0)?;
    // The picture of the ten seconds needs no scrolling either.
    let picture = browser.eval(
        "(() => { const box = document.querySelector('.scroll'); return box.scrollWidth <= box.clientWidth; })()",
    )?;
    assert_eq!(picture, true);
    // No badge lies on another.
    let least = browser.number(
        "(() => { const xs = [...document.querySelector('.plot').querySelectorAll('.badge')].map(b => b.getBoundingClientRect().x).sort((a, b) => a - b); \
         return Math.min(...xs.slice(1).map((x, i) => x - xs[i])); })()",
    )?;
    ensure!(least >= 13.0, "badges are {least} pixels apart");
    let tip = browser.eval(
        "(() => { document.querySelector('.plot a').focus(); const tip = document.getElementById('tip').getBoundingClientRect(); \
         return !tip.hidden && tip.left >= 0 && tip.right <= innerWidth; })()",
    )?;
    assert_eq!(tip, true, "the tooltip fits");
    Ok(())
}

/// Contrast of two colours as WCAG 2 has it.
const CONTRAST: &str = "(() => {
    const light = (css) => { const [r, g, b] = css.match(/[\\d.]+/g).slice(0, 3).map(Number).map(v => v / 255)
        .map(v => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4); return .2126 * r + .7152 * g + .0722 * b; };
    const page = light(getComputedStyle(document.body).backgroundColor);
    const worst = (selector, property) => Math.min(...[...document.querySelectorAll(selector)].map(e => {
        const other = light(getComputedStyle(e)[property]);
        return (Math.max(page, other) + .05) / (Math.min(page, other) + .05); }));
    return [worst('p, td, h1, h2, code, .chip, figcaption', 'color'), worst('.plot .shaft, .plot .badge', 'stroke')]; })()";

#[test]
fn it_can_be_read_in_the_light_and_in_the_dark() -> Outcome {
    let mut opened = open("dark")?;
    let browser = &mut opened.browser;
    let mut pages = Vec::new();
    for scheme in ["light", "dark"] {
        browser.media("screen", scheme)?;
        pages.push(browser.text("getComputedStyle(document.body).backgroundColor")?);
        let contrast = browser.eval(CONTRAST)?;
        let of = |index: usize| contrast[index].as_f64().unwrap_or(0.0);
        ensure!(of(0) >= 4.5, "{scheme}: text has a contrast of {}", of(0));
        ensure!(of(1) >= 3.0, "{scheme}: shapes have one of {}", of(1));
    }
    ensure!(pages[0] != pages[1], "{pages:?}");
    Ok(())
}

#[test]
fn on_paper_nothing_is_folded_away() -> Outcome {
    let mut opened = open("paper")?;
    let browser = &mut opened.browser;
    browser.eval("document.querySelectorAll('details').forEach(one => one.open = false)")?;
    browser.media("print", "dark")?;
    assert_eq!(
        browser.text("getComputedStyle(document.body).color")?,
        "rgb(0, 0, 0)",
        "black on white in the dark too"
    );
    let height =
        browser.number("document.querySelector('.events').getBoundingClientRect().height")?;
    ensure!(height > 100.0, "the list is {height} pixels high");
    let pdf = browser.call("Page.printToPDF", json!({"printBackground": false}))?;
    ensure!(pdf["data"].as_str().is_some_and(|data| data.len() > 10_000));
    Ok(())
}

/// Most that a picture may add to a clone, in bytes.
const LARGE: u64 = 200_000;

#[test]
fn the_documentation_shows_the_page() -> Outcome {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
    let names = ["report-page.png", "report-page-narrow.png"];
    if std::env::var_os("UPDATE_DOCS").is_some() {
        let mut opened = open("docs")?;
        let browser = &mut opened.browser;
        // No badge has the focus, and no line is marked.
        shoot(browser, (1100, 1.0), "article", &docs.join(names[0]))?;
        shoot(browser, (375, 1.5), "figure", &docs.join(names[1]))?;
    }
    for name in names {
        let file = docs.join(name);
        let size = std::fs::metadata(&file)
            .with_context(|| file.display().to_string())?
            .len();
        ensure!((1..LARGE).contains(&size), "{name} has {size} bytes");
    }
    Ok(())
}

/// The begin of the first of those elements, as it is seen in a window.
fn shoot(browser: &mut Browser, (width, scale): (u32, f64), of: &str, to: &Path) -> Outcome {
    browser.size(width, 900, scale)?;
    let clip = browser.eval(&format!(
        "(() => {{ const box = document.querySelector('{of}').getBoundingClientRect(); \
         const list = document.querySelector('{of} details'); \
         const bottom = list ? list.querySelectorAll('tr')[2].getBoundingClientRect().bottom : box.bottom; \
         return {{x: Math.max(0, box.x - 12), y: box.y + scrollY - 8, \
         width: Math.min(innerWidth, box.width + 24), height: bottom - box.y + 16, scale: 1}}; }})()"
    ))?;
    let shot = browser.shot(clip)?;
    let mut decode = Command::new("base64")
        .arg("-d")
        .stdin(Stdio::piped())
        .stdout(std::fs::File::create(to)?)
        .spawn()
        .context("base64")?;
    decode
        .stdin
        .take()
        .context("no pipe")?
        .write_all(shot.as_bytes())?;
    ensure!(decode.wait()?.success(), "base64");
    Ok(())
}
