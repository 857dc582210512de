//! Where everything of a picture is: heights in pixels, places in percent, and what
//! has room for its name. The drawing is [`super::draw`]'s and [`super::marks`]'.

use super::{
    axis::Axis,
    lanes::Lane,
    picture::{Event, Picture, What},
    write::Percent,
};

/// Above the lanes: the strip to scale, and the numbers.
pub const TOP: u32 = 56;
/// The name of a group of lanes.
pub const GROUP: u32 = 24;
pub const LANE: u32 = 52;
/// The line of a lane, from its top.
pub const LINE: u32 = 38;
/// Below the lanes of the container: what the band is.
pub const FOOT: u32 = 20;
pub const AXIS: u32 = 30;

/// Where the numbers are.
pub const BADGE: u32 = 43;

/// Pixels of a picture's width on a desk and on a telephone; what does not fit
/// then is left out there.
pub const WIDE: f64 = 740.0;
pub const NARROW: f64 = 290.0;

/// Heights of everything, from the top.
pub struct Rows {
    pub lines: Vec<u32>,
    /// Top and bottom of the container's lanes.
    pub inside: (u32, u32),
    pub bottom: u32,
}

impl Rows {
    pub fn new(lanes: &[Lane]) -> Self {
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
pub struct Placed<'a> {
    pub event: &'a Event,
    /// As in the list, from 1.
    pub number: usize,
    /// Which line of the list it is, from 1: those without a lane have no number.
    pub row: usize,
    pub x: Percent,
    /// What is free to its left and to its right, in percent.
    pub free: (f64, f64),
    pub label: Option<Label>,
}

/// What is written beside an event, on which side, and what of it fits on a
/// telephone.
#[derive(Debug, Clone, Copy)]
pub struct Label {
    pub is_right: bool,
    pub has_word: bool,
    pub narrow_name: bool,
    pub narrow_word: bool,
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

pub fn placed<'a>(picture: &'a Picture, axis: &Axis) -> Vec<Placed<'a>> {
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
            number: placed.len() + 1,
            row: index + 1,
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

/// Who may write where: a gap is shared by the label before it and the one after
/// it.
fn labels(placed: &mut [Placed<'_>]) {
    // What the label before has taken of the gap, on a desk and on a telephone.
    let mut used = (0.0, 0.0);
    for one in placed {
        let event = one.event;
        let (left, right) = one.free;
        let full = format!("{} {}", event.name, event.word);
        let is_plain = matches!(event.what, What::Zap { .. }) || event.name.is_empty();
        let room = |is_right: bool| {
            let gap = if is_right { right } else { left };
            let taken = if is_right { (0.0, 0.0) } else { used };
            (gap / 100.0 * WIDE - taken.0, gap / 100.0 * NARROW - taken.1)
        };
        let side = |text: &str| {
            [true, false]
                .into_iter()
                .find(|is_right| pixels(text) <= room(*is_right).0)
        };
        let with_word = side(&full);
        let chosen = with_word.or_else(|| side(&event.name));
        one.label = chosen.filter(|_| !is_plain).map(|is_right| Label {
            is_right,
            has_word: with_word.is_some(),
            narrow_name: pixels(&event.name) <= room(is_right).1,
            narrow_word: pixels(&full) <= room(is_right).1,
        });
        used = match one.label {
            Some(label) if label.is_right => {
                let shown = |word| {
                    if word {
                        pixels(&full)
                    } else {
                        pixels(&event.name)
                    }
                };
                let narrow = if label.narrow_name {
                    shown(label.narrow_word)
                } else {
                    0.0
                };
                (shown(label.has_word), narrow)
            }
            _ => (0.0, 0.0),
        };
    }
}

/// About how wide a name is, with what is free around it.
fn pixels(text: &str) -> f64 {
    text.chars().count() as f64 * 7.4 + 14.0
}

/// Whether a caption has room in a part of a width.
pub fn fits(text: &str, percent: f64, width: f64) -> bool {
    // Smaller than a name, and not bold.
    text.chars().count() as f64 * 6.6 + 10.0 <= percent / 100.0 * width
}
