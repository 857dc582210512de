//! The picture as SVG: places in percent and heights in pixels, so that one
//! picture fits any width and its text keeps its size.
//!
//! The heights are those of the names beside it, in `page.css`.

use super::{
    axis::Axis,
    lanes::Lane,
    layout::{AXIS, BADGE, NARROW, Placed, Rows, TOP, WIDE, axis, fits, placed},
    marks::event,
    picture::{Picture, Span, What},
    write::{Page, Percent},
};
use crate::record::duration;

/// Events up to which lines lead from the strip to the picture.
const RAYS: usize = 40;

/// Draws it. `id` is that of the section, in which the list is too; `about` says
/// what the picture is of.
pub fn draw(page: &mut Page, picture: &Picture, id: &str, about: &str) {
    let axis = axis(picture);
    let rows = Rows::new(&picture.lanes);
    let events = placed(picture, &axis);
    page.tag("svg")
        .attr("class", "plot")
        .attr("width", "100%")
        .attr("height", rows.bottom + AXIS)
        .attr("role", "group")
        .attr("aria-label", about)
        .end();
    strip(page, picture, &axis, &events);
    background(page, picture, &axis, &rows);
    lifelines(page, picture, &axis, &rows);
    for one in &events {
        event(page, one, &rows, &axis, id);
    }
    scale(page, picture, &axis, &rows);
    page.close("svg");
}

/// The whole time to scale, and where each event is on it.
fn strip(page: &mut Page, picture: &Picture, axis: &Axis, events: &[Placed<'_>]) {
    let rect = |page: &mut Page, class: &'static str, from: Percent, to: Percent| {
        page.tag("rect")
            .attr("class", class)
            .attr("x", from)
            .attr("y", 4)
            .attr("width", Percent(to.0 - from.0))
            .attr("height", 9)
            .empty();
    };
    rect(page, "strip", Percent(4.0), Percent(96.0));
    if let Some(span) = picture.wasted {
        rect(
            page,
            "wasted",
            axis.to_scale(span.from),
            axis.to_scale(span.to),
        );
    }
    for one in events {
        let at = axis.to_scale(one.event.at);
        line(page, "tick", (at, 3), (at, 14));
        if events.len() <= RAYS {
            line(page, "ray", (at, 14), (one.x, BADGE - 9));
        }
    }
}

fn background(page: &mut Page, picture: &Picture, axis: &Axis, rows: &Rows) {
    let (top, bottom) = rows.inside;
    page.tag("rect")
        .attr("class", "inside")
        .attr("x", 1)
        .attr("y", top + 2)
        .attr("width", "99.7%")
        .attr("height", bottom - top - 4)
        .attr("rx", 6)
        .empty();
    if let Some(span) = picture.wasted {
        let (from, to) = band(page, "wasted", axis, span, (TOP, bottom));
        let words = format!("{} wasted", duration(span.to.saturating_sub(span.from)));
        let middle = Percent((from.0 + to.0) / 2.0);
        caption(
            page,
            "wasted-word",
            &words,
            middle,
            BADGE + 4,
            to.0 - from.0,
            "middle",
        );
    }
    if let Some(span) = picture.zap {
        let (from, to) = band(page, "zap", axis, span, (top + 2, bottom - 2));
        let words = format!(
            "PID namespace ends: {}",
            duration(span.to.saturating_sub(span.from))
        );
        let is_right = from.0 + to.0 > 100.0;
        let (at, room, anchor) = if is_right {
            (to, to.0, "end")
        } else {
            (from, 100.0 - from.0, "start")
        };
        caption(page, "zap-word", &words, at, bottom - 8, room, anchor);
    }
}

