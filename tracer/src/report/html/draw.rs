//! The picture as SVG: places in percent and heights in pixels, so that one
//! picture fits any width and its text keeps its size.
//!
//! Shapes tell outcomes apart, colours only help. The heights are those of the
//! names beside it, in `page.css`.

use super::{
    axis::Axis,
    lanes::Lane,
    picture::{Event, Fate, Picture, Span, What},
    write::{Page, Percent},
};
use crate::record::duration;

/// Above the lanes: the strip to scale, and the numbers.
const TOP: u32 = 56;
/// The name of a group of lanes.
const GROUP: u32 = 24;
const LANE: u32 = 52;
/// The line of a lane, from its top.
const LINE: u32 = 38;
/// Below the lanes of the container: what the band is.
const FOOT: u32 = 20;
const AXIS: u32 = 30;

/// Where the numbers are.
const BADGE: u32 = 43;

/// Pixels of a picture's width on a desk and on a telephone; what does not fit
/// then is left out there.
const WIDE: f64 = 700.0;
const NARROW: f64 = 290.0;

/// Events up to which lines lead from the strip to the picture.
const RAYS: usize = 40;

/// Heights of everything, from the top.
struct Rows {
    lines: Vec<u32>,
    /// Top and bottom of the container's lanes.
    inside: (u32, u32),
    bottom: u32,
}

impl Rows {
    fn new(lanes: &[Lane]) -> Self {
        let mut at = TOP;
        let mut lines = Vec::new();
        let outside = lanes.iter().filter(|lane| !lane.is_inside).count();
        if outside > 0 {
            at += GROUP;
        }
        for _ in 0..outside {
            lines.push(at + LINE);
            at += LANE;
        }
        let top = at;
        at += GROUP;
        for _ in outside..lanes.len() {
            lines.push(at + LINE);
            at += LANE;
        }
        at += FOOT;
        Self {
            lines,
            inside: (top, at),
            bottom: at,
        }
    }
}

/// An event with its place.
struct Placed<'a> {
    event: &'a Event,
    /// As in the list, from 1.
    number: usize,
    x: Percent,
    /// What is free to its left and to its right, in percent.
    free: (f64, f64),
    label: Option<Label>,
}

/// What is written beside an event, on which side, and what of it fits on a
/// telephone.
#[derive(Debug, Clone, Copy)]
struct Label {
    is_right: bool,
    has_word: bool,
    narrow_name: bool,
    narrow_word: bool,
}

/// The axis of a picture.
pub fn axis(picture: &Picture) -> Axis {
    let mut times: Vec<u64> = Vec::new();
    for event in &picture.events {
        match event.what {
            What::Bystander => continue,
            What::Signal { until, .. } => times.extend(until),
            What::Exit { .. } | What::Zap { .. } | What::Note { .. } => {}
        }
        times.push(event.at);
    }
    for span in [picture.zap, picture.wasted].into_iter().flatten() {
        for end in [span.from, span.to] {
            if !times.contains(&end) {
                times.push(end);
            }
        }
    }
    Axis::new(times)
}

fn placed<'a>(picture: &'a Picture, axis: &Axis) -> Vec<Placed<'a>> {
    let mut placed: Vec<Placed<'_>> = Vec::new();
    let mut nth = 0;
    let mut before = None;
    for (index, event) in picture.events.iter().enumerate() {
        if event.what == What::Bystander {
            continue;
        }
        nth = if before == Some(event.at) { nth + 1 } else { 0 };
        before = Some(event.at);
        placed.push(Placed {
            event,
            number: index + 1,
            x: axis.place(event.at, nth),
            free: (0.0, 0.0),
            label: None,
        });
    }
    let xs: Vec<f64> = placed.iter().map(|one| one.x.0).collect();
    for (index, one) in placed.iter_mut().enumerate() {
        let left = index.checked_sub(1).map_or(0.0, |i| xs[i]);
        let right = xs.get(index + 1).copied().unwrap_or(100.0);
        one.free = (xs[index] - left, right - xs[index]);
    }
    labels(&mut placed);
    placed
}

