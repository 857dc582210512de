//! One termination on the page: the verdict as `report` prints it, the picture,
//! the causes, and every event with the kernel's reason.

use jiff::tz::TimeZone;

use super::{
    draw,
    front::{name, row_tag},
    layout, marks,
    picture::{Event, Fate, Picture, What, picture},
    write::Page,
};
use crate::{
    diagnosis::catalogue::cli,
    output::text::seconds,
    record::{Diagnosis, Episode, Runtime, duration},
    report::{
        Told,
        text::{plural, time},
    },
};

/// Terminations whose lists are unfolded.
const OPEN: usize = 3;

pub fn write(page: &mut Page, told: &Told, number: usize, zone: &TimeZone) {
    let Some(scene) = &told.scene else { return };
    let episode = &told.episode;
    let id = format!("t{number}");
    let drawn = picture(episode, scene);
    row_tag(page, "article", told, number, "termination");
    page.tag("h2")
        .attr("id", &id)
        .end()
        .text(name(episode))
        .close("h2");
    page.raw("<p class=\"when\">");
    if !told.host.is_empty() {
        page.text(format_args!("{}, ", told.host));
    }
    page.text(time(episode.began.ts, zone));
    if let Some(container) = &episode.container {
        if container.runtime != Runtime::Unknown {
            page.text(format_args!(", {}", container.runtime.id()));
        }
        if let Some(image) = &container.image {
            page.text(format_args!(", {image}"));
        }
    }
    page.raw("</p><p class=\"summary\">")
        .text(format_args!("{}.", episode.summary))
        .raw("</p>");
    figure(page, episode, &drawn, &id);
    causes(page, episode);
    table(page, episode, &drawn, &id, number);
    page.raw("</article>");
}

fn figure(page: &mut Page, episode: &Episode, drawn: &Picture, id: &str) {
    let container = episode
        .container
        .as_deref()
        .map_or("its PID namespace", |c| &c.name);
    page.raw("<figure><div class=\"scroll\"><div class=\"stage\">");
    draw::heads(page, &drawn.lanes, container);
    page.raw("<div class=\"sky\">");
    // Gives the picture its least width: a style would need the policy's leave.
    let axis = layout::axis(drawn);
    page.tag("svg")
        .attr("class", "least")
        .attr("width", axis.least_width())
        .attr("height", 0)
        .attr("aria-hidden", "true")
        .end()
        .close("svg");
    let events = drawn.events.len();
    let about = format!(
        "Timeline of {} in {}",
        plural(events as u64, "event"),
        duration(axis.span())
    );
    draw::draw(page, drawn, id, &about);
    page.raw("</div></div></div><figcaption>");
    legend(page, drawn);
    page.raw("<p>The strip on top is to scale: ")
        .text(duration(axis.span()))
        .raw(" in all. Below, the gaps between events grow with the logarithm of their length.");
    bystanders(page, drawn);
    if drawn.omitted > 0 {
        page.text(format_args!(
            " {} found no room in it.",
            plural(drawn.omitted, "signal")
        ));
    }
    if drawn.children > 0 {
        page.text(format_args!(
            " {} of children are left out.",
            plural(drawn.children, "SIGCHLD")
        ));
    }
    page.raw("</p></figcaption></figure>");
}

fn bystanders(page: &mut Page, drawn: &Picture) {
    let count = drawn
        .events
        .iter()
        .filter(|e| e.what == What::Bystander)
        .count();
    if count > 0 {
        page.text(format_args!(
            " {} of processes that neither sent nor got a signal are ticks below it and lines of the list.",
            plural(count as u64, "exit")
        ));
    }
}

