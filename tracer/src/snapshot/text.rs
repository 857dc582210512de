//! The list of containers for people.

use std::io;

use anstyle::{AnsiColor, Style};

use super::Row;
use crate::output::{escape::terminal, table};
use crate::record::Runtime;

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
    let titles = [
        "NAME", "RUNTIME", "POD", "IMAGE", "PID NS", "MAIN", "PROCS", "STOP",
    ];
    let rows: Vec<_> = rows
        .iter()
        .map(|row| {
            let is_lost = row.stop.is_some_and(|stop| stop.is_lost());
            let style = match is_lost {
                true => AnsiColor::Red.on_default(),
                false => Style::new(),
            };
            (cells(row), style)
        })
        .collect();
    table::render(titles, &rows, out, colour)
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
        texts.map(|text| terminal(&text).into_owned());
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