/// Who may write where: a gap is for the label before it or for the one after it.
fn labels(placed: &mut [Placed<'_>]) {
    let mut is_left_free = true;
    for one in placed {
        let event = one.event;
        let is_plain = matches!(event.what, What::Zap { .. }) || event.name.is_empty();
        let (left, right) = one.free;
        let full = format!("{} {}", event.name, event.word);
        let left = if is_left_free { left } else { 0.0 };
        let side = |text: &str| {
            let by_right = fits(text, right, WIDE).then_some((true, right));
            by_right.or(fits(text, left, WIDE).then_some((false, left)))
        };
        let with_word = side(&full);
        let chosen = with_word.or_else(|| side(&event.name));
        one.label = chosen.filter(|_| !is_plain).map(|(is_right, room)| Label {
            is_right,
            has_word: with_word.is_some(),
            narrow_name: fits(&event.name, room, NARROW),
            narrow_word: fits(&full, room, NARROW),
        });
        is_left_free = !one.label.is_some_and(|label| label.is_right);
    }
}

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
        let words = format!("PID namespace ends: {}", duration(span.to - span.from));
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

#[expect(clippy::cast_precision_loss, reason = "a few dozen characters")]
fn fits(text: &str, percent: f64, width: f64) -> bool {
    text.chars().count() as f64 * 6.9 + 12.0 <= percent / 100.0 * width
}

fn lifelines(page: &mut Page, picture: &Picture, axis: &Axis, rows: &Rows) {
    for (lane, y) in rows.lines.iter().enumerate() {
        let end = picture.events.iter().find_map(|event| match event.what {
            What::Exit { lane: of, .. } if of == lane => Some(event.at),
            _ => None,
        });
        // One that several share has no end.
        let shared = picture.lanes[lane].about.ends_with("in one lane");
        match end.filter(|_| !shared) {
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

/// One event: a link to its line of the list, so that it can be reached and read
/// without a pointer and without a script.
fn event(page: &mut Page, one: &Placed<'_>, rows: &Rows, axis: &Axis, id: &str) {
    let event = one.event;
    if let What::Signal {
        to,
        until: Some(until),
        ..
    } = event.what
    {
        let end = axis.place(until, 0);
        page.tag("rect")
            .attr("class", "waits")
            .attr("x", one.x)
            .attr("y", rows.lines[to] - 3)
            .attr("width", Percent((end.0 - one.x.0).max(0.0)))
            .attr("height", 6)
            .empty();
    }
    let (class, from, to) = match event.what {
        What::Signal { from, to, fate, .. } => (fate.class(), rows.lines[from], rows.lines[to]),
        What::Exit { lane, .. } => ("exit", rows.lines[lane], rows.lines[lane]),
        What::Zap { lane } => ("end", rows.lines[lane], rows.lines[lane]),
        What::Note { lane } => ("note", rows.lines[lane], rows.lines[lane]),
        What::Bystander => return,
    };
    page.tag("svg")
        .attr("class", format_args!("ev {class}"))
        .attr("x", one.x)
        .attr("overflow", "visible")
        .end();
    page.tag("a")
        .attr("href", format_args!("#{id}e{}", one.number))
        .attr("data-row", format_args!("{id}e{}", one.number))
        .attr(
            "aria-label",
            format_args!("{}. {}", one.number, &event.text),
        )
        .end();
    page.element("title", &event.text);
    let top = from.min(to);
    vertical(page, "guide", BADGE + 9, top);
    vertical(page, "hit", BADGE, from.max(to));
    match event.what {
        What::Signal { fate, .. } => arrow(page, fate, from, to),
        What::Exit { killed, .. } => {
            path(page, "stop", &format!("M0 {}v14", to - 7));
            if killed {
                path(page, "stop", &format!("M-4 {}l8 8m0 -8l-8 8", to - 4));
            }
        }
        What::Zap { .. } => path(page, "shape", &format!("M0 {}l6 6l-6 6l-6 -6z", to - 6)),
        What::Note { .. } => circle(page, "shape", to, 4),
        What::Bystander => {}
    }
    label(page, one, to);
    circle(page, "badge", BADGE, 9);
    page.tag("text")
        .attr("class", "number")
        .attr("y", BADGE + 4)
        .attr("text-anchor", "middle")
        .end()
        .text(one.number)
        .close("text");
    page.close("a").close("svg");
}

/// From the sender's line to the target's, and a shape that says what came of it.
fn arrow(page: &mut Page, fate: Fate, from: u32, to: u32) {
    // To itself: from a little above.
    let (from, to) = (if from == to { to - 22 } else { from }, to);
    let down = from < to;
    let short = |by: u32| if down { to - by } else { to + by };
    circle(page, "from", from, 3);
    let reach = match fate {
        Fate::Delivered | Fate::Killed => short(8),
        Fate::Pending => short(5),
        Fate::Dropped | Fate::Ignored | Fate::Coalesced => short(14),
    };
    let (near, far) = (from.min(reach), from.max(reach));
    vertical(page, "shaft", near, far);
    let (tip, back) = (short(0), short(9));
    match fate {
        Fate::Delivered => path(page, "shape", &format!("M0 {tip}L-5 {back}H5z")),
        Fate::Killed => {
            path(page, "shape", &format!("M0 {tip}L-5 {back}H5z"));
            page.tag("rect")
                .attr("class", "shape")
                .attr("x", -5)
                .attr("y", to - 4)
                .attr("width", 10)
                .attr("height", 8)
                .empty();
        }
        Fate::Dropped => {
            let y = short(10);
            path(page, "cross", &format!("M-5 {}l10 10m0 -10l-10 10", y - 5));
            path(page, "wall", &format!("M-8 {}h16", short(2)));
        }
        Fate::Ignored => {
            let y = short(9);
            circle(page, "ring", y, 5);
            path(page, "cross", &format!("M-4 {}l8 -8", y + 4));
        }
        Fate::Pending => circle(page, "ring", to, 5),
        Fate::Coalesced => {
            let (a, b) = (short(12), short(6));
            let dip: i32 = if down { 5 } else { -5 };
            path(page, "cross", &format!("M-5 {a}l5 {dip}l5 {}", -dip));
            path(page, "cross", &format!("M-5 {b}l5 {dip}l5 {}", -dip));
        }
    }
}

/// Its name beside it, where there is room.
fn label(page: &mut Page, one: &Placed<'_>, y: u32) {
    let Some(label) = one.label else { return };
    let narrow = |fits| if fits { " nn" } else { "" };
    page.tag("text")
        .attr(
            "class",
            format_args!("lab name{}", narrow(label.narrow_name)),
        )
        .attr("x", if label.is_right { 11 } else { -11 })
        .attr("y", y - 10)
        .attr("text-anchor", if label.is_right { "start" } else { "end" })
        .end()
        .text(&one.event.name);
    if label.has_word && !one.event.word.is_empty() {
        page.tag("tspan")
            .attr(
                "class",
                format_args!("lab word{}", narrow(label.narrow_word)),
            )
            .end()
            .text(format_args!(" {}", one.event.word))
            .close("tspan");
    }
    page.close("text");
}

fn vertical(page: &mut Page, class: &'static str, from: u32, to: u32) {
    page.tag("line")
        .attr("class", class)
        .attr("y1", from)
        .attr("y2", to)
        .empty();
}

fn circle(page: &mut Page, class: &'static str, y: u32, radius: u32) {
    page.tag("circle")
        .attr("class", class)
        .attr("cy", y)
        .attr("r", radius)
        .empty();
}

fn path(page: &mut Page, class: &'static str, d: &str) {
    page.tag("path").attr("class", class).attr("d", d).empty();
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
        let (about, host) = lane.about.split_once(", ").unwrap_or((&lane.about, ""));
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

/// A sample of a shape, for the legend.
pub fn sample(page: &mut Page, fate: Fate) {
    page.tag("svg")
        .attr("class", format_args!("ev sample {}", fate.class()))
        .attr("width", 18)
        .attr("height", 26)
        .attr("viewBox", "-9 0 18 26")
        .attr("aria-hidden", "true")
        .end();
    arrow(page, fate, 4, 20);
    page.close("svg");
}