/// The shapes that this picture has.
fn legend(page: &mut Page, drawn: &Picture) {
    page.raw("<ul class=\"legend\">");
    let has = |fate| {
        let is = |e: &Event| matches!(e.what, What::Signal { fate: of, .. } if of == fate);
        drawn.events.iter().any(is)
    };
    for fate in Fate::ALL.into_iter().filter(|fate| has(*fate)) {
        page.raw("<li>");
        marks::sample(page, fate);
        page.text(fate.word()).raw("</li>");
    }
    if drawn.wasted.is_some() {
        page.raw("<li><svg class=\"swatch\" width=\"18\" height=\"14\" aria-hidden=\"true\"><rect class=\"wasted\" width=\"18\" height=\"14\"/></svg>wasted time</li>");
    }
    if drawn.zap.is_some() {
        page.raw("<li><svg class=\"swatch\" width=\"18\" height=\"14\" aria-hidden=\"true\"><rect class=\"zap\" width=\"18\" height=\"14\"/></svg>end of the PID namespace</li>");
    }
    page.raw("</ul>");
}

fn causes(page: &mut Page, episode: &Episode) {
    if episode.diagnoses.is_empty() {
        let text = if episode.ungraceful {
            "No cause that sigwhy knows was recognised."
        } else {
            "Nothing was wrong with it."
        };
        page.element("p", text);
    }
    for (index, diagnosis) in episode.diagnoses.iter().enumerate() {
        cause(page, diagnosis, index == 0);
    }
    for unknown in &episode.unknown {
        page.raw("<p class=\"loss\">Not certain: ")
            .text(unknown)
            .raw(".</p>");
    }
}

fn cause(page: &mut Page, diagnosis: &Diagnosis, is_first: bool) {
    page.raw("<div class=\"cause\"><p><b>")
        .raw(if is_first { "Cause" } else { "Also" })
        .raw("</b> <code>")
        .text(cli(&diagnosis.id))
        .raw("</code> ")
        .text(format_args!("{}.", diagnosis.summary))
        .raw("</p><p><b>Fix</b> ")
        .text(&diagnosis.fix)
        .raw("</p></div>");
}

fn table(page: &mut Page, episode: &Episode, drawn: &Picture, id: &str, number: usize) {
    // The first ones at once, the others when they are wanted.
    let is_open = number <= OPEN;
    page.tag("details").flag("open", is_open).end();
    page.raw("<summary>")
        .text(format_args!(
            "All {}, with the kernel's reasons",
            plural(drawn.events.len() as u64, "event")
        ))
        .raw("</summary><table class=\"events\"><thead><tr><th scope=\"col\" class=\"r\">#</th>")
        .raw(
            "<th scope=\"col\" class=\"r\">After</th><th scope=\"col\">What happened, and why</th>",
        )
        .raw("</tr></thead><tbody>");
    let mut number = 0;
    for (index, event) in drawn.events.iter().enumerate() {
        let is_drawn = event.what != What::Bystander;
        number += usize::from(is_drawn);
        let shown = is_drawn.then_some(number);
        row(page, event, (index + 1, shown), episode, id);
    }
    page.raw("</tbody></table>");
    if episode.timeline_omitted > 0 {
        page.raw("<p class=\"note\">")
            .text(format_args!(
                "The timeline had no room for {}.",
                plural(episode.timeline_omitted, "event")
            ))
            .raw("</p>");
    }
    page.raw("</details>");
}

fn row(
    page: &mut Page,
    event: &Event,
    (line, number): (usize, Option<usize>),
    episode: &Episode,
    id: &str,
) {
    let class = match event.what {
        What::Signal { fate, .. } => fate.class(),
        What::Exit { .. } | What::Bystander => "exit",
        What::Zap { .. } => "end",
        What::Note { .. } => "note",
    };
    page.tag("tr")
        .attr("id", format_args!("{id}e{line}"))
        .attr("class", class)
        .attr("tabindex", -1)
        .end();
    page.raw("<td class=\"r\">");
    match number {
        Some(number) => page.text(number),
        None => page.raw("&middot;"),
    };
    let since = seconds(event.at.saturating_sub(episode.began.mono_ns));
    page.raw("</td><td class=\"r\">+").text(since);
    page.raw("</td><td>");
    if let What::Signal { .. } = event.what {
        page.raw("<b class=\"chip\">")
            .text(format_args!("{} {}", event.name, event.word))
            .raw("</b> ");
    }
    page.text(&event.text);
    for (why, rule) in &event.why {
        page.raw("<p class=\"why\">")
            .text(why)
            .raw(" <code>")
            .text(rule)
            .raw("</code></p>");
    }
    page.raw("</td></tr>");
}
