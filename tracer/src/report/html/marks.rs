//! An event as SVG: shapes tell outcomes apart, colours only help.

use super::{
    axis::Axis,
    layout::{BADGE, Placed, Rows},
    picture::{Fate, What},
    write::{Page, Percent},
};

/// One event: a link to its line of the list, so that it can be reached and read
/// without a pointer and without a script.
pub fn event(page: &mut Page, one: &Placed<'_>, rows: &Rows, axis: &Axis, id: &str) {
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
        .attr("href", format_args!("#{id}e{}", one.row))
        .attr("data-row", format_args!("{id}e{}", one.row))
        .attr("aria-label", format_args!("{}. {}", one.number, event.text))
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
