//! The top of the page: what was read, what is missing of it, what it cost, the
//! causes, and the list of terminations.

use jiff::tz::TimeZone;

use super::write::{Page, Percent};
use crate::{
    diagnosis::catalogue::{self, cli},
    output::text::words,
    record::{Episode, Timestamp, duration},
    report::{
        Report, Told,
        text::{end, notes, plural, time},
        wasted,
    },
};

/// `3 terminations, 1 ungraceful`
pub fn title(report: &Report) -> String {
    match report.total {
        0 => "No termination of a container".to_owned(),
        total => format!(
            "{}, {} ungraceful",
            plural(total, "termination"),
            report.ungraceful
        ),
    }
}

pub fn write(page: &mut Page, report: &Report, shown: &[&Told], zone: &TimeZone) {
    page.raw("<header><p class=\"brand\">sigwhy report</p>");
    page.element("h1", title(report));
    let all: u64 = report
        .causes
        .values()
        .fold(0, |sum, toll| sum.saturating_add(toll.wasted));
    if all > 0 {
        page.raw("<p class=\"lead\"><b>")
            .text(duration(all))
            .raw("</b> went by between stop signals that came to nothing and the SIGKILLs that were needed after all.</p>");
    }
    sources(page, report, zone);
    page.raw("</header><main>");
    causes(page, report, all);
    list(page, report, shown, zone);
}

fn sources(page: &mut Page, report: &Report, zone: &TimeZone) {
    page.raw("<ul class=\"sources\">");
    for source in &report.sources {
        page.raw("<li><b>").text(&source.name).raw("</b>: ");
        page.text(plural(source.records, "record"));
        if !source.host.is_empty() {
            page.text(format_args!(
                " of {} (Linux {})",
                source.host, source.kernel
            ));
        }
        if let (Some(first), Some(last)) = (source.first, source.last) {
            page.text(format_args!(
                ", {} to {} {}",
                time(first, zone),
                time(last, zone),
                zone_name(last, zone)
            ));
        }
        for note in notes(source) {
            page.raw("<p class=\"loss\">").text(note).raw("</p>");
        }
        page.raw("</li>");
    }
    page.raw("</ul>");
}

/// `UTC`, `+02`: a page is read elsewhere.
fn zone_name(ts: Timestamp, zone: &TimeZone) -> String {
    jiff::Timestamp::from_nanosecond(i128::from(ts.0)).map_or_else(
        |_| String::new(),
        |at| at.to_zoned(zone.clone()).strftime("%Z").to_string(),
    )
}

fn causes(page: &mut Page, report: &Report, all: u64) {
    let causes = report.causes();
    if causes.is_empty() {
        return;
    }
    page.raw("<section aria-labelledby=\"causes\"><h2 id=\"causes\">Causes</h2>")
        .raw("<table class=\"causes\"><thead><tr><th scope=\"col\" class=\"r\">Count</th>")
        .raw("<th scope=\"col\" class=\"r\">Wasted</th><th scope=\"col\">Cause</th></tr></thead><tbody>");
    for (id, toll) in causes {
        let about = catalogue::ALL.iter().find(|entry| entry.id.id() == id);
        page.raw("<tr><td class=\"r\">").text(toll.count);
        page.raw("</td><td class=\"r\">").text(cost(toll.wasted));
        page.raw("</td><td><code>").text(cli(id)).raw("</code> ");
        page.text(about.map_or("", |entry| entry.about));
        bar(page, toll.wasted, all);
        page.raw("</td></tr>");
    }
    page.raw("</tbody></table></section>");
}

fn cost(ns: u64) -> String {
    match ns {
        0 => "-".to_owned(),
        ns => duration(ns),
    }
}

/// How much of the whole it is.
fn bar(page: &mut Page, part: u64, all: u64) {
    if part == 0 || all == 0 {
        return;
    }
    let percent = Percent(part as f64 / all as f64 * 100.0);
    page.raw("<svg class=\"bar\" width=\"100%\" height=\"4\" aria-hidden=\"true\">");
    page.tag("rect")
        .attr("width", percent)
        .attr("height", 4)
        .empty();
    page.raw("</svg>");
}

