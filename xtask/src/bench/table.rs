//! The report, as Markdown that also reads well in a terminal.

use std::fmt::Write as _;
use std::fs;

use super::Plan;
use super::footprint::Fact;
use super::rotation::{Numbers, Outcome, Row};

/// Everything that was measured, and where.
pub fn render(plan: &Plan, rows: &[Row], facts: &[Fact]) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{}\n", machine());
    let _ = writeln!(
        text,
        "kill(2) to a process that ignores the signal, while somebody watches: \
         {} rounds in rotation, {} signals each.\n",
        plan.rounds, plan.flood
    );
    let header = [
        "watching", "ns/kill", "ratio", "target", "fastest", "ratio", "seen", "lost",
    ];
    text += &table(&header, &rows.iter().map(cells).collect::<Vec<_>>());
    text += "\nns/kill: the middle batch; fastest: the quickest one, \
             which a busy machine hardly moves. ratio: to nobody watching in the same round, the \
             median over the rounds. seen: events that came out \
             at the end, of those sent. lost: as the tool says itself, `-` where it does not.\n\n";
    let facts: Vec<Vec<String>> = facts
        .iter()
        .map(|fact| {
            let value = match &fact.value {
                Ok(value) => value.clone(),
                Err(why) => format!("not measured: {why}"),
            };
            vec![fact.name.to_owned(), value]
        })
        .collect();
    text += &table(&["sigwhy live --format json --all", "value"], &facts);
    text
}

fn cells(row: &Row) -> Vec<String> {
    let mut cells = vec![row.name.clone()];
    match &row.result {
        Outcome::Measured(numbers) => cells.extend(measured(numbers, row.target)),
        Outcome::Skipped(why) => cells.push(why.clone()),
        Outcome::Failed(why) => cells.push(format!("failed: {why}")),
    }
    cells.resize(8, String::new());
    cells
}

fn measured(numbers: &Numbers, target: Option<f64>) -> [String; 7] {
    let target = target.map_or(String::new(), |target| {
        let word = if numbers.ratio <= target {
            "met"
        } else {
            "missed"
        };
        format!("{target:.2} {word}")
    });
    let seen = numbers.seen.map_or(String::new(), |seen| {
        format!("{} of {}", seen.kept, numbers.sent)
    });
    let lost = numbers.seen.map_or(String::new(), |seen| {
        seen.lost.map_or("-".into(), |lost| lost.to_string())
    });
    [
        format!("{:.0}", numbers.median_ns),
        format!("{:.2}", numbers.ratio),
        target,
        format!("{:.0}", numbers.min_ns),
        format!("{:.2}", numbers.min_ratio),
        seen,
        lost,
    ]
}

/// A Markdown table with its columns lined up.
fn table(header: &[&str], rows: &[Vec<String>]) -> String {
    let escaped = |cell: &str| cell.replace('|', "\\|");
    let widths: Vec<usize> = header
        .iter()
        .enumerate()
        .map(|(column, name)| {
            let cells = rows.iter().map(|row| escaped(&row[column]).chars().count());
            cells.chain([name.chars().count()]).max().unwrap_or(0)
        })
        .collect();
    let line = |cells: Vec<String>| {
        let padded: Vec<String> = cells
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        format!("| {} |\n", padded.join(" | "))
    };
    let mut text = line(header.iter().map(|name| (*name).to_owned()).collect());
    text += &line(widths.iter().map(|width| "-".repeat(*width)).collect());
    for row in rows {
        text += &line(row.iter().map(|cell| escaped(cell)).collect());
    }
    text
}

/// One line on the machine, without its name.
fn machine() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let cpuinfo = read("/proc/cpuinfo");
    let model = cpuinfo
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or("unknown CPU", |(_, model)| model);
    let cpus = std::thread::available_parallelism().map_or(0, |n| n.get());
    let kernel = read("/proc/sys/kernel/osrelease");
    let load = read("/proc/loadavg");
    format!(
        "Linux {}, {cpus} CPUs ({model}), load average at the end {}.",
        kernel.trim(),
        load.split(' ').next().unwrap_or("unknown")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_bars_are_escaped() {
        let rows = [vec!["a|b".to_owned(), "1".to_owned()]];
        let text = table(&["name", "n"], &rows);
        assert_eq!(text, "| name | n |\n| ---- | - |\n| a\\|b | 1 |\n");
    }

    #[test]
    fn a_target_is_met_or_missed() {
        let numbers = Numbers {
            median_ns: 115.0,
            min_ns: 100.0,
            ratio: 1.15,
            min_ratio: 1.0,
            sent: 10,
            seen: None,
        };
        assert_eq!(measured(&numbers, Some(1.15))[2], "1.15 met");
        assert_eq!(measured(&numbers, Some(1.14))[2], "1.14 missed");
        assert_eq!(measured(&numbers, None)[2], "");
    }
}
