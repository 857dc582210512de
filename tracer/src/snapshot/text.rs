//! The list of containers for people.

use std::fmt::Write as _;
use std::io;

use anstyle::{AnsiColor, Style};

use super::Row;
use crate::output::escape::terminal;
use crate::record::Runtime;

/// A column is at most so many characters wide; what is longer is cut.
const WIDEST: usize = 40;

/// Writes the list, a line for each container below a line of titles.
///
/// # Errors
/// Those of the writer.
pub fn render(rows: &[Row], out: &mut impl io::Write, colour: bool) -> io::Result<()> {
    if rows.is_empty() {
        return writeln!(
            out,
            "no containers and no PID namespaces but the machine's own"
        );
    }
    let paint = |style: Style| if colour { style } else { Style::new() };
    let titles = [
        "NAME", "RUNTIME", "POD", "IMAGE", "PID NS", "MAIN", "PROCS", "STOP",
    ];
    let cells: Vec<[String; 8]> = rows.iter().map(cells).collect();
    let width = |column: usize| {
        let lengths = cells.iter().map(|row| row[column].chars().count());
        lengths.chain([titles[column].len()]).max().unwrap_or(0)
    };
    // A column in which nobody has anything only takes room.
    let is_shown = |column: usize| {
        cells
            .iter()
            .any(|row| !matches!(row[column].as_str(), "" | "-"))
    };
    let shown: Vec<(usize, usize)> = (0..titles.len())
        .filter(|column| is_shown(*column))
        .map(|column| (column, width(column)))
        .collect();
    let line = |texts: &[String]| {
        let mut line = String::new();
        for (column, width) in &shown {
            // Writing to a String does not fail.
            let _ = write!(line, "{:<width$}  ", texts[*column]);
        }
        line.trim_end().to_owned()
    };
    let bold = paint(Style::new().bold());
    writeln!(out, "{bold}{}{bold:#}", line(&titles.map(str::to_owned)))?;
    for (row, texts) in rows.iter().zip(&cells) {
        let is_lost = row.stop.is_some_and(|stop| stop.is_lost());
        let style = paint(match is_lost {
            true => AnsiColor::Red.on_default(),
            false => Style::new(),
        });
        writeln!(out, "{style}{}{style:#}", line(texts))?;
    }
    Ok(())
}

fn cells(row: &Row) -> [String; 8] {
    let dash = || "-".to_owned();
    let pod = match (&row.pod_namespace, &row.pod) {
        (Some(namespace), Some(pod)) => format!("{namespace}/{pod}"),
        (None, Some(pod)) => pod.clone(),
        _ => dash(),
    };
    let runtime = match row.runtime {
        Runtime::Unknown => "-",
        runtime => runtime.id(),
    };
    let main = match &row.main {
        Some(main) if main.args.is_empty() => format!("{} {}", main.pid, main.comm),
        Some(main) => format!("{} {}", main.pid, main.args.join(" ")),
        None => dash(),
    };
    let pid_ns = match row.pid_ns {
        Some(inode) if row.shares_pid_ns => format!("{inode} (shared)"),
        Some(inode) => inode.to_string(),
        None => dash(),
    };
    let image = row.image.clone().unwrap_or_else(dash);
    let texts = [
        row.name.clone(),
        runtime.to_owned(),
        pod,
        image,
        pid_ns,
        main,
        row.processes.to_string(),
    ];
    let [name, runtime, pod, image, pid_ns, main, processes] =
        texts.map(|text| cut(&terminal(&text)));
    // What becomes of the signal is what the list is for: never cut.
    [
        name,
        runtime,
        pod,
        image,
        pid_ns,
        main,
        processes,
        row.stop_words(),
    ]
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(WIDEST) {
        Some(_) => text.chars().take(WIDEST - 1).chain(['…']).collect(),
        None => text.to_owned(),
    }
}
