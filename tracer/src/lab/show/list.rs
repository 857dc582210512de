//! The table of contents.

use std::io::{self, Write};

use crate::lab::scenarios::Chapter;
use crate::output::text::Paint;
use crate::output::wrap::wrap;

/// The chapters, and the scenarios in each with a line about it.
///
/// # Errors
/// Those of the writer.
pub fn list(
    out: &mut impl Write,
    course: &[Chapter],
    columns: usize,
    paint: Paint,
) -> io::Result<()> {
    let scenarios = || course.iter().flat_map(|chapter| chapter.scenarios);
    let longest = scenarios().map(|s| s.name.len()).max().unwrap_or(0);
    let rest = " ".repeat(longest + 4);
    for (number, chapter) in (1..).zip(course) {
        let title = format!("{number}. {}", chapter.title);
        writeln!(out, "{}", paint.bold(&title))?;
        for scenario in chapter.scenarios {
            let first = format!("  {:<longest$}  ", scenario.name);
            writeln!(out, "{}", wrap(scenario.summary, columns, &first, &rest))?;
        }
        writeln!(out)?;
    }
    let first = scenarios().next().map_or("NAME", |s| s.name);
    let line = format!(
        "Begin with `sudo sigwhy lab run {first} --step`. `sigwhy lab show NAME` tells what a \
         lesson does and why, without running it."
    );
    writeln!(out, "{}", wrap(&line, columns, "", ""))?;
    out.flush()
}