fn band(
    page: &mut Page,
    class: &'static str,
    axis: &Axis,
    span: Span,
    (top, bottom): (u32, u32),
) -> (Percent, Percent) {
    let (from, to) = (axis.place(span.from, 0), axis.place(span.to, 0));
    page.tag("rect")
        .attr("class", class)
        .attr("x", from)
        .attr("y", top)
        .attr("width", Percent((to.0 - from.0).max(0.3)))
        .attr("height", bottom - top)
        .empty();
    (from, to)
}

/// Text that is left out where `room` (in percent) is too little for it.
fn caption(
    page: &mut Page,
    class: &'static str,
    text: &str,
    x: Percent,
    y: u32,
    room: f64,
    anchor: &'static str,
) {
    if !fits(text, room, WIDE) {
        return;
    }
    let narrow = if fits(text, room, NARROW) { " nn" } else { "" };
    page.tag("text")
        .attr("class", format_args!("lab {class}{narrow}"))
        .attr("x", x)
        .attr("y", y)
        .attr("text-anchor", anchor)
        .end()
        .text(text)
        .close("text");
}

fn lifelines(page: &mut Page, picture: &Picture, axis: &Axis, rows: &Rows) {
    for (lane, y) in rows.lines.iter().enumerate() {
        let end = picture.events.iter().find_map(|event| match event.what {
            What::Exit { lane: of, .. } if of == lane => Some(event.at),
            _ => None,
        });
        // One that several share has no end.
        match end.filter(|_| !picture.lanes[lane].is_shared) {
            Some(end) => {
                let x = axis.place(end, 0);
                line(page, "life", (Percent(0.6), *y), (x, *y));
                line(page, "gone", (x, *y), (Percent(99.2), *y));
            }
            None => line(page, "life", (Percent(0.6), *y), (Percent(99.2), *y)),
        }
    }
}

fn line(page: &mut Page, class: &'static str, from: (Percent, u32), to: (Percent, u32)) {
    page.tag("line")
        .attr("class", class)
        .attr("x1", from.0)
        .attr("y1", from.1)
        .attr("x2", to.0)
        .attr("y2", to.1)
        .empty();
}

/// Below: how long each gap is, and when somebody ended who has no lane.
fn scale(page: &mut Page, picture: &Picture, axis: &Axis, rows: &Rows) {
    let y = rows.bottom + 8;
    for event in &picture.events {
        if event.what == What::Bystander {
            let x = axis.between(event.at);
            line(page, "mote", (x, y - 5), (x, y));
        }
    }
    for (from, to, gap) in axis.gaps() {
        line(page, "axis", (from, y), (to, y));
        line(page, "axis", (from, y - 3), (from, y + 3));
        line(page, "axis", (to, y - 3), (to, y + 3));
        let middle = Percent((from.0 + to.0) / 2.0);
        let text = duration(gap);
        caption(page, "gap", &text, middle, y + 16, to.0 - from.0, "middle");
    }
}

/// The names beside the picture: the same heights, from `page.css`.
pub fn heads(page: &mut Page, lanes: &[Lane], container: &str) {
    page.raw("<div class=\"heads\" aria-hidden=\"true\"><div class=\"h-top\">to scale</div>");
    if lanes.iter().any(|lane| !lane.is_inside) {
        page.raw("<div class=\"h-group\">outside</div>");
    }
    let mut is_inside = false;
    for lane in lanes {
        if lane.is_inside && !is_inside {
            is_inside = true;
            page.raw("<div class=\"h-group\">inside ")
                .text(container)
                .raw("</div>");
        }
        // On a telephone, its number in the container has to do.
        let (about, host) = match lane.about.split_once(", ") {
            Some(parts) if lane.is_inside => parts,
            _ => (lane.about.as_str(), ""),
        };
        page.raw("<div class=\"h-lane\"><b>")
            .text(&lane.name)
            .raw("</b> <span>")
            .text(about);
        if !host.is_empty() {
            page.raw("<i class=\"host\">, ").text(host).raw("</i>");
        }
        page.raw("</span></div>");
    }
    page.raw("</div>");
}