fn list(page: &mut Page, report: &Report, shown: &[&Told], zone: &TimeZone) {
    if shown.is_empty() {
        return;
    }
    page.raw(
        "<section aria-labelledby=\"list\"><h2 id=\"list\">Terminations, the costliest first</h2>",
    );
    filter(page, report);
    let several = shown.windows(2).any(|pair| pair[0].host != pair[1].host);
    page.raw("<table class=\"list\"><thead><tr><th scope=\"col\" class=\"r\">Wasted</th>")
        .raw("<th scope=\"col\">Container</th><th scope=\"col\">When</th><th scope=\"col\">Stop</th>")
        .raw("<th scope=\"col\">End</th><th scope=\"col\">Cause</th></tr></thead><tbody>");
    for (index, told) in shown.iter().enumerate() {
        let number = index + 1;
        let episode = &told.episode;
        row_tag(page, "tr", told, number, "");
        page.raw("<td class=\"r\">").text(cost(wasted(episode)));
        page.raw("</td><td>");
        let name = name(episode);
        if told.scene.is_some() {
            page.tag("a")
                .attr("href", format_args!("#t{number}"))
                .end()
                .text(&name)
                .close("a");
        } else {
            page.text(&name);
        }
        if several {
            page.text(format_args!(" on {}", told.host));
        }
        if let Some(image) = episode.container.as_ref().and_then(|c| c.image.as_ref()) {
            page.raw(" <small>").text(image).raw("</small>");
        }
        page.raw("</td><td>").text(time(episode.began.ts, zone));
        let stop = episode.stop_signal.as_ref().map_or("-", |stop| &stop.name);
        page.raw("</td><td>").text(stop);
        page.raw("</td><td>").text(end(episode));
        page.raw("</td><td>");
        for diagnosis in episode.diagnoses.iter().take(1) {
            page.element("code", cli(&diagnosis.id));
        }
        page.raw("</td></tr>");
    }
    page.raw("</tbody></table>");
    let rest = report.total - shown.len() as u64;
    if rest > 0 {
        page.raw("<p class=\"note\">")
            .text(format_args!(
                "and {rest} more, which cost less (--limit N lists more)"
            ))
            .raw("</p>");
    }
    page.raw("</section>");
}

/// Whose termination it is, whole: there is no column to fit into.
pub fn name(episode: &Episode) -> String {
    let Some(container) = &episode.container else {
        return words::process(&episode.init);
    };
    match (&container.pod_namespace, &container.pod) {
        (Some(space), Some(pod)) => format!("{space}/{pod}/{}", container.name),
        _ => container.name.clone(),
    }
}

/// What the filter goes by, on a line of the list and on a whole termination.
pub fn row_tag(page: &mut Page, name: &'static str, told: &Told, number: usize, class: &str) {
    let ids: Vec<_> = told.episode.diagnoses.iter().map(|d| cli(&d.id)).collect();
    let tag = page
        .tag(name)
        .attr("data-of", number)
        .attr("data-causes", ids.join(" "))
        .flag("data-ungraceful", told.episode.ungraceful);
    let class = if told.episode.ungraceful {
        format!("{class} bad")
    } else {
        class.to_owned()
    };
    tag.attr("class", class.trim()).end();
}

/// Only of use to the script, which shows it.
fn filter(page: &mut Page, report: &Report) {
    page.raw("<form class=\"filter\" id=\"filter\" role=\"search\" hidden>")
        .raw("<label>Find <input type=\"search\" id=\"find\" autocomplete=\"off\" placeholder=\"container, process, reason\"></label>")
        .raw("<label>Cause <select id=\"cause\"><option value=\"\">any</option>");
    for (id, _) in report.causes() {
        page.tag("option")
            .attr("value", cli(id))
            .end()
            .text(cli(id))
            .close("option");
    }
    page.raw("</select></label><label><input type=\"checkbox\" id=\"ungraceful\"> ungraceful only</label>")
        .raw("<output id=\"count\" aria-live=\"polite\"></output></form>");
}
