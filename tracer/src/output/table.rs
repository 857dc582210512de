//! A table for people: a line of titles, a line for each row.
//!
//! Cells come escaped. Not for a stream, whose widths nobody knows yet: that is
//! [`super::text`].

use std::fmt::Write as _;
use std::io;

use anstyle::Style;

/// A column is at most so many characters wide; what is longer is cut.
const WIDEST: usize = 40;

/// Writes the table. A column in which no row has anything but a dash is left
/// out; the last one is never cut.
///
/// # Errors
/// Those of the writer.
pub fn render<const N: usize>(
    titles: [&str; N],
    rows: &[([String; N], Style)],
    out: &mut impl io::Write,
    colour: bool,
) -> io::Result<()> {
    let paint = |style: Style| if colour { style } else { Style::new() };
    let cell = |cells: &[String; N], column: usize| {
        if column + 1 == N {
            cells[column].clone()
        } else {
            cut(&cells[column])
        }
    };
    let shown: Vec<(usize, usize)> = (0..N)
        .filter(|column| {
            rows.iter()
                .any(|(cells, _)| !matches!(cells[*column].as_str(), "" | "-"))
        })
        .map(|column| {
            let lengths = rows
                .iter()
                .map(|(cells, _)| cell(cells, column).chars().count());
            let width = lengths.chain([titles[column].len()]).max();
            (column, width.unwrap_or(0))
        })
        .collect();
    if shown.is_empty() {
        return Ok(());
    }
    let line = |text: &dyn Fn(usize) -> String| {
        let mut line = String::new();
        for (column, width) in &shown {
            // Writing to a String does not fail.
            let _ = write!(line, "{:<width$}  ", text(*column));
        }
        line.trim_end().to_owned()
    };
    let bold = paint(Style::new().bold());
    let title = line(&|column| titles[column].to_owned());
    writeln!(out, "{bold}{title}{bold:#}")?;
    for (cells, style) in rows {
        let style = paint(*style);
        let text = line(&|column| cell(cells, column));
        writeln!(out, "{style}{text}{style:#}")?;
    }
    Ok(())
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(WIDEST) {
        Some(_) => text.chars().take(WIDEST - 1).chain(['…']).collect(),
        None => text.to_owned(),
    }
}
